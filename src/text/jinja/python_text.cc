#include "text/jinja/python_text.h"

#include <utf8proc.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <limits>

#include "base/utf8.h"

namespace ondol::text::jinja {
namespace {

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

char32_t last_char(std::string_view text, std::size_t* n_bytes) {
  std::size_t start = text.size() - 1;
  while (start > 0 && is_continuation(text[start])) --start;
  *n_bytes = text.size() - start;
  return decode_utf8(text.substr(start)).code_point;
}

bool contains_char(std::string_view chars, char32_t c) {
  for (std::size_t i = 0; i < chars.size();) {
    const Utf8Char member = decode_utf8(chars.substr(i));
    if (member.code_point == c) return true;
    i += member.n_bytes;
  }
  return false;
}

}  // namespace

std::size_t count_chars(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !is_continuation(c); }));
}

std::size_t byte_offset(std::string_view text, std::size_t char_index) {
  std::size_t n_seen = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_continuation(text[i])) continue;
    if (n_seen == char_index) return i;
    ++n_seen;
  }
  return text.size();
}

std::u32string to_code_points(std::string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const Utf8Char c = decode_utf8(text.substr(i));
    out += c.code_point;
    i += c.n_bytes;
  }
  return out;
}

std::string to_utf8(std::u32string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char32_t c : text) append_utf8(out, c);
  return out;
}

bool is_space(char32_t c) {
  if (c < 0x80) return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

std::string_view strip(std::string_view text, std::optional<std::string_view> chars, Side side) {
  const auto goes = [&chars](char32_t c) { return chars ? contains_char(*chars, c) : is_space(c); };
  while (side != Side::kRight && !text.empty()) {
    const Utf8Char c = decode_utf8(text);
    if (!goes(c.code_point)) break;
    text.remove_prefix(c.n_bytes);
  }
  while (side != Side::kLeft && !text.empty()) {
    std::size_t n_bytes = 0;
    if (!goes(last_char(text, &n_bytes))) break;
    text.remove_suffix(n_bytes);
  }
  return text;
}

std::vector<std::string_view> split(std::string_view text, std::string_view separator,
                                    std::int64_t max_splits) {
  std::vector<std::string_view> parts;
  while (max_splits != 0) {
    const std::size_t at = text.find(separator);
    if (at == std::string_view::npos) break;
    parts.push_back(text.substr(0, at));
    text.remove_prefix(at + separator.size());
    --max_splits;
  }
  parts.push_back(text);
  return parts;
}

std::vector<std::string_view> rsplit(std::string_view text, std::string_view separator,
                                     std::int64_t max_splits) {
  std::vector<std::string_view> parts;
  while (max_splits != 0) {
    const std::size_t at = text.rfind(separator);
    if (at == std::string_view::npos) break;
    parts.push_back(text.substr(at + separator.size()));
    text = text.substr(0, at);
    --max_splits;
  }
  parts.push_back(text);
  std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<std::string_view> split_spaces(std::string_view text, std::int64_t max_splits) {
  std::vector<std::string_view> parts;
  text = strip(text, std::nullopt, Side::kLeft);
  while (!text.empty() && max_splits != 0) {
    std::size_t end = 0;
    while (end < text.size()) {
      const Utf8Char c = decode_utf8(text.substr(end));
      if (is_space(c.code_point)) break;
      end += c.n_bytes;
    }
    parts.push_back(text.substr(0, end));
    text = strip(text.substr(end), std::nullopt, Side::kLeft);
    --max_splits;
  }
  if (!text.empty()) parts.push_back(text);  // as it stands, its end not stripped
  return parts;
}

std::vector<std::string_view> rsplit_spaces(std::string_view text, std::int64_t max_splits) {
  std::vector<std::string_view> parts;
  text = strip(text, std::nullopt, Side::kRight);
  while (!text.empty() && max_splits != 0) {
    std::size_t start = text.size();
    while (start > 0) {
      std::size_t n_bytes = 0;
      if (is_space(last_char(text.substr(0, start), &n_bytes))) break;
      start -= n_bytes;
    }
    parts.push_back(text.substr(start));
    text = strip(text.substr(0, start), std::nullopt, Side::kRight);
    --max_splits;
  }
  if (!text.empty()) parts.push_back(text);
  std::reverse(parts.begin(), parts.end());
  return parts;
}

namespace {

bool ends_line(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
         c == 0x2029;
}

}  // namespace

std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends) {
  std::vector<std::string_view> lines;
  std::size_t start = 0;
  for (std::size_t i = 0; i < text.size();) {
    const Utf8Char c = decode_utf8(text.substr(i));
    std::size_t next = i + c.n_bytes;
    if (ends_line(c.code_point)) {
      if (c.code_point == '\r' && next < text.size() && text[next] == '\n') ++next;
      lines.push_back(text.substr(start, (keep_ends ? next : i) - start));
      start = next;
    }
    i = next;
  }
  if (start < text.size()) lines.push_back(text.substr(start));
  return lines;
}

namespace {

std::string interleave(std::string_view text, std::string_view to, std::int64_t max_count) {
  std::string out;
  std::size_t i = 0;
  while (max_count != 0) {
    out += to;
    --max_count;
    if (i == text.size()) return out;
    const std::size_t n_bytes = decode_utf8(text.substr(i)).n_bytes;
    out += text.substr(i, n_bytes);
    i += n_bytes;
  }
  out += text.substr(i);
  return out;
}

}  // namespace

std::string replace(std::string_view text, std::string_view from, std::string_view to,
                    std::int64_t max_count) {
  if (from.empty()) return interleave(text, to, max_count);
  std::string out;
  while (max_count != 0) {
    const std::size_t at = text.find(from);
    if (at == std::string_view::npos) break;
    out += text.substr(0, at);
    out += to;
    text.remove_prefix(at + from.size());
    --max_count;
  }
  out += text;
  return out;
}

std::size_t count_occurrences(std::string_view text, std::string_view part) {
  if (part.empty()) return count_chars(text) + 1;
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos;
       at = text.find(part, at + part.size())) {
    ++n;
  }
  return n;
}

namespace {

template <class Predicate>
bool all_chars(std::string_view text, Predicate predicate) {
  for (std::size_t i = 0; i < text.size();) {
    const Utf8Char c = decode_utf8(text.substr(i));
    if (!predicate(c.code_point)) return false;
    i += c.n_bytes;
  }
  return !text.empty();
}

utf8proc_category_t category(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

bool is_letter(char32_t c) {
  switch (category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return true;
    default:
      return false;
  }
}

bool is_number_char(char32_t c) {
  switch (category(c)) {
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return true;
    default:
      return false;
  }
}

bool is_decimal_char(char32_t c) { return category(c) == UTF8PROC_CATEGORY_ND; }

// The superscripts and circled digits are digits to Python, though no decimals.
bool is_digit_char(char32_t c) {
  return is_decimal_char(c) || c == 0xB2 || c == 0xB3 || c == 0xB9 || c == 0x2070 ||
         (c >= 0x2074 && c <= 0x2079) || (c >= 0x2080 && c <= 0x2089) ||
         (c >= 0x2460 && c <= 0x2468) || (c >= 0x2474 && c <= 0x247C) ||
         (c >= 0x2488 && c <= 0x2490);
}

bool is_word_char(char32_t c) { return c == '_' || is_letter(c) || is_number_char(c); }

}  // namespace

bool is_alpha(std::string_view text) { return all_chars(text, is_letter); }
bool is_digit(std::string_view text) { return all_chars(text, is_digit_char); }
bool is_all_space(std::string_view text) { return all_chars(text, is_space); }
bool is_alnum(std::string_view text) {
  return all_chars(text, [](char32_t c) { return is_letter(c) || is_number_char(c); });
}

std::size_t count_words(std::string_view text) {
  std::size_t n = 0;
  bool inside = false;
  for (const char32_t c : to_code_points(text)) {
    const bool word = is_word_char(c);
    if (word && !inside) ++n;
    inside = word;
  }
  return n;
}

bool is_printable(char32_t c) {
  if (c == ' ') return true;
  switch (category(c)) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS:
      return false;
    default:
      return true;
  }
}

bool is_identifier(std::string_view name) {
  const std::u32string chars = to_code_points(name);
  if (chars.empty() || is_decimal_char(chars.front())) return false;
  return std::all_of(chars.begin(), chars.end(), is_word_char);
}

namespace {

std::string_view strip_number(std::string_view text) {
  return strip(text, std::nullopt, Side::kBoth);
}

int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'z') return c - 'a' + 10;
  if (c >= 'A' && c <= 'Z') return c - 'A' + 10;
  return 36;
}

// Takes "0x" and the like off when the base asks for it; sets a base of 0.
bool take_base_prefix(std::string_view* text, int* base) {
  int prefix_base = 0;
  if (text->size() > 1 && (*text)[0] == '0') {
    const char c = static_cast<char>((*text)[1] | 0x20);
    prefix_base = c == 'x' ? 16 : c == 'o' ? 8 : c == 'b' ? 2 : 0;
  }
  if (prefix_base != 0 && (*base == 0 || *base == prefix_base)) {
    text->remove_prefix(2);
    if (!text->empty() && text->front() == '_') text->remove_prefix(1);
    *base = prefix_base;
    return true;
  }
  if (*base == 0) {
    *base = 10;
    // A decimal literal may not begin with 0 unless it is all zeros.
    return text->empty() || text->front() != '0' ||
           text->find_first_not_of("0_") == std::string_view::npos;
  }
  return true;
}

}  // namespace

std::optional<std::int64_t> parse_int(std::string_view text, int base, bool* overflow) {
  *overflow = false;
  text = strip_number(text);
  bool negative = false;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  if (!take_base_prefix(&text, &base) || text.empty()) return std::nullopt;
  std::int64_t value = 0;
  bool after_digit = false;
  for (const char c : text) {
    if (c == '_' && after_digit) {
      after_digit = false;
      continue;
    }
    const int digit = digit_value(c);
    if (digit >= base) return std::nullopt;
    after_digit = true;
    // Summed up on the negative side, which reaches one further.
    if (__builtin_mul_overflow(value, base, &value) ||
        __builtin_sub_overflow(value, digit, &value)) {
      *overflow = true;
      value = 0;
    }
  }
  if (!after_digit) return std::nullopt;
  if (!negative && value == std::numeric_limits<std::int64_t>::min()) *overflow = true;
  if (*overflow) return std::nullopt;
  return negative ? value : -value;
}

std::optional<double> parse_float(std::string_view text) {
  text = strip_number(text);
  std::string digits;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      digits += text[i];
      continue;
    }
    const bool between = i > 0 && i + 1 < text.size() && digit_value(text[i - 1]) < 10 &&
                         digit_value(text[i + 1]) < 10;
    if (!between) return std::nullopt;
  }
  const char* begin = digits.c_str();
  const char* end = begin + digits.size();
  const bool plus = begin != end && *begin == '+';
  if (plus && begin + 1 != end && begin[1] == '-') return std::nullopt;
  double value = 0;
  // from_chars takes "inf", "infinity" and "nan" in any case, and "nan(...)",
  // which Python does not.
  if (digits.find('(') != std::string::npos) return std::nullopt;
  const auto [stop, error] = std::from_chars(begin + (plus ? 1 : 0), end, value);
  if (error == std::errc::invalid_argument || stop != end) return std::nullopt;
  // Out of range: strtod has Python's answer, infinity or zero.
  if (error != std::errc{}) return std::strtod(begin, nullptr);
  return value;
}

}  // namespace ondol::text::jinja
