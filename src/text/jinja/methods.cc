#include "text/jinja/methods.h"

#include <algorithm>
#include <span>

#include "text/jinja/loop.h"
#include "text/jinja/operators.h"

namespace ondol::text::jinja {
namespace {

using Bound = BoundArguments;

Value dict_view(Run& run, const Value& self, SequenceKind kind) {
  std::vector<Value> out;
  if (!run.charge(self.dict()->size())) return {};
  for (const auto& [key, value] : self.dict()->entries()) {
    if (kind == SequenceKind::kDictKeys) {
      out.push_back(key);
    } else if (kind == SequenceKind::kDictValues) {
      out.push_back(value);
    } else {
      out.push_back(run.sequence(SequenceKind::kTuple, {key, value}));
    }
  }
  return run.sequence(kind, std::move(out));
}

Value dict_items(Run& run, const Value& self, const Bound&) {
  return dict_view(run, self, SequenceKind::kDictItems);
}
Value dict_keys(Run& run, const Value& self, const Bound&) {
  return dict_view(run, self, SequenceKind::kDictKeys);
}
Value dict_values(Run& run, const Value& self, const Bound&) {
  return dict_view(run, self, SequenceKind::kDictValues);
}

Value dict_get(Run& run, const Value& self, const Bound& arguments) {
  if (!hash_identity(*arguments.get(0))) return run.fail_type(*arguments.get(0), "is unhashable");
  if (const Value* found = self.dict()->find(*arguments.get(0))) return *found;
  return arguments.has(1) ? *arguments.get(1) : Value(None{});
}

// A copy of what cannot change is the thing itself.
Value copy_of(Run&, const Value& self, const Bound&) { return self; }

Value list_count(Run& run, const Value& self, const Bound& arguments) {
  std::int64_t n = 0;
  for (const Value& item : self.sequence()->items) n += equal(run, item, *arguments.get(0)) ? 1 : 0;
  return n;
}

Value list_index(Run& run, const Value& self, const Bound& arguments) {
  const auto& items = self.sequence()->items;
  const auto size = static_cast<std::int64_t>(items.size());
  const auto clip = [size](std::int64_t i) {
    return std::clamp<std::int64_t>(i < 0 ? i + size : i, 0, size);
  };
  const std::int64_t stop = clip(arguments.integer(2, size));
  for (std::int64_t i = clip(arguments.integer(1, 0)); i < stop && !run.failed(); ++i) {
    if (equal(run, items[static_cast<std::size_t>(i)], *arguments.get(0))) return i;
  }
  return run.fail("the value is not in the list");
}

Value loop_cycle(Run& run, const Value& self, const Bound& arguments) {
  const auto& values = arguments.raw().positional;
  if (values.empty()) return run.fail("no items for cycling given");
  return values[self.loop()->index0 % values.size()];
}

Value loop_changed(Run& run, const Value& self, const Bound& arguments) {
  LoopState& loop = *self.loop();
  const auto& values = arguments.raw().positional;
  const auto same = [&run](const Value& a, const Value& b) { return equal(run, a, b); };
  if (loop.last_changed && std::equal(values.begin(), values.end(), loop.last_changed->begin(),
                                      loop.last_changed->end(), same)) {
    return false;
  }
  loop.last_changed = values;
  return true;
}

constexpr MethodRow kDictMethods[] = {
    {"items", dict_items, {}},   {"keys", dict_keys, {}},
    {"values", dict_values, {}}, {"get", dict_get, {{"key", "default"}, 1}},
    {"copy", copy_of, {}},
};

constexpr MethodRow kListMethods[] = {
    {"count", list_count, {{"value"}, 1}},
    {"index", list_index, {{"value", "start", "stop"}, 1}},
    {"copy", copy_of, {}},
};

constexpr MethodRow kLoopMethods[] = {
    {"cycle", loop_cycle, {{}, 0, true}},
    {"changed", loop_changed, {{}, 0, true}},
};

constexpr std::string_view kUnsafeDict[] = {"clear", "pop", "popitem", "setdefault", "update"};
constexpr std::string_view kUnsafeList[] = {"append", "clear", "pop",    "reverse",
                                            "insert", "sort",  "extend", "remove"};

const MethodRow* find_row(std::span<const MethodRow> rows, std::string_view name) {
  const auto it = std::find_if(rows.begin(), rows.end(),
                               [name](const MethodRow& row) { return row.name == name; });
  return it == rows.end() ? nullptr : &*it;
}

bool has_name(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

const MethodRow* find_method(const Value& self, std::string_view name) {
  if (self.text()) return find_text_method(name);
  if (self.dict()) return find_row(kDictMethods, name);
  if (self.loop()) return find_row(kLoopMethods, name);
  const Sequence* list = self.list_or_tuple();
  const bool has_copy = list && list->kind == SequenceKind::kList;
  if (!list || (name == "copy" && !has_copy)) return nullptr;
  return find_row(kListMethods, name);
}

bool is_unsafe_attribute(const Value& self, std::string_view name) {
  if (self.dict() && has_name(kUnsafeDict, name)) return true;
  if (self.is_sequence(SequenceKind::kList) && has_name(kUnsafeList, name)) return true;
  return name.starts_with("__") && name.ends_with("__") && !self.dict();
}

}  // namespace ondol::text::jinja
