#include "text/jinja/value.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "text/jinja/loop.h"
#include "text/jinja/python_text.h"

namespace ondol::text::jinja {

const Sequence* Value::list_or_tuple() const {
  const Sequence* s = sequence();
  const bool indexable = s && (s->kind == SequenceKind::kList || s->kind == SequenceKind::kTuple);
  return indexable ? s : nullptr;
}

std::optional<std::int64_t> Value::as_int() const {
  if (const auto* i = as<std::int64_t>()) return *i;
  if (const bool* b = as<bool>()) return *b ? 1 : 0;
  return std::nullopt;
}

std::optional<double> Value::as_number() const {
  if (const auto* d = as<double>()) return *d;
  if (const auto i = as_int()) return static_cast<double>(*i);
  return std::nullopt;
}

namespace {

// 2^63 is exact as a double, so the comparison decides what fits an int64.
constexpr double kTwo63 = 9223372036854775808.0;

std::string number_identity(double d) {
  if (std::nearbyint(d) == d && d >= -kTwo63 && d < kTwo63) {
    return "i" + std::to_string(static_cast<std::int64_t>(d));
  }
  return "f" + std::to_string(std::bit_cast<std::uint64_t>(d));
}

std::optional<std::string> tuple_identity(const Sequence& tuple) {
  std::string out = "t";
  for (const Value& item : tuple.items) {
    const auto part = hash_identity(item);
    if (!part) return std::nullopt;
    out += std::to_string(part->size()) + ":" + *part;
  }
  return out;
}

// Namespaces, macros and the like are equal to nothing but themselves.
std::string address_identity(const void* address) {
  return "p" + std::to_string(reinterpret_cast<std::uintptr_t>(address));
}

}  // namespace

std::optional<std::string> hash_identity(const Value& value) {
  if (const Text* text = value.text()) return "s" + text->bytes;
  if (const auto i = value.as_int()) return "i" + std::to_string(*i);
  if (const auto* d = value.as<double>()) return number_identity(*d);
  if (value.is_none()) return "n";
  if (value.is_undefined()) return "u";
  if (value.is_sequence(SequenceKind::kTuple)) return tuple_identity(*value.sequence());
  if (value.is_sequence(SequenceKind::kList) || value.dict()) return std::nullopt;
  if (const Sequence* s = value.sequence()) return address_identity(s);
  if (value.name_space()) return address_identity(value.name_space());
  if (value.macro()) return address_identity(value.macro());
  if (value.loop()) return address_identity(value.loop());
  if (value.method()) return address_identity(value.method());
  return address_identity(value.global());
}

bool Dict::set(Value key, Value value) {
  auto identity = hash_identity(key);
  if (!identity) return false;
  depth_ = std::max({depth_, 1 + depth_of(key), 1 + depth_of(value)});
  const auto [it, inserted] = index_.emplace(*std::move(identity), entries_.size());
  if (inserted) {
    entries_.emplace_back(std::move(key), std::move(value));
  } else {
    entries_[it->second].second = std::move(value);
  }
  return true;
}

const Value* Dict::find_identity(std::string_view identity) const {
  const auto it = index_.find(identity);
  return it == index_.end() ? nullptr : &entries_[it->second].second;
}

const Value* Dict::find(const Value& key) const {
  const auto identity = hash_identity(key);
  return identity ? find_identity(*identity) : nullptr;
}

const Value* Dict::find(std::string_view key) const {
  return find_identity("s" + std::string(key));
}

const Value* Namespace::find(std::string_view name) const {
  for (const auto& [key, value] : attributes) {
    if (key == name) return &value;
  }
  return nullptr;
}

void Namespace::set(std::string_view name, Value value) {
  for (auto& [key, old] : attributes) {
    if (key == name) {
      old = std::move(value);
      return;
    }
  }
  attributes.emplace_back(name, std::move(value));
}

Value make_text(std::string bytes) {
  auto text = std::make_shared<Text>();
  text->n_chars = count_chars(bytes);
  text->bytes = std::move(bytes);
  return Value(Value::Storage(std::shared_ptr<const Text>(std::move(text))));
}

Value make_sequence(SequenceKind kind, std::vector<Value> items) {
  auto sequence = std::make_shared<Sequence>();
  sequence->kind = kind;
  for (const Value& item : items) {
    sequence->depth = std::max(sequence->depth, 1 + depth_of(item));
  }
  sequence->items = std::move(items);
  return Value(Value::Storage(std::move(sequence)));
}

Value make_dict(Dict dict) {
  return Value(Value::Storage(std::make_shared<const Dict>(std::move(dict))));
}

Value make_undefined(std::string message) {
  return Value(Value::Storage(Undefined{std::make_shared<const std::string>(std::move(message))}));
}

std::uint32_t depth_of(const Value& value) {
  if (const Sequence* s = value.sequence()) return s->depth;
  if (const Dict* d = value.dict()) return d->depth();
  if (const BoundMethod* m = value.method()) return 1 + depth_of(m->self);
  if (const LoopState* loop = value.loop()) return loop->depth_of_items;
  return 0;
}

bool truthy(const Value& value) {
  if (value.is_undefined() || value.is_none()) return false;
  if (const auto* d = value.as<double>()) return *d != 0;
  if (const auto i = value.as_int()) return *i != 0;
  if (const Text* text = value.text()) return !text->bytes.empty();
  if (const Dict* d = value.dict()) return d->size() != 0;
  if (const Sequence* s = value.sequence()) {
    return s->kind == SequenceKind::kGenerator || !s->items.empty();
  }
  if (const LoopState* loop = value.loop()) return !loop->items.empty();
  return true;
}

std::string_view type_name(const Value& value) {
  static constexpr std::string_view kSequenceNames[] = {
      "list", "tuple", "range", "generator", "dict_items", "dict_keys", "dict_values"};
  static constexpr std::string_view kNames[] = {
      "Undefined", "NoneType",  "bool",  "int",         "float",  "str",     "list",
      "dict",      "Namespace", "Macro", "LoopContext", "method", "function"};
  if (const Sequence* s = value.sequence()) return kSequenceNames[static_cast<int>(s->kind)];
  return kNames[value.storage().index()];
}

}  // namespace ondol::text::jinja
