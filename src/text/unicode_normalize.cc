// Unicode normal forms (UAX #15) on utf8proc's tables. utf8proc's own string
// functions sort runs of combining marks by insertion, quadratic in a hostile
// text; here each run is sorted in O(n log n).
#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "text/case_fold.h"
#include "text/normalizer.h"
#include "text/unicode_classes.h"

namespace ondol::text {
namespace {

// Characters that stand for themselves in NFC whatever surrounds them, as far
// as a cheap test can tell: most text needs no more.
bool is_surely_nfc(char32_t c) {
  return c < 0x300 || (c >= 0x3041 && c <= 0x3096) || (c >= 0x30A1 && c <= 0x30FA) ||
         (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0xAC00 && c <= 0xD7A3) ||
         (c >= 0x400 && c <= 0x482) || (c >= 0x2010 && c <= 0x2027);
}

bool is_surely_normal(std::string_view text, NormalForm form) {
  for (std::size_t at = 0; at < text.size();) {
    if (static_cast<unsigned char>(text[at]) < 0x80) {
      ++at;
      continue;
    }
    const Utf8Char c = decode_utf8(text.substr(at));
    if (form != NormalForm::kNfc || !is_surely_nfc(c.code_point)) return false;
    at += c.n_bytes;
  }
  return true;
}

int combining_class(utf8proc_int32_t c) {
  if (c < 0x300) return 0;
  const int result = utf8proc_get_property(c)->combining_class;
  return result != 0 && is_new_to_normalization(static_cast<char32_t>(c)) ? 0 : result;
}

void append_decomposed(char32_t c, utf8proc_option_t options, std::vector<utf8proc_int32_t>& out) {
  if (is_new_to_normalization(c)) {
    out.push_back(static_cast<utf8proc_int32_t>(c));
    return;
  }
  std::array<utf8proc_int32_t, 32> parts;  // the longest decomposition has 18
  int boundary = 0;
  const auto n = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), parts.data(),
                                         parts.size(), options, &boundary);
  if (n <= 0 || static_cast<std::size_t>(n) > parts.size()) {
    out.push_back(static_cast<utf8proc_int32_t>(c));
    return;
  }
  out.insert(out.end(), parts.begin(), parts.begin() + n);
}

// Stable, by combining class.
void sort_marks(std::span<utf8proc_int32_t> marks) {
  if (marks.size() < 2) return;
  std::vector<std::pair<int, std::size_t>> order;
  for (std::size_t i = 0; i < marks.size(); ++i) order.emplace_back(combining_class(marks[i]), i);
  std::sort(order.begin(), order.end());
  const std::vector<utf8proc_int32_t> old(marks.begin(), marks.end());
  for (std::size_t i = 0; i < marks.size(); ++i) marks[i] = old[order[i].second];
}

// UAX #15, canonical ordering: each run of marks by combining class, stable.
void reorder(std::vector<utf8proc_int32_t>& chars) {
  for (std::size_t i = 0; i < chars.size();) {
    if (combining_class(chars[i]) == 0) {
      ++i;
      continue;
    }
    std::size_t end = i;
    while (end < chars.size() && combining_class(chars[end]) != 0) ++end;
    sort_marks(std::span(chars).subspan(i, end - i));
    i = end;
  }
}

}  // namespace

std::string normalize_unicode(std::string_view text, NormalForm form) {
  if (is_surely_normal(text, form)) return std::string(text);
  const bool compose = form == NormalForm::kNfc || form == NormalForm::kNfkc;
  const bool compat = form == NormalForm::kNfkc || form == NormalForm::kNfkd;
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE |
                                                      (compat ? UTF8PROC_COMPAT : 0));

  std::vector<utf8proc_int32_t> chars;
  chars.reserve(text.size());
  while (!text.empty()) {
    const Utf8Char c = decode_utf8(text);
    append_decomposed(c.code_point, options, chars);
    text.remove_prefix(c.n_bytes);
  }
  reorder(chars);
  auto n = static_cast<utf8proc_ssize_t>(chars.size());
  if (compose) {
    const auto composing = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    n = std::max<utf8proc_ssize_t>(0, utf8proc_normalize_utf32(chars.data(), n, composing));
  }
  std::string out;
  for (utf8proc_ssize_t i = 0; i < n; ++i) {
    append_utf8(out, static_cast<char32_t>(chars[static_cast<std::size_t>(i)]));
  }
  return out;
}

namespace {

// Upper case newer than utf8proc's tables (Unicode 16 and 17).
char32_t newer_lower(char32_t c) {
  switch (c) {
    case 0xA7CB:
      return 0x264;
    case 0xA7DC:
      return 0x19B;
    case 0x1C89:
    case 0xA7CC:
    case 0xA7CE:
    case 0xA7D2:
    case 0xA7D4:
    case 0xA7DA:
      return c + 1;
    default:
      if (c >= 0x10D50 && c <= 0x10D65) return c + 0x20;
      if (c >= 0x16EA0 && c <= 0x16EB8) return c + 0x1B;
      return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
  }
}

}  // namespace

std::string to_lower(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Utf8Char c = decode_utf8(text);
    if (c.code_point == 0x130) {
      out += "i\xCC\x87";
    } else {
      append_utf8(out, newer_lower(c.code_point));
    }
    text.remove_prefix(c.n_bytes);
  }
  return out;
}

}  // namespace ondol::text
