#include "base/utf8.h"

#include <array>

namespace ondol {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

struct Lead {
  std::uint8_t n_bytes;       // 0: no lead byte
  std::uint8_t second_first;  // the range the second byte may have
  std::uint8_t second_last;
};

// Unicode 15, table 3-7 "Well-Formed UTF-8 Byte Sequences".
Lead classify(std::uint8_t byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xC2) return {0, 0, 0};
  if (byte < 0xE0) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

std::uint8_t byte_at(std::string_view text, std::size_t i) {
  return static_cast<std::uint8_t>(text[i]);
}

struct Scan {
  std::size_t n_good = 0;   // bytes that fit the pattern
  std::size_t n_bytes = 0;  // bytes the pattern asks for; 0: no lead byte
};

Scan scan(std::string_view text) {
  const Lead lead = classify(byte_at(text, 0));
  if (lead.n_bytes == 0) return {0, 0};
  std::size_t n = 1;
  while (n < lead.n_bytes && n < text.size()) {
    const std::uint8_t low = n == 1 ? lead.second_first : 0x80;
    const std::uint8_t high = n == 1 ? lead.second_last : 0xBF;
    const std::uint8_t byte = byte_at(text, n);
    if (byte < low || byte > high) break;
    ++n;
  }
  return {n, lead.n_bytes};
}

}  // namespace

Utf8Char decode_utf8(std::string_view text) {
  const Scan s = scan(text);
  if (s.n_bytes == 0 || s.n_good < s.n_bytes) return {};
  static constexpr std::array<std::uint8_t, 5> kLeadMask = {0, 0x7F, 0x1F, 0x0F, 0x07};
  char32_t code_point = byte_at(text, 0) & kLeadMask[s.n_bytes];
  for (std::size_t i = 1; i < s.n_bytes; ++i) {
    code_point = (code_point << 6) | (byte_at(text, i) & 0x3FU);
  }
  return {code_point, static_cast<std::uint8_t>(s.n_bytes), true};
}

void append_utf8(std::string& out, char32_t c) {
  const auto put = [&out](char32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | (c >> 6));
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | (c >> 12));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | (c >> 18));
    put(0x80 | ((c >> 12) & 0x3F));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

std::size_t valid_utf8_prefix(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    if (byte_at(text, i) < 0x80) {
      ++i;
      continue;
    }
    const Utf8Char c = decode_utf8(text.substr(i));
    if (!c.valid) return i;
    i += c.n_bytes;
  }
  return i;
}

bool is_incomplete_utf8(std::string_view text) {
  if (text.empty()) return false;
  const Scan s = scan(text);
  return s.n_bytes > s.n_good && s.n_good == text.size();
}

std::string replace_invalid_utf8(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t n = valid_utf8_prefix(text);
    out += text.substr(0, n);
    text.remove_prefix(n);
    if (text.empty()) break;
    out += kReplacement;
    const std::size_t n_bad = scan(text).n_good;
    text.remove_prefix(n_bad == 0 ? 1 : n_bad);
  }
  return out;
}

}  // namespace ondol
