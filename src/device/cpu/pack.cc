#include "device/cpu/pack.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/check.h"
#include "device/cpu/packed_format.h"
#include "tensor/quantize.h"

namespace ondol::device::cpu {
namespace {

/// The blocks that share a header in packed_format.h, one row of them: GGUF's
/// super-block of 256, or a single block of 32.
struct SuperBlock {
  std::uint16_t scale = 0;  // f16 bits, or an E8M0 exponent
  std::uint16_t min = 0;    // f16 bits of what is added
  std::uint8_t sub_scales[16] = {};
  std::uint8_t sub_mins[16] = {};
  std::uint8_t codes[256] = {};
};

std::uint16_t load_u16(const std::uint8_t* at) {
  std::uint16_t value = 0;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

std::uint32_t load_u32(const std::uint8_t* at) {
  std::uint32_t value = 0;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

std::uint16_t negated(std::uint16_t f16_bits) { return f16_bits ^ 0x8000U; }

/// Bits of eight bytes at once: (byte >> shift) & mask of each.
std::uint64_t field(const std::uint8_t* at, unsigned shift, std::uint64_t mask) {
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, at, sizeof(bytes));
  return (bytes >> shift) & (mask * 0x0101010101010101U);
}

void store(std::uint8_t* at, std::uint64_t bytes) { std::memcpy(at, &bytes, sizeof(bytes)); }

/// Sixteen bytes of low and high nibbles: elements 0..15 and 16..31.
void split_nibbles(const std::uint8_t* from, std::uint8_t* codes) {
  for (int i = 0; i < 16; i += 8) {
    store(codes + i, field(from + i, 0, 15));
    store(codes + i + 16, field(from + i, 4, 15));
  }
}

void add_fifth_bits(std::uint32_t bits, std::uint8_t* codes) {
  for (std::size_t i = 0; i < 32; i += 4, bits >>= 4U) {
    // The product has bit k of four in the lowest bit of byte k.
    const std::uint32_t fifth = ((bits & 15U) * 0x00204081U) & 0x01010101U;
    const std::uint32_t word = load_u32(codes + i) | fifth << 4U;
    std::memcpy(codes + i, &word, 4);
  }
}

/// The 6-bit scales and mins of Q4_K and Q5_K (ggml docs/gguf.md).
void split_k_scales(const std::uint8_t* packed, SuperBlock& out) {
  for (int j = 0; j < 4; ++j) {
    out.sub_scales[j] = packed[j] & 63U;
    out.sub_mins[j] = packed[j + 4] & 63U;
    out.sub_scales[j + 4] =
        static_cast<std::uint8_t>((packed[j + 8] & 15U) | ((packed[j] >> 6U) << 4U));
    out.sub_mins[j + 4] =
        static_cast<std::uint8_t>((packed[j + 8] >> 4U) | ((packed[j + 4] >> 6U) << 4U));
  }
}

void read_q2_k(const std::uint8_t* at, SuperBlock& out) {
  for (int i = 0; i < 16; ++i) {
    out.sub_scales[i] = at[i] & 15U;
    out.sub_mins[i] = at[i] >> 4U;
  }
  const std::uint8_t* qs = at + 16;
  for (unsigned part = 0; part < 8; ++part) {
    for (unsigned i = 0; i < 32; i += 8) {
      store(out.codes + part * 32 + i, field(qs + part / 4 * 32 + i, part % 4 * 2, 3));
    }
  }
  out.scale = load_u16(at + 80);
  out.min = negated(load_u16(at + 82));
}

void read_q3_k(const std::uint8_t* at, SuperBlock& out) {
  const std::uint8_t* high = at;
  const std::uint8_t* qs = at + 32;
  const std::uint8_t* scales = at + 96;
  for (unsigned part = 0; part < 8; ++part) {
    for (unsigned i = 0; i < 32; i += 8) {
      const std::uint64_t low = field(qs + part / 4 * 32 + i, part % 4 * 2, 3);
      store(out.codes + part * 32 + i, low | field(high + i, part, 1) << 2U);
    }
  }
  for (unsigned i = 0; i < 16; ++i) {
    const unsigned low = (scales[i % 8] >> (i / 8 * 4)) & 15U;
    const unsigned top = (scales[8 + i % 4] >> (i / 4 * 2)) & 3U;
    out.sub_scales[i] = static_cast<std::uint8_t>((low | top << 4U) - 32U);
  }
  out.scale = load_u16(at + 108);
}

void read_q4_k(const std::uint8_t* at, SuperBlock& out) {
  split_k_scales(at + 4, out);
  for (unsigned part = 0; part < 8; ++part) {
    for (unsigned i = 0; i < 32; i += 8) {
      store(out.codes + part * 32 + i, field(at + 16 + part / 2 * 32 + i, part % 2 * 4, 15));
    }
  }
  out.scale = load_u16(at);
  out.min = negated(load_u16(at + 2));
}

void read_q5_k(const std::uint8_t* at, SuperBlock& out) {
  split_k_scales(at + 4, out);
  const std::uint8_t* high = at + 16;
  for (unsigned part = 0; part < 8; ++part) {
    for (unsigned i = 0; i < 32; i += 8) {
      const std::uint64_t low = field(at + 48 + part / 2 * 32 + i, part % 2 * 4, 15);
      store(out.codes + part * 32 + i, low | field(high + i, part, 1) << 4U);
    }
  }
  out.scale = load_u16(at);
  out.min = negated(load_u16(at + 2));
}

void read_q6_k(const std::uint8_t* at, SuperBlock& out) {
  for (unsigned part = 0; part < 8; ++part) {
    const unsigned half = part / 4;
    const unsigned quarter = part % 4;
    const std::uint8_t* low_bits = at + half * 64 + quarter % 2 * 32;
    for (unsigned i = 0; i < 32; i += 8) {
      const std::uint64_t low = field(low_bits + i, quarter / 2 * 4, 15);
      const std::uint64_t top = field(at + 128 + half * 32 + i, quarter * 2, 3);
      store(out.codes + part * 32 + i, low | top << 4U);
    }
  }
  std::memcpy(out.sub_scales, at + 192, 16);
  out.scale = load_u16(at + 208);
}

void read_iq4_xs(const std::uint8_t* at, SuperBlock& out) {
  const unsigned high = load_u16(at + 2);
  for (unsigned i = 0; i < 8; ++i) {
    const unsigned low = (at[4 + i / 2] >> (i % 2 * 4)) & 15U;
    out.sub_scales[i] = static_cast<std::uint8_t>((low | ((high >> (2 * i)) & 3U) << 4U) - 32U);
    split_nibbles(at + 8 + 16 * i, out.codes + 32 * i);
  }
  out.scale = load_u16(at);
}

template <DType kDType>
void read_super(const std::uint8_t* at, SuperBlock& out) {
  switch (kDType) {
    case DType::kQ2_K:
      return read_q2_k(at, out);
    case DType::kQ3_K:
      return read_q3_k(at, out);
    case DType::kQ4_K:
      return read_q4_k(at, out);
    case DType::kQ5_K:
      return read_q5_k(at, out);
    case DType::kQ6_K:
      return read_q6_k(at, out);
    case DType::kIQ4_XS:
      return read_iq4_xs(at, out);
    case DType::kMXFP4:
      out.scale = at[0];
      return split_nibbles(at + 1, out.codes);
    case DType::kQ8_0:
      out.scale = load_u16(at);
      std::memcpy(out.codes, at + 2, 32);
      return;
    default:
      break;
  }
  // Q4_0, Q4_1, Q5_0, Q5_1, IQ4_NL: f16 d, f16 m?, u32 fifth bits?, nibbles.
  constexpr PackedFormat kFormat = packed_format(kDType);
  out.scale = load_u16(at);
  at += 2;
  if (kFormat.min != MinKind::kNone) {
    out.min = load_u16(at);
    at += 2;
  }
  if (kFormat.high_bits == 0) return split_nibbles(at, out.codes);
  split_nibbles(at + 4, out.codes);
  add_fifth_bits(load_u32(at), out.codes);
}

/// One plane of a block: word q of `words` goes, masked and shifted, into the
/// word of its row in slice q % bits.
template <int kBits, int kShiftDown>
void pack_plane(const std::uint32_t* words, int row, std::uint8_t* plane) {
  constexpr std::uint32_t kMask = ((1U << static_cast<unsigned>(kBits)) - 1U) * 0x01010101U;
  for (int slice = 0; slice < kBits; ++slice) {
    std::uint32_t word = 0;
    for (int part = 0; part * kBits < kQuads; ++part) {
      const std::uint32_t codes = words[slice + part * kBits] >> static_cast<unsigned>(kShiftDown);
      word |= (codes & kMask) << static_cast<unsigned>(part * kBits);
    }
    std::memcpy(plane + static_cast<std::size_t>(slice) * kQuadBytes + row * 4, &word, 4);
  }
}

/// Codes of six bits: three quads in the lower bits of a slice each, the fourth two
/// bits at a time in the upper.
void pack_sixes(const std::uint32_t* words, int row, std::uint8_t* base) {
  for (int slice = 0; slice < 6; ++slice) {
    const std::uint32_t* const set = words + slice / 3 * 4;
    const std::uint32_t part = set[3] >> static_cast<unsigned>(slice % 3 * 2);
    const std::uint32_t word = set[slice % 3] | (part & 0x03030303U) << 6U;
    std::memcpy(base + static_cast<std::size_t>(slice) * kQuadBytes + row * 4, &word, 4);
  }
}

template <DType kDType>
void pack_super(const SuperBlock& from, int row, std::uint8_t* super) {
  constexpr PackedFormat kFormat = packed_format(kDType);
  if (kFormat.scale == ScaleKind::kE8M0) {
    super[row] = static_cast<std::uint8_t>(from.scale);
  } else {
    std::memcpy(super + row * 2, &from.scale, 2);
  }
  if (kFormat.min != MinKind::kNone) {
    std::memcpy(super + kFormat.scale_bytes() + row * 2, &from.min, 2);
  }
  std::uint8_t* block = super + kFormat.header_bytes();
  for (int b = 0; b < kFormat.super_blocks; ++b, block += kFormat.block_bytes()) {
    std::uint8_t* at = block;
    for (int s = 0; s < kFormat.n_subs(); ++s) {
      const int sub = b * kFormat.n_subs() + s;
      if (kFormat.has_sub_scales()) at[s * kPanelRows + row] = from.sub_scales[sub];
      if (kFormat.min == MinKind::kF16TimesU8) {
        at[kFormat.sub_scale_bytes() + static_cast<std::size_t>(s * kPanelRows + row)] =
            from.sub_mins[sub];
      }
    }
    at += kFormat.sub_scale_bytes() + kFormat.sub_min_bytes();
    std::uint32_t words[kQuads];
    std::memcpy(words, from.codes + b * kBlock, sizeof(words));
    if constexpr (kFormat.base_bits == 8) {
      for (int q = 0; q < kQuads; ++q) {
        std::memcpy(at + static_cast<std::size_t>(q) * kQuadBytes + row * 4, &words[q], 4);
      }
    } else if constexpr (kFormat.base_bits == 6) {
      pack_sixes(words, row, at);
    } else {
      pack_plane<kFormat.base_bits, 0>(words, row, at);
    }
    if constexpr (kFormat.high_bits != 0) {
      pack_plane<kFormat.high_bits, kFormat.base_bits>(words, row, at + kFormat.base_bytes());
    }
  }
}

/// Nibble blocks of 32 without further bits: the file's words move as they are.
template <DType kDType>
void pack_nibble_block(const std::uint8_t* from, int row, std::uint8_t* super) {
  constexpr PackedFormat kFormat = packed_format(kDType);
  constexpr std::size_t kNibblesAt =
      (kFormat.scale == ScaleKind::kE8M0 ? 1 : 2) + (kFormat.min == MinKind::kNone ? 0 : 2);
  const std::uint8_t* nibbles = from + kNibblesAt;
  if (kFormat.scale == ScaleKind::kE8M0) {
    super[row] = from[0];
  } else {
    std::memcpy(super + row * 2, from, 2);
  }
  if (kFormat.min != MinKind::kNone) std::memcpy(super + 64 + row * 2, from + 2, 2);
  std::uint8_t* at = super + kFormat.header_bytes() + row * 4;
  for (std::size_t i = 0; i < 4; ++i) std::memcpy(at + i * kQuadBytes, nibbles + i * 4, 4);
}

/// Bytes of a panel that all rows write before any goes on: small enough to stay
/// in the first cache, large enough to read some hundred bytes of a row at once.
constexpr std::size_t kStretchBytes = 12288;

template <DType kDType>
void pack_panel_of(const std::uint8_t* rows, std::size_t row_bytes, int n_rows, std::size_t n_cols,
                   std::uint8_t* panel) {
  constexpr PackedFormat kFormat = packed_format(kDType);
  constexpr std::size_t kSuperBytes = kFormat.super_bytes();
  constexpr std::size_t kStretch = kStretchBytes > kSuperBytes ? kStretchBytes / kSuperBytes : 1;
  constexpr bool kNibblesOnly =
      kFormat.base_bits == 4 && kFormat.high_bits == 0 && kFormat.super_blocks == 1;
  const std::size_t file_bytes = info(kDType).block_bytes;
  const std::size_t n_supers = n_cols / static_cast<std::size_t>(kBlock * kFormat.super_blocks);
  SuperBlock block;
  for (std::size_t first = 0; first < n_supers; first += kStretch) {
    const std::size_t end = std::min(first + kStretch, n_supers);
    for (int row = 0; row < n_rows; ++row) {
      const std::uint8_t* from = rows + static_cast<std::size_t>(row) * row_bytes;
      for (std::size_t super = first; super < end; ++super) {
        if constexpr (kNibblesOnly) {
          pack_nibble_block<kDType>(from + super * file_bytes, row, panel + super * kSuperBytes);
        } else {
          read_super<kDType>(from + super * file_bytes, block);
          pack_super<kDType>(block, row, panel + super * kSuperBytes);
        }
      }
    }
  }
}

float scale_to_f32(const PackedFormat& format, const std::uint8_t* super, int row) {
  if (format.scale != ScaleKind::kE8M0) return f16_to_f32(load_u16(super + row * 2));
  const std::uint32_t e = super[row];
  return std::bit_cast<float>(e < 2 ? 0x00200000U << e : (e - 1) << 23U);
}

/// The bits of quad q, code k of a row in one plane.
unsigned plane_bits(const std::uint8_t* plane, int bits, int quad, int row, int k) {
  ONDOL_CHECK(bits > 0);
  const std::uint8_t byte = plane[static_cast<std::size_t>(quad % bits) * kQuadBytes +
                                  static_cast<std::size_t>(row * 4 + k)];
  return (static_cast<unsigned>(byte) >> static_cast<unsigned>(quad / bits * bits)) &
         ((1U << static_cast<unsigned>(bits)) - 1U);
}

unsigned six_bits(const std::uint8_t* base, int quad, int row, int k) {
  const auto slice = [&](int i) -> unsigned {
    return base[static_cast<std::size_t>(quad / 4 * 3 + i) * kQuadBytes +
                static_cast<std::size_t>(row * 4 + k)];
  };
  if (quad % 4 < 3) return slice(quad % 4) & 63U;
  return slice(0) >> 6U | slice(1) >> 6U << 2U | slice(2) >> 6U << 4U;
}

int code_at(DType dtype, const PackedFormat& format, const std::uint8_t* base, int quad, int row,
            int k) {
  unsigned code = format.base_bits == 6 ? six_bits(base, quad, row, k)
                                        : plane_bits(base, format.base_bits, quad, row, k);
  if (format.high_bits != 0) {
    code |= plane_bits(base + format.base_bytes(), format.high_bits, quad, row, k)
            << static_cast<unsigned>(format.base_bits);
  }
  switch (format.codes) {
    case CodeKind::kSigned:
      return static_cast<std::int8_t>(code);
    case CodeKind::kTableSigned:
    case CodeKind::kTableUnsigned:
      return code_table(dtype)[code] - format.value_bias();
    case CodeKind::kUnsigned:
      break;
  }
  return static_cast<int>(code) - format.value_bias();
}

}  // namespace

void pack_panel(DType dtype, const std::byte* rows, std::size_t row_bytes, int n_rows,
                std::size_t n_cols, std::uint8_t* panel) noexcept {
  const auto* const from = reinterpret_cast<const std::uint8_t*>(rows);
  switch (dtype) {
    case DType::kQ4_0:
      return pack_panel_of<DType::kQ4_0>(from, row_bytes, n_rows, n_cols, panel);
    case DType::kQ4_1:
      return pack_panel_of<DType::kQ4_1>(from, row_bytes, n_rows, n_cols, panel);
    case DType::kQ5_0:
      return pack_panel_of<DType::kQ5_0>(from, row_bytes, n_rows, n_cols, panel);
    case DType::kQ5_1:
      return pack_panel_of<DType::kQ5_1>(from, row_bytes, n_rows, n_cols, panel);
    case DType::kQ8_0:
      return pack_panel_of<DType::kQ8_0>(from, row_bytes, n_rows, n_cols, panel);
    case DType::kQ2_K:
      return pack_panel_of<DType::kQ2_K>(from, row_bytes, n_rows, n_cols, panel);
    case DType::kQ3_K:
      return pack_panel_of<DType::kQ3_K>(from, row_bytes, n_rows, n_cols, panel);
    case DType::kQ4_K:
      return pack_panel_of<DType::kQ4_K>(from, row_bytes, n_rows, n_cols, panel);
    case DType::kQ5_K:
      return pack_panel_of<DType::kQ5_K>(from, row_bytes, n_rows, n_cols, panel);
    case DType::kQ6_K:
      return pack_panel_of<DType::kQ6_K>(from, row_bytes, n_rows, n_cols, panel);
    case DType::kIQ4_NL:
      return pack_panel_of<DType::kIQ4_NL>(from, row_bytes, n_rows, n_cols, panel);
    case DType::kIQ4_XS:
      return pack_panel_of<DType::kIQ4_XS>(from, row_bytes, n_rows, n_cols, panel);
    case DType::kMXFP4:
      return pack_panel_of<DType::kMXFP4>(from, row_bytes, n_rows, n_cols, panel);
    default:
      break;  // no other dtype is packed
  }
}

void unpack_row(DType dtype, const std::uint8_t* panel, int row, std::size_t n_cols,
                float* out) noexcept {
  const PackedFormat format = packed_format(dtype);
  const auto sub_columns = static_cast<std::size_t>(format.sub_columns);
  const std::size_t super_columns =
      static_cast<std::size_t>(kBlock) * static_cast<std::size_t>(format.super_blocks);
  for (std::size_t col = 0; col < n_cols; ++col) {
    const std::uint8_t* super = panel + col / super_columns * format.super_bytes();
    const std::uint8_t* block =
        super + format.header_bytes() + col % super_columns / kBlock * format.block_bytes();
    const std::size_t sub = col % kBlock / sub_columns * kPanelRows + static_cast<std::size_t>(row);
    float scale = scale_to_f32(format, super, row);
    if (format.scale == ScaleKind::kF16TimesU8) scale *= static_cast<float>(block[sub]);
    if (format.scale == ScaleKind::kF16TimesI8) {
      scale *= static_cast<float>(static_cast<std::int8_t>(block[sub]));
    }
    const std::uint8_t* base = block + format.sub_scale_bytes() + format.sub_min_bytes();
    const int in_block = static_cast<int>(col % kBlock);
    float value =
        scale * static_cast<float>(code_at(dtype, format, base, in_block / 4, row, in_block % 4));
    if (format.min != MinKind::kNone) {
      float min = f16_to_f32(load_u16(super + format.scale_bytes() + row * 2));
      if (format.min == MinKind::kF16TimesU8) {
        min *= static_cast<float>(block[format.sub_scale_bytes() + sub]);
      }
      value += min;
    }
    out[col] = value;
  }
}

}  // namespace ondol::device::cpu
