// safetensors (huggingface/safetensors, README "Format"). As a grammar:
//
//   file    = n header data
//   n       = u64 little-endian          ; bytes of header, at most 100,000,000
//   header  = one JSON object in UTF-8, perhaps followed by spaces:
//             { "__metadata__": {string: string, ...},       ; optional
//               name: { "dtype": "F32" | "F16" | "BF16" | ...,
//                       "shape": [dim, ...],                 ; outermost first
//                       "data_offsets": [begin, end] },      ; into data
//               ... }
//   data    = the tensors' bytes, without holes or overlaps, to the end
//
// Stricter than the reference in two ways: a dimension of zero is refused, and
// so is a key that appears twice at any level.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "format/tensor_list.h"

namespace ondol::format {

inline constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;

/// Reads a whole safetensors file from memory; tensors are views into `bytes`,
/// aligned only as the file aligns them. F32, F16 and BF16 become tensors;
/// integers, booleans, F64 and C64, and any of more than four dimensions, are
/// listed as skipped; 8-bit and smaller floats are weights for certain and
/// refused (kUnsupported).
Result<TensorList> parse_safetensors(std::string_view where, std::span<const std::byte> bytes);

/// model.safetensors.index.json: which shard, a plain file name, holds which
/// tensor.
using ShardIndex = std::map<std::string, std::string, std::less<>>;
Result<ShardIndex> parse_safetensors_index(std::string_view where, std::string_view text);

}  // namespace ondol::format
