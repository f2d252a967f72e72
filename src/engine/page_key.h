// The names of full KV pages: a page's key is a hash of whose it is and of all tokens
// up to its end, made from the key of the page before. The same in every process, for
// keys also name files. Whoever finds a page by its key still compares the tokens.
#pragma once

#include <cstdint>
#include <span>

#include "engine/random.h"

namespace ondol::engine {

/// What the first page's key is made from.
inline std::uint64_t first_parent_key(std::uint64_t tenant) { return mix64(tenant + kGoldenGamma); }

inline std::uint64_t page_key(std::uint64_t parent_key, std::span<const std::int32_t> tokens) {
  std::uint64_t key = parent_key;
  for (const std::int32_t token : tokens) {
    key = mix64(key * kGoldenGamma + static_cast<std::uint64_t>(token) + 1);
  }
  return key;
}

}  // namespace ondol::engine
