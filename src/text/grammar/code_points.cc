#include "text/grammar/code_points.h"

#include <algorithm>
#include <array>
#include <span>

#include "base/utf8.h"

namespace ondol::text::grammar {
namespace {

constexpr char32_t kLastCodePoint = 0x10FFFF;

// All strings of continuation bytes between those of `low` and `high`, which have
// the same length, behind bytes that both have in common.
ExprId byte_strings(Rules& rules, std::string_view low, std::string_view high) {
  const auto first = static_cast<std::uint8_t>(low[0]);
  const auto last = static_cast<std::uint8_t>(high[0]);
  if (low.size() == 1) return rules.byte_range(first, last);
  const std::string_view low_rest = low.substr(1);
  const std::string_view high_rest = high.substr(1);
  const std::string least(low_rest.size(), '\x80');
  const std::string most(low_rest.size(), '\xBF');
  if (first == last)
    return rules.seq({rules.byte_range(first, first), byte_strings(rules, low_rest, high_rest)});
  std::vector<ExprId> parts;
  unsigned from = first;
  unsigned to = last;
  if (low_rest != least) {
    parts.push_back(
        rules.seq({rules.byte_range(first, first), byte_strings(rules, low_rest, most)}));
    ++from;
  }
  if (high_rest != most) {
    parts.push_back(
        rules.seq({rules.byte_range(last, last), byte_strings(rules, least, high_rest)}));
    --to;
  }
  if (from <= to) {
    parts.push_back(
        rules.seq({rules.byte_range(static_cast<std::uint8_t>(from), static_cast<std::uint8_t>(to)),
                   byte_strings(rules, least, most)}));
  }
  return rules.alt(parts);
}

// JSON's two-character escapes: the character, and the letter behind the backslash.
constexpr std::array<std::pair<char32_t, char>, 7> kShortEscapes = {
    {{'"', '"'}, {'\\', '\\'}, {'\b', 'b'}, {'\f', 'f'}, {'\n', 'n'}, {'\r', 'r'}, {'\t', 't'}}};

bool needs_escape(char32_t c) { return c < 0x20 || c == '"' || c == '\\'; }

std::string json_escape(char32_t c) {
  for (const auto& [character, letter] : kShortEscapes) {
    if (c == character) return {'\\', letter};
  }
  constexpr std::string_view kHex = "0123456789abcdef";
  return {'\\', 'u', '0', '0', kHex[c >> 4], kHex[c & 15]};
}

}  // namespace

CodePoints::CodePoints(std::vector<Range> ranges) : ranges_(std::move(ranges)) { normalize(); }

void CodePoints::normalize() {
  std::vector<Range> cut;
  for (const auto& [low, high] : ranges_) {
    if (low < 0xD800) cut.emplace_back(low, std::min<char32_t>(high, 0xD7FF));
    if (high > 0xDFFF)
      cut.emplace_back(std::max<char32_t>(low, 0xE000), std::min(high, kLastCodePoint));
  }
  std::ranges::sort(cut);
  ranges_.clear();
  for (const Range& range : cut) {
    if (range.first > range.second) continue;
    if (!ranges_.empty() && range.first <= ranges_.back().second + 1) {
      ranges_.back().second = std::max(ranges_.back().second, range.second);
    } else {
      ranges_.push_back(range);
    }
  }
}

void CodePoints::add(const CodePoints& other) {
  ranges_.insert(ranges_.end(), other.ranges_.begin(), other.ranges_.end());
  normalize();
}

CodePoints CodePoints::complement() const {
  std::vector<Range> rest;
  char32_t next = 0;
  for (const auto& [low, high] : ranges_) {
    if (low > next) rest.emplace_back(next, low - 1);
    next = high + 1;
  }
  if (next <= kLastCodePoint) rest.emplace_back(next, kLastCodePoint);
  return CodePoints(std::move(rest));
}

CodePoints CodePoints::intersect(const CodePoints& other) const {
  std::vector<Range> both;
  for (std::size_t i = 0, j = 0; i < ranges_.size() && j < other.ranges_.size();) {
    const char32_t low = std::max(ranges_[i].first, other.ranges_[j].first);
    const char32_t high = std::min(ranges_[i].second, other.ranges_[j].second);
    if (low <= high) both.emplace_back(low, high);
    if (ranges_[i].second < other.ranges_[j].second)
      ++i;
    else
      ++j;
  }
  return CodePoints(std::move(both));
}

ExprId utf8_expr(Rules& rules, const CodePoints& set) {
  ByteSet ascii;
  std::vector<ExprId> parts;
  // Encodings of one length compare like their characters.
  constexpr std::array<CodePoints::Range, 4> kLengths = {
      {{0, 0x7F}, {0x80, 0x7FF}, {0x800, 0xFFFF}, {0x10000, kLastCodePoint}}};
  for (const auto& [low, high] : set.ranges()) {
    for (const auto& [first, last] : kLengths) {
      const char32_t from = std::max(low, first);
      const char32_t to = std::min(high, last);
      if (from > to) continue;
      if (last == 0x7F) {
        for (char32_t c = from; c <= to; ++c) ascii.set(c);
        continue;
      }
      std::string from_bytes;
      std::string to_bytes;
      append_utf8(from_bytes, from);
      append_utf8(to_bytes, to);
      parts.push_back(byte_strings(rules, from_bytes, to_bytes));
    }
  }
  if (ascii.any()) parts.push_back(rules.bytes(ascii));
  return rules.alt(parts);
}

ExprId json_char_expr(Rules& rules, const CodePoints& set) {
  static const CodePoints kEscaped({{0, 0x1F}, {'"', '"'}, {'\\', '\\'}});
  std::vector<ExprId> parts = {utf8_expr(rules, set.intersect(kEscaped.complement()))};
  const CodePoints escaped = set.intersect(kEscaped);
  for (const auto& [low, high] : escaped.ranges()) {
    for (char32_t c = low; c <= high; ++c) parts.push_back(rules.literal(json_escape(c)));
  }
  return rules.alt(parts);
}

std::string json_string_content(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Utf8Char c = decode_utf8(text);
    if (needs_escape(c.code_point))
      out += json_escape(c.code_point);
    else
      out += text.substr(0, c.n_bytes);
    text.remove_prefix(c.n_bytes);
  }
  return out;
}

}  // namespace ondol::text::grammar
