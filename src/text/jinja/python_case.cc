// Case mapping. utf8proc has the mappings of one character to one; where Unicode
// maps one to several, SpecialCasing.txt is listed here.
#include <utf8proc.h>

#include <algorithm>
#include <array>

#include "base/utf8.h"
#include "text/jinja/python_text.h"

namespace ondol::text::jinja {
namespace {

struct SpecialCase {
  char32_t from;
  std::u32string_view upper;
  std::u32string_view title;
};

// Unicode SpecialCasing.txt, the unconditional mappings, sorted.
constexpr std::array kSpecialCases = {
    SpecialCase{0x00DF, U"SS", U"Ss"},
    SpecialCase{0x0149, U"\u02BCN", U"\u02BCN"},
    SpecialCase{0x01F0, U"J\u030C", U"J\u030C"},
    SpecialCase{0x0390, U"\u0399\u0308\u0301", U"\u0399\u0308\u0301"},
    SpecialCase{0x03B0, U"\u03A5\u0308\u0301", U"\u03A5\u0308\u0301"},
    SpecialCase{0x0587, U"\u0535\u0552", U"\u0535\u0582"},
    SpecialCase{0x1E96, U"H\u0331", U"H\u0331"},
    SpecialCase{0x1E97, U"T\u0308", U"T\u0308"},
    SpecialCase{0x1E98, U"W\u030A", U"W\u030A"},
    SpecialCase{0x1E99, U"Y\u030A", U"Y\u030A"},
    SpecialCase{0x1E9A, U"A\u02BE", U"A\u02BE"},
    SpecialCase{0x1F50, U"\u03A5\u0313", U"\u03A5\u0313"},
    SpecialCase{0x1F52, U"\u03A5\u0313\u0300", U"\u03A5\u0313\u0300"},
    SpecialCase{0x1F54, U"\u03A5\u0313\u0301", U"\u03A5\u0313\u0301"},
    SpecialCase{0x1F56, U"\u03A5\u0313\u0342", U"\u03A5\u0313\u0342"},
    SpecialCase{0x1F80, U"\u1F08\u0399", U"\u1F88"},
    SpecialCase{0x1F81, U"\u1F09\u0399", U"\u1F89"},
    SpecialCase{0x1F82, U"\u1F0A\u0399", U"\u1F8A"},
    SpecialCase{0x1F83, U"\u1F0B\u0399", U"\u1F8B"},
    SpecialCase{0x1F84, U"\u1F0C\u0399", U"\u1F8C"},
    SpecialCase{0x1F85, U"\u1F0D\u0399", U"\u1F8D"},
    SpecialCase{0x1F86, U"\u1F0E\u0399", U"\u1F8E"},
    SpecialCase{0x1F87, U"\u1F0F\u0399", U"\u1F8F"},
    SpecialCase{0x1F88, U"\u1F08\u0399", U"\u1F88"},
    SpecialCase{0x1F89, U"\u1F09\u0399", U"\u1F89"},
    SpecialCase{0x1F8A, U"\u1F0A\u0399", U"\u1F8A"},
    SpecialCase{0x1F8B, U"\u1F0B\u0399", U"\u1F8B"},
    SpecialCase{0x1F8C, U"\u1F0C\u0399", U"\u1F8C"},
    SpecialCase{0x1F8D, U"\u1F0D\u0399", U"\u1F8D"},
    SpecialCase{0x1F8E, U"\u1F0E\u0399", U"\u1F8E"},
    SpecialCase{0x1F8F, U"\u1F0F\u0399", U"\u1F8F"},
    SpecialCase{0x1F90, U"\u1F28\u0399", U"\u1F98"},
    SpecialCase{0x1F91, U"\u1F29\u0399", U"\u1F99"},
    SpecialCase{0x1F92, U"\u1F2A\u0399", U"\u1F9A"},
    SpecialCase{0x1F93, U"\u1F2B\u0399", U"\u1F9B"},
    SpecialCase{0x1F94, U"\u1F2C\u0399", U"\u1F9C"},
    SpecialCase{0x1F95, U"\u1F2D\u0399", U"\u1F9D"},
    SpecialCase{0x1F96, U"\u1F2E\u0399", U"\u1F9E"},
    SpecialCase{0x1F97, U"\u1F2F\u0399", U"\u1F9F"},
    SpecialCase{0x1F98, U"\u1F28\u0399", U"\u1F98"},
    SpecialCase{0x1F99, U"\u1F29\u0399", U"\u1F99"},
    SpecialCase{0x1F9A, U"\u1F2A\u0399", U"\u1F9A"},
    SpecialCase{0x1F9B, U"\u1F2B\u0399", U"\u1F9B"},
    SpecialCase{0x1F9C, U"\u1F2C\u0399", U"\u1F9C"},
    SpecialCase{0x1F9D, U"\u1F2D\u0399", U"\u1F9D"},
    SpecialCase{0x1F9E, U"\u1F2E\u0399", U"\u1F9E"},
    SpecialCase{0x1F9F, U"\u1F2F\u0399", U"\u1F9F"},
    SpecialCase{0x1FA0, U"\u1F68\u0399", U"\u1FA8"},
    SpecialCase{0x1FA1, U"\u1F69\u0399", U"\u1FA9"},
    SpecialCase{0x1FA2, U"\u1F6A\u0399", U"\u1FAA"},
    SpecialCase{0x1FA3, U"\u1F6B\u0399", U"\u1FAB"},
    SpecialCase{0x1FA4, U"\u1F6C\u0399", U"\u1FAC"},
    SpecialCase{0x1FA5, U"\u1F6D\u0399", U"\u1FAD"},
    SpecialCase{0x1FA6, U"\u1F6E\u0399", U"\u1FAE"},
    SpecialCase{0x1FA7, U"\u1F6F\u0399", U"\u1FAF"},
    SpecialCase{0x1FA8, U"\u1F68\u0399", U"\u1FA8"},
    SpecialCase{0x1FA9, U"\u1F69\u0399", U"\u1FA9"},
    SpecialCase{0x1FAA, U"\u1F6A\u0399", U"\u1FAA"},
    SpecialCase{0x1FAB, U"\u1F6B\u0399", U"\u1FAB"},
    SpecialCase{0x1FAC, U"\u1F6C\u0399", U"\u1FAC"},
    SpecialCase{0x1FAD, U"\u1F6D\u0399", U"\u1FAD"},
    SpecialCase{0x1FAE, U"\u1F6E\u0399", U"\u1FAE"},
    SpecialCase{0x1FAF, U"\u1F6F\u0399", U"\u1FAF"},
    SpecialCase{0x1FB2, U"\u1FBA\u0399", U"\u1FBA\u0345"},
    SpecialCase{0x1FB3, U"\u0391\u0399", U"\u1FBC"},
    SpecialCase{0x1FB4, U"\u0386\u0399", U"\u0386\u0345"},
    SpecialCase{0x1FB6, U"\u0391\u0342", U"\u0391\u0342"},
    SpecialCase{0x1FB7, U"\u0391\u0342\u0399", U"\u0391\u0342\u0345"},
    SpecialCase{0x1FBC, U"\u0391\u0399", U"\u1FBC"},
    SpecialCase{0x1FC2, U"\u1FCA\u0399", U"\u1FCA\u0345"},
    SpecialCase{0x1FC3, U"\u0397\u0399", U"\u1FCC"},
    SpecialCase{0x1FC4, U"\u0389\u0399", U"\u0389\u0345"},
    SpecialCase{0x1FC6, U"\u0397\u0342", U"\u0397\u0342"},
    SpecialCase{0x1FC7, U"\u0397\u0342\u0399", U"\u0397\u0342\u0345"},
    SpecialCase{0x1FCC, U"\u0397\u0399", U"\u1FCC"},
    SpecialCase{0x1FD2, U"\u0399\u0308\u0300", U"\u0399\u0308\u0300"},
    SpecialCase{0x1FD3, U"\u0399\u0308\u0301", U"\u0399\u0308\u0301"},
    SpecialCase{0x1FD6, U"\u0399\u0342", U"\u0399\u0342"},
    SpecialCase{0x1FD7, U"\u0399\u0308\u0342", U"\u0399\u0308\u0342"},
    SpecialCase{0x1FE2, U"\u03A5\u0308\u0300", U"\u03A5\u0308\u0300"},
    SpecialCase{0x1FE3, U"\u03A5\u0308\u0301", U"\u03A5\u0308\u0301"},
    SpecialCase{0x1FE4, U"\u03A1\u0313", U"\u03A1\u0313"},
    SpecialCase{0x1FE6, U"\u03A5\u0342", U"\u03A5\u0342"},
    SpecialCase{0x1FE7, U"\u03A5\u0308\u0342", U"\u03A5\u0308\u0342"},
    SpecialCase{0x1FF2, U"\u1FFA\u0399", U"\u1FFA\u0345"},
    SpecialCase{0x1FF3, U"\u03A9\u0399", U"\u1FFC"},
    SpecialCase{0x1FF4, U"\u038F\u0399", U"\u038F\u0345"},
    SpecialCase{0x1FF6, U"\u03A9\u0342", U"\u03A9\u0342"},
    SpecialCase{0x1FF7, U"\u03A9\u0342\u0399", U"\u03A9\u0342\u0345"},
    SpecialCase{0x1FFC, U"\u03A9\u0399", U"\u1FFC"},
    SpecialCase{0xFB00, U"FF", U"Ff"},
    SpecialCase{0xFB01, U"FI", U"Fi"},
    SpecialCase{0xFB02, U"FL", U"Fl"},
    SpecialCase{0xFB03, U"FFI", U"Ffi"},
    SpecialCase{0xFB04, U"FFL", U"Ffl"},
    SpecialCase{0xFB05, U"ST", U"St"},
    SpecialCase{0xFB06, U"ST", U"St"},
    SpecialCase{0xFB13, U"\u0544\u0546", U"\u0544\u0576"},
    SpecialCase{0xFB14, U"\u0544\u0535", U"\u0544\u0565"},
    SpecialCase{0xFB15, U"\u0544\u053B", U"\u0544\u056B"},
    SpecialCase{0xFB16, U"\u054E\u0546", U"\u054E\u0576"},
    SpecialCase{0xFB17, U"\u0544\u053D", U"\u0544\u056D"},
};

const SpecialCase* special_case(char32_t c) {
  const auto it = std::lower_bound(kSpecialCases.begin(), kSpecialCases.end(), c,
                                   [](const SpecialCase& s, char32_t x) { return s.from < x; });
  return it != kSpecialCases.end() && it->from == c ? &*it : nullptr;
}

utf8proc_int32_t to_proc(char32_t c) { return static_cast<utf8proc_int32_t>(c); }
char32_t from_proc(utf8proc_int32_t c) { return static_cast<char32_t>(c); }

utf8proc_category_t category(char32_t c) { return utf8proc_category(to_proc(c)); }

bool is_upper_char(char32_t c) { return category(c) == UTF8PROC_CATEGORY_LU; }
bool is_title_char(char32_t c) { return category(c) == UTF8PROC_CATEGORY_LT; }
// Other_Lowercase in the ranges text has: ordinal indicators, modifier letters.
bool is_lower_char(char32_t c) {
  return category(c) == UTF8PROC_CATEGORY_LL || c == 0xAA || c == 0xBA ||
         (c >= 0x2B0 && c <= 0x2B8) || (c >= 0x24D0 && c <= 0x24E9) || (c >= 0x2170 && c <= 0x217F);
}
bool is_cased(char32_t c) { return is_upper_char(c) || is_lower_char(c) || is_title_char(c); }

// Characters that the rule for the final sigma looks through.
bool is_case_ignorable(char32_t c) {
  switch (category(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
      return true;
    default:
      return c == '\'' || c == '.' || c == ':' || c == 0xB7 || c == 0x2019;
  }
}

// A capital sigma ends a word when a cased letter stands before and none after.
bool is_final_sigma(std::u32string_view text, std::size_t at) {
  std::size_t before = at;
  while (before > 0 && is_case_ignorable(text[before - 1])) --before;
  if (before == 0 || !is_cased(text[before - 1])) return false;
  std::size_t after = at + 1;
  while (after < text.size() && is_case_ignorable(text[after])) ++after;
  return after == text.size() || !is_cased(text[after]);
}

void append_upper(std::u32string& out, char32_t c) {
  if (const SpecialCase* special = special_case(c)) {
    out += special->upper;
  } else {
    out += from_proc(utf8proc_toupper(to_proc(c)));
  }
}

void append_title(std::u32string& out, char32_t c) {
  if (const SpecialCase* special = special_case(c)) {
    out += special->title;
  } else {
    out += from_proc(utf8proc_totitle(to_proc(c)));
  }
}

void append_lower(std::u32string& out, std::u32string_view text, std::size_t at) {
  const char32_t c = text[at];
  if (c == 0x0130) {
    out += U"i\u0307";
  } else if (c == 0x03A3) {
    out += is_final_sigma(text, at) ? char32_t{0x03C2} : char32_t{0x03C3};
  } else {
    out += from_proc(utf8proc_tolower(to_proc(c)));
  }
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

char ascii_upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }
char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

}  // namespace

std::string upper(std::string_view text) {
  if (is_ascii(text)) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), ascii_upper);
    return out;
  }
  std::u32string out;
  for (const char32_t c : to_code_points(text)) append_upper(out, c);
  return to_utf8(out);
}

std::string lower(std::string_view text) {
  if (is_ascii(text)) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), ascii_lower);
    return out;
  }
  const std::u32string chars = to_code_points(text);
  std::u32string out;
  for (std::size_t i = 0; i < chars.size(); ++i) append_lower(out, chars, i);
  return to_utf8(out);
}

std::string capitalize(std::string_view text) {
  const std::u32string chars = to_code_points(text);
  std::u32string out;
  for (std::size_t i = 0; i < chars.size(); ++i) {
    if (i == 0) {
      append_title(out, chars[i]);
    } else {
      append_lower(out, chars, i);
    }
  }
  return to_utf8(out);
}

std::string title(std::string_view text) {
  const std::u32string chars = to_code_points(text);
  std::u32string out;
  bool after_cased = false;
  for (std::size_t i = 0; i < chars.size(); ++i) {
    if (after_cased) {
      append_lower(out, chars, i);
    } else {
      append_title(out, chars[i]);
    }
    after_cased = is_cased(chars[i]);
  }
  return to_utf8(out);
}

std::string swap_case(std::string_view text) {
  const std::u32string chars = to_code_points(text);
  std::u32string out;
  for (std::size_t i = 0; i < chars.size(); ++i) {
    if (is_upper_char(chars[i])) {
      append_lower(out, chars, i);
    } else if (is_lower_char(chars[i])) {
      append_upper(out, chars[i]);
    } else {
      out += chars[i];
    }
  }
  return to_utf8(out);
}

bool is_lower(std::string_view text) {
  bool any = false;
  for (const char32_t c : to_code_points(text)) {
    if (is_upper_char(c) || is_title_char(c)) return false;
    any = any || is_lower_char(c);
  }
  return any;
}

bool is_upper(std::string_view text) {
  bool any = false;
  for (const char32_t c : to_code_points(text)) {
    if (is_lower_char(c) || is_title_char(c)) return false;
    any = any || is_upper_char(c);
  }
  return any;
}

}  // namespace ondol::text::jinja
