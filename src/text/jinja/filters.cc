#include "text/jinja/filters.h"

#include <fmt/format.h>

#include <algorithm>

#include "text/jinja/evaluator_guards.h"
#include "text/jinja/operators.h"
#include "text/jinja/python_text.h"

namespace ondol::text::jinja {
namespace {

const FilterRow* find_filter(std::string_view name) {
  for (const auto rows : {text_filters(), list_filters(), select_filters(), value_filters()}) {
    const auto it = std::find_if(rows.begin(), rows.end(),
                                 [name](const FilterRow& row) { return row.name == name; });
    if (it != rows.end()) return &*it;
  }
  return nullptr;
}

}  // namespace

bool has_filter(std::string_view name) { return find_filter(name) != nullptr; }

Value Evaluator::apply_filter(std::string_view name, const Value& input,
                              const CallArguments& arguments) {
  const DepthGuard guard(*this);
  if (!run_.charge()) return {};
  const FilterRow* row = find_filter(name);
  if (!row) return run_.fail(fmt::format("No filter named '{}'.", name));
  const BoundArguments bound(run_, name, row->parameters, arguments);
  return run_.failed() ? Value() : row->apply(*this, input, bound);
}

Value get_path(Run& run, const Value& item, const Value& path, const Value* fallback) {
  const auto step = [&](const Value& from, const Value& key) {
    Value next = get_item(run, from, key);
    return fallback && next.is_undefined() ? *fallback : next;
  };
  if (!path.text()) return path.is_none() ? item : step(item, path);
  Value at = item;
  for (const std::string_view part : split(path.text()->bytes, ".", -1)) {
    if (run.failed()) return {};
    bool overflow = false;
    const auto index = is_digit(part) ? parse_int(part, 10, &overflow) : std::nullopt;
    at = step(at, index ? Value(*index) : make_text(std::string(part)));
  }
  return at;
}

Value ignore_case(Run& run, const Value& value) {
  return value.text() ? run.text(lower(value.text()->bytes)) : value;
}

}  // namespace ondol::text::jinja
