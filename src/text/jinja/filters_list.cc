// Filters on lists and dicts.
#include <fmt/format.h>

#include <algorithm>

#include "text/jinja/filters.h"
#include "text/jinja/operators.h"
#include "text/jinja/print.h"
#include "text/jinja/python_text.h"

namespace ondol::text::jinja {
namespace {

using Bound = BoundArguments;

Value generator(Run& run, std::vector<Value> items) {
  return run.sequence(SequenceKind::kGenerator, std::move(items));
}

// What items are ordered or told apart by.
Value key_of(Run& run, const Value& item, const Value* path, bool case_sensitive,
             const Value* fallback = nullptr) {
  const Value value = path ? get_path(run, item, *path, fallback) : item;
  return case_sensitive ? value : ignore_case(run, value);
}

std::vector<Value> keys_of(Run& run, const std::vector<Value>& items, const Value* path,
                           bool case_sensitive, const Value* fallback = nullptr) {
  std::vector<Value> keys;
  keys.reserve(items.size());
  for (const Value& item : items) {
    if (!run.charge()) return std::vector<Value>(items.size());
    keys.push_back(key_of(run, item, path, case_sensitive, fallback));
  }
  return keys;
}

Value length_filter(Evaluator& evaluator, const Value& input, const Bound&) {
  const auto n = length(input);
  return n ? Value(*n) : evaluator.run().fail_type(input, "has no len()");
}

Value first(Evaluator& evaluator, const Value& input, const Bound&) {
  Run& run = evaluator.run();
  if (Sequence* s = input.sequence()) {
    if (s->next_unread < s->items.size()) {
      const Value& item = s->items[s->next_unread];
      if (s->kind == SequenceKind::kGenerator) ++s->next_unread;
      return item;
    }
    return make_undefined("No first item, sequence was empty.");
  }
  const std::vector<Value> items = iterate(run, input);
  return items.empty() ? make_undefined("No first item, sequence was empty.") : items.front();
}

Value last(Evaluator& evaluator, const Value& input, const Bound&) {
  Run& run = evaluator.run();
  if (input.is_undefined() || input.is_sequence(SequenceKind::kGenerator) || input.loop()) {
    return run.fail_type(input, "is not reversible");
  }
  const std::vector<Value> items = iterate(run, input);
  return items.empty() ? make_undefined("No last item, sequence was empty.") : items.back();
}

Value list_filter(Evaluator& evaluator, const Value& input, const Bound&) {
  return evaluator.run().list(iterate(evaluator.run(), input));
}

Value reverse(Evaluator& evaluator, const Value& input, const Bound&) {
  Run& run = evaluator.run();
  if (const Text* text = input.text()) {
    if (!run.charge_memory(4 * text->bytes.size())) return {};
    std::u32string chars = to_code_points(text->bytes);
    std::reverse(chars.begin(), chars.end());
    return run.text(to_utf8(chars));
  }
  std::vector<Value> items = iterate(run, input);
  std::reverse(items.begin(), items.end());
  return input.is_sequence(SequenceKind::kGenerator) ? run.list(std::move(items))
                                                     : generator(run, std::move(items));
}

Value items_filter(Evaluator& evaluator, const Value& input, const Bound&) {
  Run& run = evaluator.run();
  if (!input.dict() && !input.is_undefined()) {
    return run.fail("Can only get item pairs from a mapping.");
  }
  std::vector<Value> out;
  if (input.dict()) {
    run.charge(input.dict()->size());
    for (const auto& [key, value] : input.dict()->entries()) {
      out.push_back(run.sequence(SequenceKind::kTuple, {key, value}));
    }
  }
  return generator(run, std::move(out));
}

// Several attributes, "a,b", order like a list of them.
Value sort(Evaluator& evaluator, const Value& input, const Bound& arguments) {
  Run& run = evaluator.run();
  std::vector<Value> items = iterate(run, input);
  const bool case_sensitive = arguments.flag(1);
  std::vector<Value> paths;
  if (arguments.has(2) && arguments.get(2)->text()) {
    for (const auto part : split(arguments.get(2)->text()->bytes, ",", -1)) {
      paths.push_back(run.text(part));
    }
  } else {
    paths.push_back(arguments.has(2) ? *arguments.get(2) : Value(None{}));
  }
  std::vector<Value> keys;
  for (const Value& item : items) {
    if (!run.charge(paths.size())) return {};
    std::vector<Value> key;
    for (const Value& path : paths) key.push_back(key_of(run, item, &path, case_sensitive));
    keys.push_back(run.list(std::move(key)));
  }
  if (run.failed()) return {};
  return run.list(sort_by(run, std::move(items), keys, arguments.flag(0)));
}

Value dictsort(Evaluator& evaluator, const Value& input, const Bound& arguments) {
  Run& run = evaluator.run();
  if (!input.dict()) return run.fail_type(input, "has no items to sort");
  const std::string_view by = arguments.text(1, "key");
  if (by != "key" && by != "value") {
    return run.fail("You can only sort by either \"key\" or \"value\"");
  }
  std::vector<Value> items;
  std::vector<Value> keys;
  for (const auto& [key, value] : input.dict()->entries()) {
    if (!run.charge()) return {};
    items.push_back(run.sequence(SequenceKind::kTuple, {key, value}));
    keys.push_back(key_of(run, by == "key" ? key : value, nullptr, arguments.flag(0)));
  }
  return run.list(sort_by(run, std::move(items), keys, arguments.flag(2)));
}

Value unique(Evaluator& evaluator, const Value& input, const Bound& arguments) {
  Run& run = evaluator.run();
  Dict seen;
  std::vector<Value> out;
  for (const Value& item : iterate(run, input)) {
    if (!run.charge() || !run.charge_memory(128)) return {};
    const Value key = key_of(run, item, arguments.get(1), arguments.flag(0));
    const std::size_t n_before = seen.size();
    if (!seen.set(key, None{})) return run.fail_type(key, "is unhashable");
    if (seen.size() > n_before) out.push_back(item);
  }
  return generator(run, std::move(out));
}

template <bool kLargest>
Value extreme(Evaluator& evaluator, const Value& input, const Bound& arguments) {
  Run& run = evaluator.run();
  const std::vector<Value> items = iterate(run, input);
  if (items.empty()) return make_undefined("No aggregated item, sequence was empty.");
  const std::vector<Value> keys = keys_of(run, items, arguments.get(1), arguments.flag(0));
  std::size_t best = 0;
  for (std::size_t i = 1; i < items.size() && !run.failed(); ++i) {
    const bool better = kLargest ? less(run, keys[best], keys[i]) : less(run, keys[i], keys[best]);
    if (better) best = i;
  }
  return items[best];
}

Value sum(Evaluator& evaluator, const Value& input, const Bound& arguments) {
  Run& run = evaluator.run();
  Value total = arguments.has(1) ? *arguments.get(1) : Value(std::int64_t{0});
  if (total.text()) return run.fail("sum() can't sum strings");
  for (const Value& item : iterate(run, input)) {
    if (!run.charge()) return {};
    const Value value = arguments.has_value(0) ? get_path(run, item, *arguments.get(0)) : item;
    total = arithmetic(run, Operator::kAdd, total, value);
  }
  return total;
}

Value groupby(Evaluator& evaluator, const Value& input, const Bound& arguments) {
  Run& run = evaluator.run();
  std::vector<Value> items = iterate(run, input);
  const Value* path = arguments.get(0);
  const Value* fallback = arguments.has_value(1) ? arguments.get(1) : nullptr;
  const bool case_sensitive = arguments.flag(2);
  const std::vector<Value> order = keys_of(run, items, path, case_sensitive, fallback);
  if (run.failed()) return {};
  items = sort_by(run, std::move(items), order, false);
  const std::vector<Value> keys = keys_of(run, items, path, case_sensitive, fallback);
  std::vector<Value> groups;
  for (std::size_t i = 0; i < items.size() && !run.failed();) {
    std::vector<Value> group;
    const std::size_t start = i;
    while (i < items.size() && equal(run, keys[start], keys[i])) group.push_back(items[i++]);
    if (i == start) group.push_back(items[i++]);  // NaN is not even equal to itself
    const Value name = case_sensitive ? keys[start] : get_path(run, group[0], *path, fallback);
    groups.push_back(run.sequence(SequenceKind::kTuple, {name, run.list(std::move(group))}));
  }
  return run.list(std::move(groups));
}

Value batch(Evaluator& evaluator, const Value& input, const Bound& arguments) {
  Run& run = evaluator.run();
  const std::int64_t size = arguments.integer(0, 0);
  std::vector<Value> out;
  std::vector<Value> current;
  for (const Value& item : iterate(run, input)) {
    if (static_cast<std::int64_t>(current.size()) == size) {
      out.push_back(run.list(std::exchange(current, {})));
    }
    if (!run.charge()) return {};
    current.push_back(item);
  }
  if (!current.empty()) {
    while (arguments.has_value(1) && static_cast<std::int64_t>(current.size()) < size &&
           run.charge_memory(sizeof(Value)) && run.charge()) {
      current.push_back(*arguments.get(1));
    }
    out.push_back(run.list(std::move(current)));
  }
  return generator(run, std::move(out));
}

Value slice_filter(Evaluator& evaluator, const Value& input, const Bound& arguments) {
  Run& run = evaluator.run();
  const std::vector<Value> items = iterate(run, input);
  const std::int64_t n_slices = arguments.integer(0, 0);
  if (n_slices == 0) return run.fail("division by zero");
  std::vector<Value> out;
  const auto n_items = static_cast<std::int64_t>(items.size());
  const std::int64_t each = n_slices > 0 ? n_items / n_slices : 0;
  const std::int64_t n_larger = n_slices > 0 ? n_items % n_slices : 0;
  auto at = items.begin();
  for (std::int64_t i = 0; i < n_slices && run.charge(); ++i) {
    const auto end = at + static_cast<std::ptrdiff_t>(each + (i < n_larger ? 1 : 0));
    std::vector<Value> part(at, end);
    if (arguments.has_value(1) && i >= n_larger) part.push_back(*arguments.get(1));
    out.push_back(run.list(std::move(part)));
    at = end;
  }
  return generator(run, std::move(out));
}

constexpr FilterRow kFilters[] = {
    {"length", length_filter, {}},
    {"count", length_filter, {}},
    {"first", first, {}},
    {"last", last, {}},
    {"list", list_filter, {}},
    {"reverse", reverse, {}},
    {"items", items_filter, {}},
    {"sort", sort, {{"reverse", "case_sensitive", "attribute"}, 0}},
    {"dictsort", dictsort, {{"case_sensitive", "by", "reverse"}, 0}},
    {"unique", unique, {{"case_sensitive", "attribute"}, 0}},
    {"max", extreme<true>, {{"case_sensitive", "attribute"}, 0}},
    {"min", extreme<false>, {{"case_sensitive", "attribute"}, 0}},
    {"sum", sum, {{"attribute", "start"}, 0}},
    {"groupby", groupby, {{"attribute", "default", "case_sensitive"}, 1}},
    {"batch", batch, {{"linecount", "fill_with"}, 1}},
    {"slice", slice_filter, {{"slices", "fill_with"}, 1}},
};

}  // namespace

std::span<const FilterRow> list_filters() { return kFilters; }

}  // namespace ondol::text::jinja
