// Python's operators, indexing and iteration on values. Errors go to the run.
#pragma once

#include <string_view>
#include <vector>

#include "text/jinja/ast.h"
#include "text/jinja/run.h"
#include "text/jinja/value.h"

namespace ondol::text::jinja {

/// + - * / // % **
Value arithmetic(Run& run, Operator op, const Value& left, const Value& right);
Value negate(Run& run, const Value& value);
Value positive(Run& run, const Value& value);

/// == != < <= > >= in, not in
bool compare(Run& run, Operator op, const Value& left, const Value& right);
bool equal(Run& run, const Value& left, const Value& right);
bool less(Run& run, const Value& left, const Value& right);
bool contains(Run& run, const Value& container, const Value& item);
/// Python's `is`: the same object; strings and numbers of the same value count.
bool identical(Run& run, const Value& left, const Value& right);

/// value[key]: the item, else the attribute of that name, else undefined.
Value get_item(Run& run, const Value& value, const Value& key);
/// value.name: the attribute, else the item, else undefined.
Value get_attribute(Run& run, const Value& value, std::string_view name);
Value slice(Run& run, const Value& value, const Value& start, const Value& stop, const Value& step);

/// What `for` would see. A generator is read to its end by this.
std::vector<Value> iterate(Run& run, const Value& value);
/// len(value); nothing where Python raises TypeError.
std::optional<std::int64_t> length(const Value& value);

/// Stable; errors of the comparison go to the run. `keys` order `items`.
std::vector<Value> sort_by(Run& run, std::vector<Value> items, const std::vector<Value>& keys,
                           bool reverse);

}  // namespace ondol::text::jinja
