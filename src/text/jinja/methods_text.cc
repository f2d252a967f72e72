// The methods of str.
#include <algorithm>
#include <span>

#include "text/jinja/methods.h"
#include "text/jinja/operators.h"
#include "text/jinja/print.h"
#include "text/jinja/python_text.h"

namespace ondol::text::jinja {
namespace {

using Bound = BoundArguments;

std::string_view self_text(const Value& self) { return self.text()->bytes; }

// Work on a string is paid by its length.
bool pay(Run& run, const Value& self) { return run.charge(1 + self.text()->bytes.size() / 64); }

template <std::string (*kMap)(std::string_view)>
Value mapped(Run& run, const Value& self, const Bound&) {
  // A mapping goes through four bytes a character and may triple it.
  if (!pay(run, self) || !run.charge_memory(4 * self_text(self).size())) return {};
  return run.text(kMap(self_text(self)));
}

template <bool (*kTest)(std::string_view)>
Value tested(Run& run, const Value& self, const Bound&) {
  pay(run, self);
  return kTest(self_text(self));
}

template <Side kSide>
Value stripped(Run& run, const Value& self, const Bound& arguments) {
  std::optional<std::string_view> chars;
  if (arguments.has_value(0)) chars = arguments.text(0, {});
  // Each end character is searched among `chars`.
  if (!run.charge(1 + (chars ? chars->size() : 1) * self_text(self).size() / 64)) return {};
  return run.text(strip(self_text(self), chars, kSide));
}

Value to_list(Run& run, const std::vector<std::string_view>& parts) {
  std::vector<Value> out;
  if (!run.charge(parts.size())) return {};
  out.reserve(parts.size());
  for (const std::string_view part : parts) out.push_back(run.text(part));
  return run.list(std::move(out));
}

template <bool kFromRight>
Value split_text(Run& run, const Value& self, const Bound& arguments) {
  // A part can be one byte long: the views alone are sixteen times the text.
  if (!pay(run, self) || !run.charge_memory(16 * self_text(self).size())) return {};
  const std::int64_t max_splits = arguments.integer(1, -1);
  if (!arguments.has_value(0)) {
    return to_list(run, kFromRight ? rsplit_spaces(self_text(self), max_splits)
                                   : split_spaces(self_text(self), max_splits));
  }
  const std::string_view separator = arguments.text(0, {});
  if (run.failed()) return {};
  if (separator.empty()) return run.fail("empty separator");
  return to_list(run, kFromRight ? rsplit(self_text(self), separator, max_splits)
                                 : split(self_text(self), separator, max_splits));
}

Value split_into_lines(Run& run, const Value& self, const Bound& arguments) {
  if (!pay(run, self) || !run.charge_memory(16 * self_text(self).size())) return {};
  return to_list(run, split_lines(self_text(self), arguments.flag(0)));
}

template <bool kFromRight>
Value partition(Run& run, const Value& self, const Bound& arguments) {
  const std::string_view text = self_text(self);
  const std::string_view separator = arguments.text(0, {});
  if (run.failed() || !pay(run, self)) return {};
  if (separator.empty()) return run.fail("empty separator");
  const std::size_t at = kFromRight ? text.rfind(separator) : text.find(separator);
  std::vector<Value> parts;
  if (at == std::string_view::npos) {
    const Value empty = run.text(std::string());
    parts = kFromRight ? std::vector<Value>{empty, empty, self}
                       : std::vector<Value>{self, empty, empty};
  } else {
    parts = {run.text(text.substr(0, at)), run.text(separator),
             run.text(text.substr(at + separator.size()))};
  }
  return run.sequence(SequenceKind::kTuple, std::move(parts));
}

// The bytes between two character positions, clipped as Python's slices are;
// nothing when the start lies past the end, where not even "" is found.
struct Window {
  std::string_view text;
  std::int64_t first_char = 0;
  bool valid = false;
};

Window window(const Value& self, const Bound& arguments, std::size_t start_at) {
  const auto size = static_cast<std::int64_t>(self.text()->n_chars);
  const auto bound = [&](std::size_t i, std::int64_t fallback) {
    std::int64_t at = arguments.has_value(i) ? arguments.integer(i, fallback) : fallback;
    if (at < 0) at = std::max<std::int64_t>(at + size, 0);
    return at;
  };
  const std::int64_t start = bound(start_at, 0);
  const std::int64_t stop = std::min(bound(start_at + 1, size), size);
  if (start > stop) return {};
  const std::string_view text = self_text(self);
  const std::size_t from = byte_offset(text, static_cast<std::size_t>(start));
  const std::size_t to = byte_offset(text, static_cast<std::size_t>(stop));
  return {text.substr(from, to - from), start, true};
}

template <bool kFromRight, bool kMustExist>
Value find_part(Run& run, const Value& self, const Bound& arguments) {
  const std::string_view part = arguments.text(0, {});
  if (run.failed() || !pay(run, self)) return {};
  const Window w = window(self, arguments, 1);
  const std::size_t at = !w.valid     ? std::string_view::npos
                         : kFromRight ? w.text.rfind(part)
                                      : w.text.find(part);
  if (at != std::string_view::npos) {
    return w.first_char + static_cast<std::int64_t>(count_chars(w.text.substr(0, at)));
  }
  return kMustExist ? run.fail("substring not found") : Value(std::int64_t{-1});
}

Value count_part(Run& run, const Value& self, const Bound& arguments) {
  const std::string_view part = arguments.text(0, {});
  if (run.failed() || !pay(run, self)) return {};
  const Window w = window(self, arguments, 1);
  return w.valid ? static_cast<std::int64_t>(count_occurrences(w.text, part)) : std::int64_t{0};
}

template <bool kAtEnd>
Value has_affix(Run& run, const Value& self, const Bound& arguments) {
  if (!pay(run, self)) return {};
  const Window w = window(self, arguments, 1);
  const auto matches = [&](const Value& affix) {
    if (!affix.text()) {
      run.fail_type(affix, "is given where a str or a tuple of str is expected");
      return false;
    }
    const std::string_view bytes = affix.text()->bytes;
    return w.valid && (kAtEnd ? w.text.ends_with(bytes) : w.text.starts_with(bytes));
  };
  const Value& affix = *arguments.get(0);
  if (!affix.is_sequence(SequenceKind::kTuple)) return matches(affix);
  const auto& items = affix.sequence()->items;
  run.charge(items.size());
  return std::any_of(items.begin(), items.end(), matches);
}

template <bool kAtEnd>
Value without_affix(Run& run, const Value& self, const Bound& arguments) {
  const std::string_view text = self_text(self);
  const std::string_view affix = arguments.text(0, {});
  if (affix.empty() || !(kAtEnd ? text.ends_with(affix) : text.starts_with(affix))) return self;
  return run.text(kAtEnd ? text.substr(0, text.size() - affix.size()) : text.substr(affix.size()));
}

Value replace_part(Run& run, const Value& self, const Bound& arguments) {
  const std::string_view from = arguments.text(0, {});
  const std::string_view to = arguments.text(1, {});
  const std::int64_t max_count = arguments.integer(2, -1);
  if (run.failed() || !pay(run, self)) return {};
  auto n = static_cast<std::int64_t>(count_occurrences(self_text(self), from));
  if (max_count >= 0) n = std::min(n, max_count);
  // Paid before it is made: few bytes in can be many out.
  std::size_t grown = 0;
  if (__builtin_mul_overflow(static_cast<std::size_t>(n), to.size(), &grown)) grown = SIZE_MAX;
  if (!run.charge_memory(grown)) return {};
  return run.text(replace(self_text(self), from, to, max_count));
}

Value join_parts(Run& run, const Value& self, const Bound& arguments) {
  std::string out;
  bool first = true;
  for (const Value& item : iterate(run, *arguments.get(0))) {
    if (!item.text()) return run.fail_type(item, "is given where join expects a str");
    const std::string_view separator = first ? std::string_view() : self_text(self);
    if (!run.charge_memory(separator.size() + item.text()->bytes.size())) return {};
    out += separator;
    out += item.text()->bytes;
    first = false;
  }
  return run.failed() ? Value() : run.text(std::move(out));
}

enum class Align : std::uint8_t { kLeft, kRight, kCenter };

template <Align kAlign>
Value justified(Run& run, const Value& self, const Bound& arguments) {
  const std::string_view fill = arguments.text(1, " ");
  if (count_chars(fill) != 1)
    return run.fail("the fill character must be exactly one character long");
  const std::int64_t width = arguments.integer(0, 0);
  const auto size = static_cast<std::int64_t>(self.text()->n_chars);
  if (width <= size) return self;
  const auto pad = static_cast<std::size_t>(width - size);
  if (pad > run.limits().memory_bytes || !run.charge_memory(pad * fill.size())) {
    return run.fail_limit("bytes of values", run.limits().memory_bytes);
  }
  // Python's centre puts the odd one left only when the width is odd too.
  const std::size_t left = kAlign == Align::kLeft ? 0
                           : kAlign == Align::kRight
                               ? pad
                               : pad / 2 + (pad & static_cast<std::size_t>(width) & 1U);
  std::string out;
  for (std::size_t i = 0; i < left; ++i) out += fill;
  out += self_text(self);
  for (std::size_t i = left; i < pad; ++i) out += fill;
  return run.text(std::move(out));
}

Value zero_filled(Run& run, const Value& self, const Bound& arguments) {
  const std::int64_t width = arguments.integer(0, 0);
  const auto size = static_cast<std::int64_t>(self.text()->n_chars);
  if (width <= size) return self;
  const auto pad = static_cast<std::size_t>(width - size);
  if (!run.charge_memory(pad)) return {};
  std::string out(self_text(self));
  const bool is_signed = !out.empty() && (out[0] == '-' || out[0] == '+');
  out.insert(is_signed ? 1 : 0, pad, '0');
  return run.text(std::move(out));
}

Value format_text(Run& run, const Value& self, const Bound& arguments) {
  return run.text(format_braces(run, self_text(self), arguments.raw()));
}

bool is_ascii_text(std::string_view text) {
  return count_chars(text) == text.size() && std::all_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) < 0x80;
         });
}

constexpr Parameters kNone{};
constexpr Parameters kChars{{"chars"}, 0};
constexpr Parameters kSplit{{"sep", "maxsplit"}, 0};
constexpr Parameters kWindow{{"sub", "start", "end"}, 1};
constexpr Parameters kJustify{{"width", "fillchar"}, 1};

constexpr MethodRow kTextMethods[] = {
    {"strip", stripped<Side::kBoth>, kChars},
    {"lstrip", stripped<Side::kLeft>, kChars},
    {"rstrip", stripped<Side::kRight>, kChars},
    {"split", split_text<false>, kSplit},
    {"rsplit", split_text<true>, kSplit},
    {"splitlines", split_into_lines, {{"keepends"}, 0}},
    {"partition", partition<false>, {{"sep"}, 1}},
    {"rpartition", partition<true>, {{"sep"}, 1}},
    {"startswith", has_affix<false>, kWindow},
    {"endswith", has_affix<true>, kWindow},
    {"removeprefix", without_affix<false>, {{"prefix"}, 1}},
    {"removesuffix", without_affix<true>, {{"suffix"}, 1}},
    {"replace", replace_part, {{"old", "new", "count"}, 2}},
    {"find", find_part<false, false>, kWindow},
    {"rfind", find_part<true, false>, kWindow},
    {"index", find_part<false, true>, kWindow},
    {"rindex", find_part<true, true>, kWindow},
    {"count", count_part, kWindow},
    {"join", join_parts, {{"iterable"}, 1}},
    {"upper", mapped<upper>, kNone},
    {"lower", mapped<lower>, kNone},
    {"capitalize", mapped<capitalize>, kNone},
    {"title", mapped<title>, kNone},
    {"swapcase", mapped<swap_case>, kNone},
    {"isalpha", tested<is_alpha>, kNone},
    {"isdigit", tested<is_digit>, kNone},
    {"isalnum", tested<is_alnum>, kNone},
    {"isspace", tested<is_all_space>, kNone},
    {"islower", tested<is_lower>, kNone},
    {"isupper", tested<is_upper>, kNone},
    {"isascii", tested<is_ascii_text>, kNone},
    {"isidentifier", tested<is_identifier>, kNone},
    {"center", justified<Align::kCenter>, kJustify},
    {"ljust", justified<Align::kLeft>, kJustify},
    {"rjust", justified<Align::kRight>, kJustify},
    {"zfill", zero_filled, {{"width"}, 1}},
    {"format", format_text, {{}, 0, true}},
};

}  // namespace

const MethodRow* find_text_method(std::string_view name) {
  const auto* it = std::find_if(std::begin(kTextMethods), std::end(kTextMethods),
                                [name](const MethodRow& row) { return row.name == name; });
  return it == std::end(kTextMethods) ? nullptr : it;
}

}  // namespace ondol::text::jinja
