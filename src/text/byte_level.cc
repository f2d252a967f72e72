#include "text/byte_level.h"

#include <array>

#include "base/utf8.h"

namespace ondol::text {
namespace {

constexpr char32_t kFirstShifted = 0x100;
constexpr char32_t kEnd = 0x144;  // 0x100 + the 68 bytes that are not printable

constexpr bool is_printable(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct Tables {
  std::array<char32_t, 256> to_char{};
  std::array<std::int16_t, kEnd> to_byte{};
};

constexpr Tables make_tables() {
  Tables t;
  for (auto& entry : t.to_byte) entry = -1;
  char32_t next = kFirstShifted;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char32_t c = is_printable(byte) ? byte : next++;
    t.to_char[byte] = c;
    t.to_byte[c] = static_cast<std::int16_t>(byte);
  }
  return t;
}

constexpr Tables kTables = make_tables();

}  // namespace

char32_t byte_to_char(std::uint8_t byte) { return kTables.to_char[byte]; }

std::optional<std::uint8_t> char_to_byte(char32_t c) {
  if (c >= kEnd || kTables.to_byte[c] < 0) return std::nullopt;
  return static_cast<std::uint8_t>(kTables.to_byte[c]);
}

std::string bytes_to_chars(std::string_view text) {
  std::string out;
  out.reserve(text.size() * 2);
  for (const char byte : text) append_utf8(out, byte_to_char(static_cast<std::uint8_t>(byte)));
  return out;
}

// Every character that spells a byte takes one or two bytes of UTF-8; loading a
// vocabulary comes through here for each of its characters.
std::optional<std::string> chars_to_bytes(std::string_view piece) {
  std::string out;
  out.reserve(piece.size());
  for (std::size_t i = 0; i < piece.size(); ++i) {
    char32_t c = static_cast<unsigned char>(piece[i]);
    if (c >= 0x80) {
      const bool leads_two = c >= 0xC2 && c <= 0xDF && i + 1 < piece.size();
      const unsigned next = leads_two ? static_cast<unsigned char>(piece[++i]) : 0;
      if ((next & 0xC0U) != 0x80) return std::nullopt;
      c = ((c & 0x1FU) << 6U) | (next & 0x3FU);
    }
    const auto byte = char_to_byte(c);
    if (!byte) return std::nullopt;
    out += static_cast<char>(*byte);
  }
  return out;
}

}  // namespace ondol::text
