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

/// The same for the members of a script ("Han").
std::string newer_script_members(std::string_view script);

// Hugging Face's pre-tokenizers and normalizers ask Rust crates of different
// ages, so each of these has its own idea of Unicode.
bool is_white_space(char32_t c);
bool is_numeric(char32_t c);      // Nd, Nl, No; Rust's standard library, Unicode 17
bool is_punctuation(char32_t c);  // P* of Unicode 8, and ASCII that is no letter, digit or space
bool is_mark(char32_t c);         // Mn, Mc, Me of Unicode 9
bool is_word(char32_t c);         // the regex crate's \w

/// True for marks and characters with compatibility forms that
/// unicode-normalization-alignments (Unicode 9) does not know: they stay as they are.
bool is_new_to_normalization(char32_t c);

/// Symbols that \w takes for letters (Other_Alphabetic); the inside of a PCRE2 class.
inline constexpr std::string_view kOtherAlphabeticClass =
    R"(\x{24B6}-\x{24E9}\x{1F130}-\x{1F149}\x{1F150}-\x{1F169}\x{1F170}-\x{1F189})";
/// What else \w holds beside letters, marks, Nd, Nl and Pc, by regex library.
inline constexpr std::string_view kRustWordClass = R"(\x{200C}\x{200D})";
inline constexpr std::string_view kOnigurumaWordClass = R"(\x{B2}\x{B3}\x{B9}\x{BC}-\x{BE})";

}  // namespace ondol::text
