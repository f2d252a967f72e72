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

// Unicode 14 SpecialCasing.txt, the unconditional mappings but Greek with
// ypogegrammeni (U+1F80 and up), sorted.
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
