// Element types of weights and activations, and the sizes of their blocks.
//
// A quantized type stores `block_elements` consecutive values of a row in
// `block_bytes` bytes; a row is a whole number of blocks. The bytes are those
// of GGUF (ggml docs/gguf.md), whatever file they came from; MXFP4 follows the
// OCP Microscaling v1.0 specification with GGUF's packing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace ondol {

enum class DType : std::uint8_t {
  kF32,
  kF16,
  kBF16,
  kQ4_0,
  kQ4_1,
  kQ5_0,
  kQ5_1,
  kQ8_0,
  kQ2_K,
  kQ3_K,
  kQ4_K,
  kQ5_K,
  kQ6_K,
  kIQ4_NL,
  kIQ4_XS,
  kMXFP4,
  kCount,
};

struct DTypeInfo {
  std::string_view name;  // lower case, "q4_k"
  std::uint32_t block_elements;
  std::uint32_t block_bytes;
  std::uint32_t gguf_id;
};

const DTypeInfo& info(DType dtype);
inline std::string_view name(DType dtype) { return info(dtype).name; }
inline bool is_quantized(DType dtype) { return info(dtype).block_elements > 1; }

/// nullopt for an id or a name that this build does not know.
std::optional<DType> dtype_from_gguf_id(std::uint32_t id);
std::optional<DType> dtype_from_name(std::string_view name);

/// Bytes of one row. nullopt when n is no multiple of the block or the product
/// overflows.
std::optional<std::uint64_t> row_bytes(DType dtype, std::uint64_t n_elements);

}  // namespace ondol
