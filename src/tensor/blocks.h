// The bytes of each quantized block, as GGUF files carry them, and the few bit
// tricks that every reader and writer of them shares.
//
// All members are bytes, so a block may be read at any address. Which element a
// bit belongs to is said beside the member; "low nibbles first" means that of n
// bytes the low halves are elements 0 .. n-1 and the high halves n .. 2n-1.
// Source: ggml's docs/gguf.md and block definitions; OCP Microscaling Formats
// v1.0 section 5.2 for MXFP4. Pure functions, plain data.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace ondol {

static_assert(std::endian::native == std::endian::little, "GGUF blocks are read as they lie");

inline constexpr std::size_t kSmallBlock = 32;   // elements of q4_0 .. q8_0, iq4_nl, mxfp4
inline constexpr std::size_t kSuperBlock = 256;  // elements of the k types and iq4_xs

using F16Bytes = std::array<std::uint8_t, 2>;

struct BlockQ4_0 {  // d * (q - 8)
  F16Bytes d;
  std::uint8_t qs[16];  // low nibbles first
};

struct BlockQ4_1 {  // d * q + m
  F16Bytes d, m;
  std::uint8_t qs[16];  // low nibbles first
};

struct BlockQ5_0 {  // d * (q - 16)
  F16Bytes d;
  std::uint8_t qh[4];   // bit i (little endian) is bit 4 of element i
  std::uint8_t qs[16];  // low nibbles first
};

struct BlockQ5_1 {  // d * q + m
  F16Bytes d, m;
  std::uint8_t qh[4];
  std::uint8_t qs[16];
};

struct BlockQ8_0 {  // d * q
  F16Bytes d;
  std::int8_t qs[32];
};

struct BlockQ2_K {          // d * scale * q - dmin * min, 16 elements a sub-block
  std::uint8_t scales[16];  // low nibble: scale, high nibble: min
  std::uint8_t qs[2][32];   // bits 2s, 2s+1 of byte l in half h: element 128 h + 32 s + l
  F16Bytes d, dmin;
};

struct BlockQ3_K {          // d * (scale - 32) * (q - 4), 16 elements a sub-block
  std::uint8_t hmask[32];   // bit j of byte l: bit 2 of element 32 j + l
  std::uint8_t qs[2][32];   // as in q2_k
  std::uint8_t scales[12];  // unpack_q3_k_scales
  F16Bytes d;
};

struct BlockQ4_K {  // d * scale * q - dmin * min, 32 elements a sub-block
  F16Bytes d, dmin;
  std::uint8_t scales[12];  // KScales
  std::uint8_t qs[4][32];   // low nibbles of row r: sub-block 2 r, high: 2 r + 1
};

struct BlockQ5_K {
  F16Bytes d, dmin;
  std::uint8_t scales[12];
  std::uint8_t qh[32];     // bit j of byte l: bit 4 of element 32 j + l
  std::uint8_t qs[4][32];  // as in q4_k
};

struct BlockQ6_K {         // d * scale * (q - 32), 16 elements a sub-block
  std::uint8_t ql[2][64];  // half h: low nibbles are elements 128 h + 0 .. 63, high 64 .. 127
  std::uint8_t qh[2][32];  // bits 2s, 2s+1 of byte l in half h: bits 4, 5 of 128 h + 32 s + l
  std::int8_t scales[16];
  F16Bytes d;
};

struct BlockIQ4_NL {  // d * kIQ4Values[q]
  F16Bytes d;
  std::uint8_t qs[16];  // low nibbles first
};

struct BlockIQ4_XS {  // d * (scale - 32) * kIQ4Values[q], 32 elements a sub-block
  F16Bytes d;
  std::uint8_t scales_h[2];  // bits 2j, 2j+1 (little endian): bits 4, 5 of scale j
  std::uint8_t scales_l[4];  // nibble j: bits 0 .. 3 of scale j
  std::uint8_t qs[8][16];    // each row a sub-block, low nibbles first
};

struct BlockMXFP4 {  // kMXFP4Values[q] * 2^(e - 128)
  std::uint8_t e;
  std::uint8_t qs[16];  // low nibbles first
};

static_assert(sizeof(BlockQ4_0) == 18 && sizeof(BlockQ4_1) == 20 && sizeof(BlockQ5_0) == 22);
static_assert(sizeof(BlockQ5_1) == 24 && sizeof(BlockQ8_0) == 34 && sizeof(BlockQ2_K) == 84);
static_assert(sizeof(BlockQ3_K) == 110 && sizeof(BlockQ4_K) == 144 && sizeof(BlockQ5_K) == 176);
static_assert(sizeof(BlockQ6_K) == 210 && sizeof(BlockIQ4_NL) == 18 && sizeof(BlockIQ4_XS) == 136);
static_assert(sizeof(BlockMXFP4) == 17);

/// The non-uniform grid of iq4_nl and iq4_xs.
inline constexpr std::array<std::int8_t, 16> kIQ4Values = {
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

/// FP4 E2M1 doubled, so that all are integers; the scale is halved to match.
inline constexpr std::array<std::int8_t, 16> kMXFP4Values = {0, 1,  2,  3,  4,  6,  8,  12,
                                                             0, -1, -2, -3, -4, -6, -8, -12};

/// 2^(e - 128): half of the E8M0 scale. Below 2 the result is subnormal. The
/// specification's NaN (255) decodes to 2^127, as in ggml.
inline float mxfp4_half_scale(std::uint8_t e) {
  const std::uint32_t bits = e < 2 ? 0x00200000U << e : static_cast<std::uint32_t>(e - 1) << 23;
  return std::bit_cast<float>(bits);
}

inline std::uint16_t load_u16(const std::uint8_t* p) {
  return static_cast<std::uint16_t>(p[0] | p[1] << 8);
}
inline std::uint32_t load_u32(const std::uint8_t* p) {
  std::uint32_t v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

/// The 8 scales and 8 mins (6 bits each) of a q4_k or q5_k block.
struct KScales {
  std::array<std::uint8_t, 8> scale;
  std::array<std::uint8_t, 8> min;
};

/// Bytes 0-3: scales 0-3, bytes 4-7: mins 0-3, each with the top bits of its
/// twin four further in bits 6-7; bytes 8-11: the low nibbles of scales 4-7
/// (low) and mins 4-7 (high).
inline KScales unpack_k_scales(const std::uint8_t* p) {
  KScales out;
  for (std::size_t j = 0; j < 4; ++j) {
    out.scale[j] = p[j] & 63;
    out.min[j] = p[j + 4] & 63;
    out.scale[j + 4] = static_cast<std::uint8_t>((p[j + 8] & 15) | (p[j] >> 6) << 4);
    out.min[j + 4] = static_cast<std::uint8_t>((p[j + 8] >> 4) | (p[j + 4] >> 6) << 4);
  }
  return out;
}

inline void pack_k_scales(const KScales& in, std::uint8_t* p) {
  for (std::size_t j = 0; j < 4; ++j) {
    p[j] = static_cast<std::uint8_t>(in.scale[j] | (in.scale[j + 4] >> 4) << 6);
    p[j + 4] = static_cast<std::uint8_t>(in.min[j] | (in.min[j + 4] >> 4) << 6);
    p[j + 8] = static_cast<std::uint8_t>((in.scale[j + 4] & 15) | (in.min[j + 4] & 15) << 4);
  }
}

/// The 16 scales of a q3_k block, -32 .. 31. Low nibbles of bytes 0-7 are bits
/// 0-3 of scales 0-7, high nibbles those of 8-15; bits 4-5 of scale j are bits
/// 2(j/4) of byte 8 + j%4.
inline std::array<std::int8_t, 16> unpack_q3_k_scales(const std::uint8_t* p) {
  std::array<std::int8_t, 16> out;
  for (std::size_t j = 0; j < 16; ++j) {
    const int low = j < 8 ? p[j] & 15 : p[j - 8] >> 4;
    const int high = p[8 + j % 4] >> (2 * (j / 4)) & 3;
    out[j] = static_cast<std::int8_t>((low | high << 4) - 32);
  }
  return out;
}

}  // namespace ondol
