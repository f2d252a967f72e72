#include "device/cpu/pack.h"

#include <bit>
#include <cstring>

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

/// Sixteen bytes of low and high nibbles: elements 0..15 and 16..31.
void split_nibbles(const std::uint8_t* from, std::uint8_t* codes) {
  for (int i = 0; i < 16; ++i) {
    codes[i] = from[i] & 15U;
    codes[i + 16] = from[i] >> 4U;
  }
}

void add_fifth_bits(std::uint32_t bits, std::uint8_t* codes) {
  for (unsigned i = 0; i < 32; ++i) {
    codes[i] = static_cast<std::uint8_t>(codes[i] | (((bits >> i) & 1U) << 4U));
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
  for (int i = 0; i < 256; ++i) {
    out.codes[i] = (qs[i / 128 * 32 + i % 32] >> (static_cast<unsigned>(i) / 32U % 4U * 2U)) & 3U;
  }
  out.scale = load_u16(at + 80);
  out.min = negated(load_u16(at + 82));
}

void read_q3_k(const std::uint8_t* at, SuperBlock& out) {
  const std::uint8_t* high = at;
  const std::uint8_t* qs = at + 32;
  const std::uint8_t* scales = at + 96;
  for (unsigned i = 0; i < 256; ++i) {
    const unsigned low = (qs[i / 128 * 32 + i % 32] >> (i / 32 % 4 * 2)) & 3U;
    out.codes[i] = static_cast<std::uint8_t>(low | (((high[i % 32] >> (i / 32)) & 1U) << 2U));
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
  for (int i = 0; i < 256; ++i) {
    const unsigned byte = at[16 + i / 64 * 32 + i % 32];
    out.codes[i] = static_cast<std::uint8_t>((byte >> (i % 64 < 32 ? 0U : 4U)) & 15U);
  }
  out.scale = load_u16(at);
  out.min = negated(load_u16(at + 2));
}

void read_q5_k(const std::uint8_t* at, SuperBlock& out) {
  split_k_scales(at + 4, out);
  const std::uint8_t* high = at + 16;
  for (int i = 0; i < 256; ++i) {
    const unsigned byte = at[48 + i / 64 * 32 + i % 32];
    const unsigned low = (byte >> (i % 64 < 32 ? 0U : 4U)) & 15U;
    const unsigned bit = (high[i % 32] >> static_cast<unsigned>(i / 32)) & 1U;
    out.codes[i] = static_cast<std::uint8_t>(low | bit << 4U);
  }
  out.scale = load_u16(at);
  out.min = negated(load_u16(at + 2));
}

void read_q6_k(const std::uint8_t* at, SuperBlock& out) {
  for (unsigned i = 0; i < 256; ++i) {
    const unsigned half = i / 128;
    const unsigned quarter = i % 128 / 32;
    const unsigned low =
        (at[half * 64 + quarter % 2 * 32 + i % 32] >> (quarter < 2 ? 0U : 4U)) & 15U;
    const unsigned top = (at[128 + half * 32 + i % 32] >> (quarter * 2)) & 3U;
    out.codes[i] = static_cast<std::uint8_t>(low | top << 4U);
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

void read_super(DType dtype, const std::uint8_t* at, SuperBlock& out) {
  switch (dtype) {
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
  const PackedFormat format = packed_format(dtype);
  out.scale = load_u16(at);
  at += 2;
  if (format.min != MinKind::kNone) {
    out.min = load_u16(at);
    at += 2;
  }
  if (format.high_bits == 0) return split_nibbles(at, out.codes);
  split_nibbles(at + 4, out.codes);
  add_fifth_bits(load_u32(at), out.codes);
}

/// One plane of a block: word q of `words` goes, masked and shifted, into the
/// word of its row in slice q % bits.
void pack_plane(const std::uint32_t* words, int bits, int shift_down, int row,
                std::uint8_t* plane) {
  const std::uint32_t mask = ((1U << static_cast<unsigned>(bits)) - 1U) * 0x01010101U;
  for (int slice = 0; slice < bits; ++slice) {
    std::uint32_t word = 0;
    for (int part = 0; part * bits < kQuads; ++part) {
      const std::uint32_t codes = words[slice + part * bits] >> static_cast<unsigned>(shift_down);
      word |= (codes & mask) << static_cast<unsigned>(part * bits);
    }
    std::memcpy(plane + static_cast<std::size_t>(slice) * kQuadBytes + row * 4, &word, 4);
  }
}

void pack_super(const PackedFormat& format, const SuperBlock& from, int row, std::uint8_t* super) {
  if (format.scale == ScaleKind::kE8M0) {
    super[row] = static_cast<std::uint8_t>(from.scale);
  } else {
    std::memcpy(super + row * 2, &from.scale, 2);
  }
  if (format.min != MinKind::kNone) {
    std::memcpy(super + format.scale_bytes() + row * 2, &from.min, 2);
  }
  std::uint8_t* block = super + format.header_bytes();
  for (int b = 0; b < format.super_blocks; ++b, block += format.block_bytes()) {
    std::uint8_t* at = block;
    for (int s = 0; s < format.n_subs(); ++s) {
      const int sub = b * format.n_subs() + s;
      if (format.has_sub_scales()) at[s * kPanelRows + row] = from.sub_scales[sub];
      if (format.min == MinKind::kF16TimesU8) {
        at[format.sub_scale_bytes() + static_cast<std::size_t>(s * kPanelRows + row)] =
            from.sub_mins[sub];
      }
    }
    at += format.sub_scale_bytes() + format.sub_min_bytes();
    std::uint32_t words[kQuads];
    std::memcpy(words, from.codes + b * kBlock, sizeof(words));
    if (format.base_bits == 8) {
      for (int q = 0; q < kQuads; ++q) {
        std::memcpy(at + static_cast<std::size_t>(q) * kQuadBytes + row * 4, &words[q], 4);
      }
    } else {
      pack_plane(words, format.base_bits, 0, row, at);
    }
    if (format.high_bits != 0) {
      pack_plane(words, format.high_bits, format.base_bits, row, at + format.base_bytes());
    }
  }
}

/// Nibble blocks of 32 without further bits: the file's words move as they are.
void pack_nibble_block(const PackedFormat& format, const std::uint8_t* from, std::size_t file_bytes,
                       int row, std::uint8_t* super) {
  const std::uint8_t* nibbles = from + file_bytes - 16;
  if (format.scale == ScaleKind::kE8M0) {
    super[row] = from[0];
  } else {
    std::memcpy(super + row * 2, from, 2);
  }
  if (format.min != MinKind::kNone) std::memcpy(super + 64 + row * 2, from + 2, 2);
  std::uint8_t* at = super + format.header_bytes() + row * 4;
  for (std::size_t i = 0; i < 4; ++i) std::memcpy(at + i * kQuadBytes, nibbles + i * 4, 4);
}

float scale_to_f32(const PackedFormat& format, const std::uint8_t* super, int row) {
  if (format.scale != ScaleKind::kE8M0) return f16_to_f32(load_u16(super + row * 2));
  const std::uint32_t e = super[row];
  return std::bit_cast<float>(e < 2 ? 0x00200000U << e : (e - 1) << 23U);
}

/// The bits of quad q, code k of a row in one plane.
unsigned plane_bits(const std::uint8_t* plane, int bits, int quad, int row, int k) {
  const std::uint8_t byte = plane[static_cast<std::size_t>(quad % bits) * kQuadBytes +
                                  static_cast<std::size_t>(row * 4 + k)];
  return (static_cast<unsigned>(byte) >> static_cast<unsigned>(quad / bits * bits)) &
         ((1U << static_cast<unsigned>(bits)) - 1U);
}

int code_at(DType dtype, const PackedFormat& format, const std::uint8_t* base, int quad, int row,
            int k) {
  unsigned code = plane_bits(base, format.base_bits, quad, row, k);
  if (format.high_bits != 0) {
    code |= plane_bits(base + format.base_bytes(), format.high_bits, quad, row, k)
            << static_cast<unsigned>(format.base_bits);
  }
  switch (format.codes) {
    case CodeKind::kSigned:
      return static_cast<std::int8_t>(code);
    case CodeKind::kTableSigned:
    case CodeKind::kTableUnsigned:
      return code_table(dtype)[code] - format.bias;
    case CodeKind::kUnsigned:
      break;
  }
  return static_cast<int>(code) - format.bias;
}

}  // namespace

void pack_panel(DType dtype, const std::byte* rows, std::size_t row_bytes, int n_rows,
                std::size_t n_cols, std::uint8_t* panel) noexcept {
  const PackedFormat format = packed_format(dtype);
  const std::size_t file_bytes = info(dtype).block_bytes;
  const std::size_t n_supers = n_cols / static_cast<std::size_t>(kBlock * format.super_blocks);
  const bool nibbles_only =
      format.base_bits == 4 && format.high_bits == 0 && format.super_blocks == 1;
  SuperBlock block;
  for (std::size_t super = 0; super < n_supers; ++super, panel += format.super_bytes()) {
    for (int row = 0; row < n_rows; ++row) {
      const auto* from = reinterpret_cast<const std::uint8_t*>(rows) +
                         static_cast<std::size_t>(row) * row_bytes + super * file_bytes;
      if (nibbles_only) {
        pack_nibble_block(format, from, file_bytes, row, panel);
      } else {
        read_super(dtype, from, block);
        pack_super(format, block, row, panel);
      }
    }
  }
}

void unpack_row(DType dtype, const std::uint8_t* panel, int row, std::size_t n_cols,
                float* out) noexcept {
  const PackedFormat format = packed_format(dtype);
  const auto sub_columns = static_cast<std::size_t>(format.sub_columns);
  const std::size_t super_columns = static_cast<std::size_t>(kBlock * format.super_blocks);
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
