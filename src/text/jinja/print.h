// Values as text: str(), repr(), json.dumps(), % and str.format. Every function
// pays for what it writes; after an error the text is cut short.
#pragma once

#include <string>
#include <string_view>

#include "text/jinja/arguments.h"
#include "text/jinja/run.h"
#include "text/jinja/value.h"

namespace ondol::text::jinja {

std::string to_str(Run& run, const Value& value);
std::string to_repr(Run& run, const Value& value);
void append_str(Run& run, std::string& out, const Value& value);
void append_repr(Run& run, std::string& out, const Value& value);

/// repr(float): the shortest digits that read back as the same number.
std::string float_repr(double value);

struct JsonStyle {
  bool ensure_ascii = false;
  bool sort_keys = false;
  bool multi_line = false;
  std::string indent;  // one level of it, when multi_line
  std::string item_separator = ", ";
  std::string key_separator = ": ";
};

/// json.dumps as Hugging Face's tojson calls it: no HTML escapes.
std::string to_json(Run& run, const Value& value, const JsonStyle& style);

/// format % values
std::string format_percent(Run& run, std::string_view format, const Value& values);
/// format.format(*arguments)
std::string format_braces(Run& run, std::string_view format, const CallArguments& arguments);

}  // namespace ondol::text::jinja
