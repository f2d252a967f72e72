#include "api/entity_tags.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>

namespace ondol::api {
namespace {

constexpr std::size_t kTagBytes = 16;  // of the digest

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) + 1 - first);
}

// Our own tags hold no comma, so a list may be cut at each of them.
bool lists(std::string_view header, std::string_view current, bool is_weak) {
  while (!header.empty()) {
    const std::size_t comma = std::min(header.find(','), header.size());
    std::string_view tag = trimmed(header.substr(0, comma));
    header.remove_prefix(std::min(header.size(), comma + 1));
    if (is_weak && tag.starts_with("W/")) tag.remove_prefix(2);
    if (tag == current) return true;
  }
  return false;
}

}  // namespace

std::string entity_tag_of(std::string_view bytes) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  std::string out = "\"";
  for (std::size_t i = 0; i < kTagBytes; ++i) out += fmt::format("{:02x}", digest.at(i));
  return out + '"';
}

bool none_match_fails(std::string_view header, std::string_view current) {
  return trimmed(header) == "*" || lists(header, current, /*is_weak=*/true);
}

bool match_holds(std::string_view header, std::optional<std::string_view> current) {
  if (!current) return false;
  return trimmed(header) == "*" || lists(header, *current, /*is_weak=*/false);
}

}  // namespace ondol::api
