// GPT-2's spelling of bytes as printable characters: byte-level vocabularies
// are written in it ("Ġthe" is " the"). Pure functions over a constant table.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ondol::text {

/// The character that spells a byte; all are below U+0180.
char32_t byte_to_char(std::uint8_t byte);
std::optional<std::uint8_t> char_to_byte(char32_t c);

/// Every byte of `text` spelled.
std::string bytes_to_chars(std::string_view text);

/// The bytes `piece` spells; nullopt if one of its characters spells none.
std::optional<std::string> chars_to_bytes(std::string_view piece);

}  // namespace ondol::text
