// Indexing, attributes, slices and iteration.
#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.h"
#include "text/jinja/loop.h"
#include "text/jinja/methods.h"
#include "text/jinja/operators.h"
#include "text/jinja/print.h"
#include "text/jinja/python_text.h"

namespace ondol::text::jinja {
namespace {

std::string object_name(const Value& value) {
  return value.is_none() ? "None" : fmt::format("{} object", type_name(value));
}

Value missing(Run& run, const Value& value, const Value& key) {
  if (const Text* name = key.text()) {
    return make_undefined(
        fmt::format("'{}' has no attribute '{}'", object_name(value), name->bytes));
  }
  return make_undefined(fmt::format("{} has no element {}", object_name(value), to_repr(run, key)));
}

bool indexable(const Sequence& s) { return s.kind <= SequenceKind::kRange; }

// The character of a string, or the item of a list, counted from the end when
// negative.
std::optional<Value> at_index(Run& run, const Value& value, std::int64_t index) {
  const auto size = length(value).value_or(0);
  if (index < 0) index += size;
  if (index < 0 || index >= size) return std::nullopt;
  const auto i = static_cast<std::size_t>(index);
  if (const Sequence* s = value.sequence()) return s->items[i];
  const Text& text = *value.text();
  if (text.ascii()) return run.text(text.bytes.substr(i, 1));
  run.charge(text.bytes.size() / 64);
  const std::size_t at = byte_offset(text.bytes, i);
  return run.text(
      text.bytes.substr(at, decode_utf8(std::string_view(text.bytes).substr(at)).n_bytes));
}

std::optional<Value> item_of(Run& run, const Value& value, const Value& key) {
  if (const Dict* dict = value.dict()) {
    const Value* found = dict->find(key);
    return found ? std::optional(*found) : std::nullopt;
  }
  const bool takes_index = value.text() || (value.sequence() && indexable(*value.sequence()));
  if (const auto index = key.as_int(); index && takes_index) return at_index(run, value, *index);
  return std::nullopt;
}

Value number_of(std::size_t n) { return static_cast<std::int64_t>(n); }

std::optional<Value> loop_attribute(const LoopState& loop, std::string_view name) {
  const std::size_t n = loop.items.size();
  if (name == "index") return number_of(loop.index0 + 1);
  if (name == "index0") return number_of(loop.index0);
  if (name == "revindex") return number_of(n - loop.index0);
  if (name == "revindex0") return number_of(n - loop.index0 - 1);
  if (name == "first") return Value(loop.index0 == 0);
  if (name == "last") return Value(loop.index0 + 1 >= n);
  if (name == "length") return number_of(n);
  if (name == "depth") return number_of(loop.depth0 + 1);
  if (name == "depth0") return number_of(loop.depth0);
  if (name == "previtem") {
    return loop.index0 > 0 ? loop.items[loop.index0 - 1]
                           : make_undefined("there is no previous item");
  }
  if (name == "nextitem") {
    return loop.index0 + 1 < n ? loop.items[loop.index0 + 1]
                               : make_undefined("there is no next item");
  }
  return std::nullopt;
}

std::optional<Value> attribute_of(Run& run, const Value& value, std::string_view name) {
  if (const Namespace* ns = value.name_space()) {
    const Value* found = ns->find(name);
    return found ? std::optional(*found) : std::nullopt;
  }
  if (const LoopState* loop = value.loop()) {
    if (auto found = loop_attribute(*loop, name)) return found;
  }
  if (const MethodRow* row = find_method(value, name)) {
    if (!run.charge_memory(sizeof(BoundMethod))) return Value();
    return Value(Value::Storage(
        std::make_shared<const BoundMethod>(BoundMethod{.self = value, .row = row})));
  }
  if (is_unsafe_attribute(value, name)) {
    return make_undefined(
        fmt::format("access to attribute '{}' of '{}' object is unsafe.", name, type_name(value)));
  }
  return std::nullopt;
}

}  // namespace

Value get_item(Run& run, const Value& value, const Value& key) {
  if (value.is_undefined()) return run.fail_type(value, "");
  if (auto found = item_of(run, value, key)) return *std::move(found);
  if (const Text* name = key.text()) {
    if (auto found = attribute_of(run, value, name->bytes)) return *std::move(found);
  }
  return missing(run, value, key);
}

Value get_attribute(Run& run, const Value& value, std::string_view name) {
  if (value.is_undefined()) return run.fail_type(value, "");
  if (auto found = attribute_of(run, value, name)) return *std::move(found);
  if (const Dict* dict = value.dict()) {
    if (const Value* found = dict->find(name)) return *found;
  }
  return missing(run, value, make_text(std::string(name)));
}

std::optional<std::int64_t> length(const Value& value) {
  const auto number = [](std::size_t n) { return static_cast<std::int64_t>(n); };
  if (value.is_undefined()) return 0;
  if (const Text* text = value.text()) return number(text->n_chars);
  if (const Dict* dict = value.dict()) return number(dict->size());
  if (const LoopState* loop = value.loop()) return number(loop->items.size());
  const Sequence* s = value.sequence();
  if (s && s->kind != SequenceKind::kGenerator) return number(s->items.size());
  return std::nullopt;
}

namespace {

// One bound of a slice, as Python's slice.indices() clips it.
std::int64_t clip(std::int64_t bound, std::int64_t size, bool backwards) {
  if (bound < 0) bound += size;
  const std::int64_t low = backwards ? -1 : 0;
  const std::int64_t high = backwards ? size - 1 : size;
  return std::clamp(bound, low, std::max(low, high));
}

struct SliceRange {
  std::int64_t start = 0;
  std::int64_t stop = 0;
  std::int64_t step = 1;
  std::size_t count() const {
    const std::int64_t distance = step > 0 ? stop - start : start - stop;
    if (distance <= 0) return 0;
    const std::uint64_t stride =
        step > 0 ? static_cast<std::uint64_t>(step) : 0 - static_cast<std::uint64_t>(step);
    return static_cast<std::size_t>((static_cast<std::uint64_t>(distance) - 1) / stride + 1);
  }
};

Value slice_text(Run& run, const Text& text, const SliceRange& range) {
  const std::size_t n = range.count();
  if (n == 0) return run.text(std::string());
  run.charge(text.bytes.size() / 64);
  if (range.step == 1) {
    const auto start = static_cast<std::size_t>(range.start);
    if (text.ascii()) return run.text(text.bytes.substr(start, n));
    const std::size_t from = byte_offset(text.bytes, start);
    const std::string_view tail = std::string_view(text.bytes).substr(from);
    return run.text(tail.substr(0, byte_offset(tail, n)));
  }
  if (!run.charge_memory(text.n_chars * sizeof(char32_t))) return {};
  const std::u32string chars = to_code_points(text.bytes);
  std::u32string out;
  std::int64_t at = range.start;
  for (std::size_t i = 0; i < n; ++i) {
    out += chars[static_cast<std::size_t>(at)];
    if (i + 1 < n) at += range.step;
  }
  return run.text(to_utf8(out));
}

Value slice_sequence(Run& run, const Sequence& sequence, const SliceRange& range) {
  const std::size_t n = range.count();
  if (!run.charge(n)) return {};
  std::vector<Value> items;
  items.reserve(n);
  std::int64_t at = range.start;
  for (std::size_t i = 0; i < n; ++i) {
    items.push_back(sequence.items[static_cast<std::size_t>(at)]);
    if (i + 1 < n) at += range.step;
  }
  return run.sequence(sequence.kind, std::move(items));
}

}  // namespace

Value slice(Run& run, const Value& value, const Value& start, const Value& stop,
            const Value& step) {
  if (value.is_undefined()) return run.fail_type(value, "");
  const Sequence* sequence = value.sequence();
  const bool sliceable = value.text() || (sequence && indexable(*sequence));
  if (!sliceable) return run.fail_type(value, "cannot be sliced");
  for (const Value* bound : {&start, &stop, &step}) {
    if (bound->is_undefined()) return run.fail_type(*bound, "");
    if (!bound->is_none() && !bound->as_int()) return run.fail("slice indices must be integers");
  }
  SliceRange range;
  range.step = step.as_int().value_or(1);
  if (range.step == 0) return run.fail("slice step cannot be zero");
  const bool backwards = range.step < 0;
  const std::int64_t size = *length(value);
  range.start =
      start.is_none() ? (backwards ? size - 1 : 0) : clip(*start.as_int(), size, backwards);
  range.stop = stop.is_none() ? (backwards ? -1 : size) : clip(*stop.as_int(), size, backwards);
  return sequence ? slice_sequence(run, *sequence, range) : slice_text(run, *value.text(), range);
}

std::vector<Value> iterate(Run& run, const Value& value) {
  std::vector<Value> out;
  if (value.is_undefined()) return out;
  if (Sequence* s = value.sequence()) {
    run.charge(s->items.size());
    if (s->kind != SequenceKind::kGenerator) return s->items;
    out.assign(s->items.begin() + static_cast<std::ptrdiff_t>(s->next_unread), s->items.end());
    s->next_unread = s->items.size();
    return out;
  }
  if (const Dict* dict = value.dict()) {
    run.charge(dict->size());
    for (const auto& entry : dict->entries()) out.push_back(entry.first);
    return out;
  }
  if (const LoopState* loop = value.loop()) return loop->items;
  if (const Text* text = value.text()) {
    if (!run.charge(text->n_chars) || !run.charge_memory(text->n_chars * 64)) return out;
    for (std::string_view rest = text->bytes; !rest.empty();) {
      const std::size_t n = decode_utf8(rest).n_bytes;
      out.push_back(make_text(std::string(rest.substr(0, n))));
      rest.remove_prefix(n);
    }
    return out;
  }
  run.fail_type(value, "is not iterable");
  return out;
}

}  // namespace ondol::text::jinja
