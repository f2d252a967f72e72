// The filters, as tables by what they work on.
#pragma once

#include <span>
#include <string_view>

#include "text/jinja/arguments.h"
#include "text/jinja/evaluator.h"

namespace ondol::text::jinja {

struct FilterRow {
  std::string_view name;
  Value (*apply)(Evaluator& evaluator, const Value& input, const BoundArguments& arguments);
  Parameters parameters;
};

std::span<const FilterRow> text_filters();
std::span<const FilterRow> list_filters();
std::span<const FilterRow> select_filters();
std::span<const FilterRow> value_filters();

/// "a.b.0" as a path of subscripts, the way filters name attributes.
Value get_path(Run& run, const Value& item, const Value& path, const Value* fallback = nullptr);
/// Strings in lower case, other values as they are.
Value ignore_case(Run& run, const Value& value);

}  // namespace ondol::text::jinja
