// Methods of strings, lists, dicts and loops, and the global functions: tables
// of what there is, so that nothing else can be reached.
#pragma once

#include <cstdint>
#include <string_view>

#include "text/jinja/arguments.h"
#include "text/jinja/run.h"
#include "text/jinja/value.h"

namespace ondol::text::jinja {

struct MethodRow {
  std::string_view name;
  Value (*call)(Run& run, const Value& self, const BoundArguments& arguments);
  Parameters parameters;
};

struct GlobalRow {
  std::string_view name;
  Value (*call)(Run& run, const BoundArguments& arguments);
  Parameters parameters;
};

const MethodRow* find_method(const Value& self, std::string_view name);
const MethodRow* find_text_method(std::string_view name);

/// What Python's immutable sandbox hides: methods that change their object,
/// and names with two leading underscores.
bool is_unsafe_attribute(const Value& self, std::string_view name);

const GlobalRow* find_global(std::string_view name);

}  // namespace ondol::text::jinja
