// How a quantized weight lies in memory on the CPU, as one table of facts.
//
// Rows are taken 32 at a time (a panel; the last is padded with rows of zeros),
// columns in blocks of 32. A SIMD register then holds 4 consecutive codes of
// each of several rows, which is what int8 dot products of four want: every
// lane is one output, no sum over lanes is ever needed, and the order of
// additions of an output is the same on every ISA and in every tile shape.
//
//   weight      := panel[ceil(n_rows / 32)]
//   panel       := super[n_cols / (32 * super_blocks)]
//   super       := scale[32] min[32]? block[super_blocks]
//                  scale: f16, or the u8 exponent of E8M0; min: f16
//   block       := sub_scale[n_subs][32]? sub_min[n_subs][32]? base high?
//                  sub_scale: u8 or i8, sub_min: u8 (the K types only)
//   base, high  := planes of bits: byte [i][row][k] holds, lowest bits first, the
//                  quads i, i + stride, i + 2 * stride, .. of that row, where quad
//                  q is columns 4q .. 4q+3 and stride = n_bits (a byte holds
//                  8 / n_bits of the block's 8 quads). A base of 6 bits is 2 x 3
//                  slices: slice [s][j] has quad 4s + j in its lower bits and bits
//                  2j .. 2j+1 of quad 4s + 3 in its upper two
//
//   value = scale * sub_scale * (code - bias)
//   value = scale * sub_scale * code + min     (min = -(dmin * sub_min) for K types)
//
// A format with a min may have a bias all the same: it centres codes in the dot
// product alone, for sums of 16 bits (isa_avx2.cc).
//
// A quad of a 32-value nibble block lies in GGUF exactly so (low nibbles are
// elements 0..15, high are 16..31), so packing those is moving 32-bit words.
//
// Constants only; safe to include in files built for a particular ISA.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"

namespace ondol::device::cpu {

/// To be raised whenever a weight's packed bytes change in any way: files of
/// another version (weight_file.h) are packed again.
constexpr std::uint32_t kPackedLayoutVersion = 2;

constexpr int kPanelRows = 32;
constexpr int kBlock = 32;  // columns
constexpr int kQuads = kBlock / 4;
constexpr std::size_t kQuadBytes = std::size_t{4} * kPanelRows;  // one quad of every row

enum class ScaleKind : std::uint8_t { kF16, kE8M0, kF16TimesU8, kF16TimesI8 };
enum class MinKind : std::uint8_t { kNone, kF16, kF16TimesU8 };
enum class CodeKind : std::uint8_t {
  kUnsigned,       // code - bias
  kSigned,         // int8 as it is
  kTableUnsigned,  // table[code] - bias
  kTableSigned,    // table[code], int8
};

struct PackedFormat {
  int base_bits = 0;
  int high_bits = 0;
  int sub_columns = kBlock;  // columns that share a scale: 32 or 16
  int super_blocks = 1;
  ScaleKind scale = ScaleKind::kF16;
  MinKind min = MinKind::kNone;
  CodeKind codes = CodeKind::kUnsigned;
  int bias = 0;
  int max_code = 0;  // after the table; of unsigned kinds

  constexpr int n_subs() const { return kBlock / sub_columns; }
  constexpr int value_bias() const { return min == MinKind::kNone ? bias : 0; }
  constexpr bool has_sub_scales() const {
    return scale == ScaleKind::kF16TimesU8 || scale == ScaleKind::kF16TimesI8;
  }
  constexpr std::size_t scale_bytes() const { return scale == ScaleKind::kE8M0 ? 32 : 64; }
  constexpr std::size_t header_bytes() const {
    return scale_bytes() + (min == MinKind::kNone ? 0 : 64);
  }
  constexpr std::size_t sub_scale_bytes() const {
    return has_sub_scales() ? static_cast<std::size_t>(n_subs()) * kPanelRows : 0;
  }
  constexpr std::size_t sub_min_bytes() const {
    return min == MinKind::kF16TimesU8 ? static_cast<std::size_t>(n_subs()) * kPanelRows : 0;
  }
  constexpr std::size_t base_bytes() const {
    return static_cast<std::size_t>(base_bits) * kQuadBytes;
  }
  constexpr std::size_t high_bytes() const {
    return static_cast<std::size_t>(high_bits) * kQuadBytes;
  }
  constexpr std::size_t block_bytes() const {
    return sub_scale_bytes() + sub_min_bytes() + base_bytes() + high_bytes();
  }
  constexpr std::size_t super_bytes() const {
    return header_bytes() + static_cast<std::size_t>(super_blocks) * block_bytes();
  }
  constexpr std::size_t panel_bytes(std::size_t n_cols) const {
    return n_cols / static_cast<std::size_t>(kBlock * super_blocks) * super_bytes();
  }
};

/// For the quantized dtypes; base_bits is 0 for the others.
constexpr PackedFormat packed_format(DType dtype) {
  using S = ScaleKind;
  using M = MinKind;
  using C = CodeKind;
  switch (dtype) {
    case DType::kQ4_0:
      return {4, 0, 32, 1, S::kF16, M::kNone, C::kUnsigned, 8, 15};
    case DType::kQ4_1:
      return {4, 0, 32, 1, S::kF16, M::kF16, C::kUnsigned, 0, 15};
    case DType::kQ5_0:
      return {4, 1, 32, 1, S::kF16, M::kNone, C::kUnsigned, 16, 31};
    case DType::kQ5_1:
      return {4, 1, 32, 1, S::kF16, M::kF16, C::kUnsigned, 16, 31};
    case DType::kQ8_0:
      return {8, 0, 32, 1, S::kF16, M::kNone, C::kSigned, 0, 255};
    case DType::kQ2_K:
      return {2, 0, 16, 8, S::kF16TimesU8, M::kF16TimesU8, C::kUnsigned, 0, 3};
    case DType::kQ3_K:
      return {2, 1, 16, 8, S::kF16TimesI8, M::kNone, C::kUnsigned, 4, 7};
    case DType::kQ4_K:
      return {4, 0, 32, 8, S::kF16TimesU8, M::kF16TimesU8, C::kUnsigned, 0, 15};
    case DType::kQ5_K:
      return {4, 1, 32, 8, S::kF16TimesU8, M::kF16TimesU8, C::kUnsigned, 16, 31};
    case DType::kQ6_K:
      return {6, 0, 16, 8, S::kF16TimesI8, M::kNone, C::kUnsigned, 32, 63};
    case DType::kIQ4_NL:
      return {4, 0, 32, 1, S::kF16, M::kNone, C::kTableSigned, 0, 255};
    case DType::kIQ4_XS:
      return {4, 0, 32, 8, S::kF16TimesI8, M::kNone, C::kTableSigned, 0, 255};
    case DType::kMXFP4:
      return {4, 0, 32, 1, S::kE8M0, M::kNone, C::kTableUnsigned, 12, 24};
    default:
      return {};
  }
}

/// IQ4_NL and IQ4_XS: the levels of ggml's non-linear 4-bit types (docs/gguf.md).
alignas(16) inline constexpr std::int8_t kIq4Table[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                                          1,    13,   25,  38,  53,  69,  89,  113};
/// MXFP4: E2M1 doubled (OCP Microscaling v1.0, table 5), plus the bias of 12.
alignas(16) inline constexpr std::int8_t kFp4Table[16] = {12, 13, 14, 15, 16, 18, 20, 24,
                                                          12, 11, 10, 9,  8,  6,  4,  0};

constexpr const std::int8_t* code_table(DType dtype) {
  return dtype == DType::kMXFP4 ? kFp4Table : kIq4Table;
}

}  // namespace ondol::device::cpu
