// Packed codes and scales as registers of an ISA, for int8_row-inl.h and int8_tile-inl.h.
// Everything is in an unnamed namespace and free of the standard library: no function
// compiled here for one ISA may be merged by the linker with another's.
//
// Primitives of an ISA (rows are lanes, see packed_format.h):
//   kLanes                   rows in a register; Bytes holds 4 codes of each
//   kTileRows, kTileGroups   the shape of a tile: rows of x times groups of kLanes
//   kManyStreams             whether one row meets kStreams panels at a time
//   kSigned                  how int8 codes that do not fit 7 bits are taken:
//                            kAsTheyAre, or kBiased (code + 128, unsigned)
//   load, store, field<shift, mask> (bytes >> shift, or << -shift, then & mask),
//   either, bias128, lookup, quad (4 codes of an activation to every lane)
//   Centre, centre<kBias>    what a dot starts from: -kBias times the sum of the
//                            activation's codes, out of `halves` (quantized_rows.h)
//   Partial<Code>            the dot products of a sub-block: start, start_at (a
//                            Centre), add, total(-> Ints)
//   f16, u8, i8, e8m0        32-bit floats from kLanes stored scales
//   to_float, set, each (one float to every lane), mul, fma, load_floats,
//   store_floats, prefetch
#pragma once

#include "device/cpu/int8_kernels.h"
#include "device/cpu/packed_format.h"

/// Inlined in every build type: what these functions leave to the optimizer is
/// whether loop indices become constants.
#define ONDOL_INLINE [[gnu::always_inline]] inline

namespace ondol::device::cpu {
namespace {

enum class SignedCodes : unsigned char { kAsTheyAre, kBiased };

template <class Isa, DType kDType>
inline constexpr bool kIsSigned = packed_format(kDType).codes == CodeKind::kSigned ||
                                  packed_format(kDType).codes == CodeKind::kTableSigned;

/// What is subtracted from a code in its dot product: the format's own bias, and
/// the ISA's where signed codes are made unsigned.
template <class Isa, DType kDType>
inline constexpr int kBias =
    packed_format(kDType).bias +
    (kIsSigned<Isa, kDType> && Isa::kSigned == SignedCodes::kBiased ? 128 : 0);

/// How codes go into the dot product: their greatest value, the bias that the dot
/// starts with, whether signed, and how many quads a sub-block has.
template <int kMax, int kCodeBias, bool kSigned, int kNQuads>
struct Code {
  static constexpr int max = kMax;
  static constexpr int bias = kCodeBias;
  static constexpr bool is_signed = kSigned;
  static constexpr int n_quads = kNQuads;
};

template <class Isa, DType kDType>
using CodeOf = Code<packed_format(kDType).max_code, kBias<Isa, kDType>,
                    kIsSigned<Isa, kDType> && Isa::kSigned == SignedCodes::kAsTheyAre,
                    kQuads / packed_format(kDType).n_subs()>;

/// Reads codes and scales where they are packed. `super` and `block` move along.
template <class Isa, DType kDType>
struct PackedSource {
  static constexpr PackedFormat kFormat = packed_format(kDType);
  static constexpr int kSuperBlocks = kFormat.super_blocks;
  static constexpr std::size_t kScaleBytes = kFormat.scale_bytes();
  static constexpr std::size_t kHeaderBytes = kFormat.header_bytes();
  static constexpr std::size_t kSubScaleBytes = kFormat.sub_scale_bytes();
  static constexpr std::size_t kCodesAt = kSubScaleBytes + kFormat.sub_min_bytes();
  static constexpr std::size_t kBaseBytes = kFormat.base_bytes();
  static constexpr std::size_t kBlockBytes = kFormat.block_bytes();
  static constexpr std::size_t kSuperBytes = kFormat.super_bytes();

  const std::uint8_t* block;

  ONDOL_INLINE explicit PackedSource(const std::uint8_t* panel, std::int64_t block_index = 0) {
    begin_super(panel + static_cast<std::size_t>(block_index / kSuperBlocks) * kSuperBytes);
    block += static_cast<std::size_t>(block_index % kSuperBlocks) * kBlockBytes;
    left_ -= static_cast<int>(block_index % kSuperBlocks);
  }

  /// is_last: nothing lies behind this block.
  ONDOL_INLINE void next(bool is_last) {
    block += kBlockBytes;
    if ((kSuperBlocks == 1 || --left_ == 0) && !is_last) begin_super(block);
  }

  template <int kBits, int kShiftTo>
  ONDOL_INLINE static typename Isa::Bytes plane(const std::uint8_t* at, int quad, int group) {
    // Quads q, q + stride, .. share a byte; the shift must be a constant, hence the switch.
    const typename Isa::Bytes bytes =
        Isa::load(at + static_cast<std::size_t>(quad % kBits) * kQuadBytes +
                  static_cast<std::size_t>(group) * Isa::kLanes * 4);
    constexpr unsigned kMask = ((1U << static_cast<unsigned>(kBits)) - 1U)
                               << static_cast<unsigned>(kShiftTo);
    switch (quad / kBits) {
      case 0:
        return Isa::template field<0 - kShiftTo, kMask>(bytes);
      case 1:
        return Isa::template field<(kBits - kShiftTo) % 8, kMask>(bytes);
      case 2:
        return Isa::template field<(2 * kBits - kShiftTo) % 8, kMask>(bytes);
      case 3:
        return Isa::template field<(3 * kBits - kShiftTo) % 8, kMask>(bytes);
      case 4:
        return Isa::template field<(4 * kBits - kShiftTo) % 8, kMask>(bytes);
      case 5:
        return Isa::template field<(5 * kBits - kShiftTo) % 8, kMask>(bytes);
      case 6:
        return Isa::template field<(6 * kBits - kShiftTo) % 8, kMask>(bytes);
      default:
        return Isa::template field<(7 * kBits - kShiftTo) % 8, kMask>(bytes);
    }
  }

  /// Codes of six bits: three quads lie in the lower bits of a slice each, the
  /// fourth in their upper bits.
  ONDOL_INLINE static typename Isa::Bytes sixes(const std::uint8_t* base, int quad, int group) {
    const std::uint8_t* const slices = base + static_cast<std::size_t>(quad / 4 * 3) * kQuadBytes +
                                       static_cast<std::size_t>(group) * Isa::kLanes * 4;
    if (quad % 4 < 3) {
      return Isa::template field<0, 0x3F>(
          Isa::load(slices + static_cast<std::size_t>(quad % 4) * kQuadBytes));
    }
    return Isa::either(Isa::either(Isa::template field<6, 0x03>(Isa::load(slices)),
                                   Isa::template field<4, 0x0C>(Isa::load(slices + kQuadBytes))),
                       Isa::template field<2, 0x30>(Isa::load(slices + 2 * kQuadBytes)));
  }

  ONDOL_INLINE typename Isa::Bytes codes(int quad, int group) const {
    const std::uint8_t* base = block + kCodesAt;
    typename Isa::Bytes result;
    if constexpr (kFormat.base_bits == 6) {
      result = sixes(base, quad, group);
    } else if constexpr (kFormat.base_bits == 8) {
      result = Isa::load(base + static_cast<std::size_t>(quad) * kQuadBytes +
                         static_cast<std::size_t>(group) * Isa::kLanes * 4);
    } else {
      result = plane<kFormat.base_bits, 0>(base, quad, group);
    }
    if constexpr (kFormat.high_bits != 0) {
      result = Isa::either(
          result, plane<kFormat.high_bits, kFormat.base_bits>(base + kBaseBytes, quad, group));
    }
    if constexpr (kFormat.codes == CodeKind::kTableSigned ||
                  kFormat.codes == CodeKind::kTableUnsigned) {
      result = Isa::lookup(code_table(kDType), result);
    }
    if constexpr (kIsSigned<Isa, kDType> && Isa::kSigned == SignedCodes::kBiased) {
      result = Isa::bias128(result);
    }
    return result;
  }

  ONDOL_INLINE typename Isa::Floats scale(int sub, int group) const {
    const typename Isa::Floats d = super_scale(group);
    const std::uint8_t* at =
        block + static_cast<std::size_t>(sub) * kPanelRows + group * Isa::kLanes;
    if constexpr (kFormat.scale == ScaleKind::kF16TimesU8) return Isa::mul(d, Isa::u8(at));
    if constexpr (kFormat.scale == ScaleKind::kF16TimesI8) return Isa::mul(d, Isa::i8(at));
    return d;
  }

  ONDOL_INLINE typename Isa::Floats min(int sub, int group) const {
    typename Isa::Floats m = super_min(group);
    if constexpr (kFormat.min == MinKind::kF16TimesU8) {
      m = Isa::mul(m, Isa::u8(block + kSubScaleBytes + static_cast<std::size_t>(sub) * kPanelRows +
                              group * Isa::kLanes));
    }
    if constexpr (kFormat.bias != 0) {  // the dot subtracts it, so the min gives it back
      m = Isa::fma(Isa::set(static_cast<float>(kFormat.bias)), scale(sub, group), m);
    }
    return m;
  }

 private:
  ONDOL_INLINE void begin_super(const std::uint8_t* at) {
    super_ = at;
    block = at + kHeaderBytes;
    left_ = kSuperBlocks;
    if constexpr (kSuperBlocks > 1) {
      for (int g = 0; g < kPanelRows / Isa::kLanes; ++g) {
        Isa::store_floats(scales_ + g * Isa::kLanes, stored_scale(g));
        if constexpr (kFormat.min != MinKind::kNone) {
          Isa::store_floats(mins_ + g * Isa::kLanes, stored_min(g));
        }
      }
    }
  }
  ONDOL_INLINE typename Isa::Floats stored_scale(int group) const {
    const int row = group * Isa::kLanes;
    if constexpr (kFormat.scale == ScaleKind::kE8M0) return Isa::e8m0(super_ + row);
    return Isa::f16(super_ + static_cast<std::size_t>(row) * 2);
  }
  ONDOL_INLINE typename Isa::Floats stored_min(int group) const {
    return Isa::f16(super_ + kScaleBytes + static_cast<std::size_t>(group) * Isa::kLanes * 2);
  }
  ONDOL_INLINE typename Isa::Floats super_scale(int group) const {
    if constexpr (kSuperBlocks == 1) return stored_scale(group);
    return Isa::load_floats(scales_ + group * Isa::kLanes);
  }
  ONDOL_INLINE typename Isa::Floats super_min(int group) const {
    if constexpr (kSuperBlocks == 1) return stored_min(group);
    return Isa::load_floats(mins_ + group * Isa::kLanes);
  }

  const std::uint8_t* super_;
  int left_;
  // What the blocks of a super-block share, as floats: converted once.
  float scales_[kSuperBlocks > 1 ? kPanelRows : 1];
  float mins_[kSuperBlocks > 1 && kFormat.min != MinKind::kNone ? kPanelRows : 1];
};

/// The sum of 16 codes to every lane.
template <class Isa>
ONDOL_INLINE typename Isa::Floats half_sum(const std::uint8_t* halves) {
  std::int16_t pair[2];
  __builtin_memcpy(pair, halves, sizeof(pair));
  return Isa::set(static_cast<float>(pair[0] + pair[1]));
}

/// What the dots of a sub-block start from. row: a row's part of a record.
template <class Isa, int kCodeBias, int kSubs, int kRows>
ONDOL_INLINE typename Isa::Centre centre_of(const std::uint8_t* row, int sub) {
  const std::uint8_t* const halves = row + kHalvesAt * kRows;
  if constexpr (kSubs == 2) {
    return Isa::template centre<kCodeBias>(halves + sub * kRows * 4);
  } else if constexpr (kCodeBias == kCentreBias) {
    return Isa::template centre<-1>(row + kCentreAt * kRows);
  } else {
    return Isa::template centre<kCodeBias>(halves, halves + kRows * 4);
  }
}

}  // namespace
}  // namespace ondol::device::cpu
