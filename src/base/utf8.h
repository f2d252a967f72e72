// UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above
// U+10FFFF. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ondol {

struct Utf8Char {
  char32_t code_point = 0xFFFD;
  std::uint8_t n_bytes = 1;  // how far to step, 1 for a byte that starts nothing valid
  bool valid = false;
};

/// The character that starts at text[0]. REQUIRES: !text.empty().
Utf8Char decode_utf8(std::string_view text);

void append_utf8(std::string& out, char32_t code_point);

/// Bytes of the longest prefix that is valid UTF-8.
std::size_t valid_utf8_prefix(std::string_view text);

inline bool is_valid_utf8(std::string_view text) { return valid_utf8_prefix(text) == text.size(); }

/// True when `text` is the proper beginning of one character: more bytes may
/// still complete it. The streaming detokenizer waits on exactly these.
bool is_incomplete_utf8(std::string_view text);

/// Each maximal invalid part becomes one U+FFFD, as Unicode 15 section 3.9
/// recommends and Python's errors="replace" does.
std::string replace_invalid_utf8(std::string_view text);

}  // namespace ondol
