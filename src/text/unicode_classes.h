// Unicode character classes as Hugging Face tokenizers see them (Unicode 16,
// through Oniguruma and Rust), on top of Debian's PCRE2 (Unicode 14) and
// utf8proc (Unicode 15): characters assigned since are in a table of ours.
// Pure functions.
#pragma once

#include <string>
#include <string_view>

namespace ondol::text {

/// Ranges, in PCRE2 character class syntax ("\x{897}\x{1AB0}-\x{1ACE}"), of the
/// characters of general category `property` ("L", "Nd") that PCRE2 may not
/// know. Empty for other properties.
std::string newer_members(std::string_view property);

/// The White_Space property; the inside of a PCRE2 character class and its complement.
inline constexpr std::string_view kWhiteSpaceClass =
    R"(\x{9}-\x{D}\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";
inline constexpr std::string_view kNotWhiteSpaceClass =
    R"(\x{0}-\x{8}\x{E}-\x{1F}\x{21}-\x{84}\x{86}-\x{9F}\x{A1}-\x{167F}\x{1681}-\x{1FFF}\x{200B}-\x{2027}\x{202A}-\x{202E}\x{2030}-\x{205E}\x{2060}-\x{2FFF}\x{3001}-\x{D7FF}\x{E000}-\x{10FFFF})";

bool is_white_space(char32_t c);
bool is_numeric(char32_t c);      // Nd, Nl, No
bool is_punctuation(char32_t c);  // P*, and every ASCII character that is no letter, digit or space
bool is_mark(char32_t c);         // Mn, Mc, Me
bool is_word(char32_t c);         // letters, marks, numbers, connectors

}  // namespace ondol::text
