// The int8 matrix product as a template over an ISA's primitives. Included by
// the isa_*.cc files, each of which defines a struct of primitives and calls
// make_int8_kernels. Everything is in an unnamed namespace and free of the
// standard library: no function compiled here for one ISA may be merged by the
// linker with another's.
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

/// Codes and scales of up to kChunkBlocks blocks of a panel, expanded.
template <int kSubs>
struct Expanded {
  alignas(64) std::uint8_t codes[kChunkBlocks][kQuads][kQuadBytes];
  alignas(64) float scales[kChunkBlocks][kSubs][kPanelRows];
  alignas(64) float mins[kChunkBlocks][kSubs][kPanelRows];
};

template <class Isa, int kSubs>
struct ExpandedSource {
  const Expanded<kSubs>* chunk;
  int index = 0;

  ONDOL_INLINE void next(bool /*is_last*/) { ++index; }
  ONDOL_INLINE typename Isa::Bytes codes(int quad, int group) const {
    return Isa::load(&chunk->codes[index][quad][group * Isa::kLanes * 4]);
  }
  ONDOL_INLINE typename Isa::Floats scale(int sub, int group) const {
    return Isa::load_floats(&chunk->scales[index][sub][group * Isa::kLanes]);
  }
  ONDOL_INLINE typename Isa::Floats min(int sub, int group) const {
    return Isa::load_floats(&chunk->mins[index][sub][group * Isa::kLanes]);
  }
};

template <class Isa, DType kDType>
void expand(const std::uint8_t* panel, std::int64_t first_block, int n_blocks,
            Expanded<packed_format(kDType).n_subs()>& out) {
  constexpr PackedFormat kFormat = packed_format(kDType);
  constexpr int kGroups = kPanelRows / Isa::kLanes;
  PackedSource<Isa, kDType> source(panel, first_block);
  for (int b = 0; b < n_blocks; ++b, source.next(b == n_blocks)) {
    Isa::prefetch(source.block + kChunkBlocks * source.kBlockBytes, source.kBlockBytes);
    for (int g = 0; g < kGroups; ++g) {
#pragma GCC unroll 8
      for (int q = 0; q < kQuads; ++q) {
        Isa::store(&out.codes[b][q][g * Isa::kLanes * 4], source.codes(q, g));
      }
      for (int s = 0; s < kFormat.n_subs(); ++s) {
        Isa::store_floats(&out.scales[b][s][g * Isa::kLanes], source.scale(s, g));
        if constexpr (kFormat.min != MinKind::kNone) {
          Isa::store_floats(&out.mins[b][s][g * Isa::kLanes], source.min(s, g));
        }
      }
    }
  }
}

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

/// One block: acc[m][g] of kRows rows of x and kGroups registers of outputs. x: a record.
template <class Isa, DType kDType, int kRows, int kGroups, class Source>
ONDOL_INLINE void add_block(const Source& source, int first_group, const std::uint8_t* x,
                            typename Isa::Floats (&acc)[kRows][kGroups]) {
  constexpr PackedFormat kFormat = packed_format(kDType);
  constexpr int kSubs = kFormat.n_subs();
  constexpr int kSubQuads = kQuads / kSubs;
  constexpr int kCodeBias = kBias<Isa, kDType>;
  using Partial = typename Isa::template Partial<CodeOf<Isa, kDType>>;
#pragma GCC unroll 2
  for (int s = 0; s < kSubs; ++s) {
    Partial dots[kRows][kGroups];
#pragma GCC unroll 8
    for (int i = 0; i < kSubQuads; ++i) {
      const int quad = s * kSubQuads + i;
      typename Isa::Bytes w[kGroups];
#pragma GCC unroll 8
      for (int g = 0; g < kGroups; ++g) w[g] = source.codes(quad, first_group + g);
#pragma GCC unroll 8
      for (int m = 0; m < kRows; ++m) {
        const typename Isa::Bytes a = Isa::quad(x + (quad * kRows + m) * 4);
        if (i == 0 && kCodeBias != 0) {
          const auto centre = centre_of<Isa, kCodeBias, kSubs, kRows>(x + m * 4, s);
#pragma GCC unroll 8
          for (int g = 0; g < kGroups; ++g) dots[m][g].start_at(centre, w[g], a);
        } else {
#pragma GCC unroll 8
          for (int g = 0; g < kGroups; ++g) {
            if (i == 0) {
              dots[m][g].start(w[g], a);
            } else {
              dots[m][g].add(w[g], a);
            }
          }
        }
      }
    }
#pragma GCC unroll 8
    for (int g = 0; g < kGroups; ++g) {
      const typename Isa::Floats w_scale = source.scale(s, first_group + g);
#pragma GCC unroll 8
      for (int m = 0; m < kRows; ++m) {
        const typename Isa::Floats x_scale = Isa::each(x + kScaleAt * kRows + m * 4);
        acc[m][g] =
            Isa::fma(Isa::to_float(dots[m][g].total()), Isa::mul(w_scale, x_scale), acc[m][g]);
      }
      if constexpr (kFormat.min != MinKind::kNone) {
        const typename Isa::Floats w_min = source.min(s, first_group + g);
#pragma GCC unroll 8
        for (int m = 0; m < kRows; ++m) {
          const typename Isa::Floats x_sum =
              kSubs == 1 ? Isa::each(x + kSumAt * kRows + m * 4)
                         : Isa::mul(Isa::each(x + kScaleAt * kRows + m * 4),
                                    half_sum<Isa>(x + kHalvesAt * kRows + (s * kRows + m) * 4));
          acc[m][g] = Isa::fma(w_min, x_sum, acc[m][g]);
        }
      }
    }
  }
}

/// The tile: kRows rows of x times kGroups registers of outputs over n_blocks blocks.
/// x: records; out[m][32]: read first unless kFresh.
template <class Isa, DType kDType, int kRows, int kGroups, bool kFresh, class Source>
ONDOL_INLINE void tile(Source source, int first_group, const std::uint8_t* x, int n_blocks,
                       float* out) {
  typename Isa::Floats acc[kRows][kGroups];
#pragma GCC unroll 8
  for (int m = 0; m < kRows; ++m) {
#pragma GCC unroll 8
    for (int g = 0; g < kGroups; ++g) {
      acc[m][g] = kFresh ? Isa::set(0.0F)
                         : Isa::load_floats(out + m * kPanelRows + (first_group + g) * Isa::kLanes);
    }
  }
  for (int b = 0; b < n_blocks; ++b, x += kRecordBytes * kRows) {
    add_block<Isa, kDType, kRows, kGroups>(source, first_group, x, acc);
    source.next(b + 1 == n_blocks);
  }
#pragma GCC unroll 8
  for (int m = 0; m < kRows; ++m) {
#pragma GCC unroll 8
    for (int g = 0; g < kGroups; ++g) {
      Isa::store_floats(out + m * kPanelRows + (first_group + g) * Isa::kLanes, acc[m][g]);
    }
  }
}

/// In which order one row meets the codes of its panels. What a processor looks ahead in is a few
/// hundred instructions: so that the next lines of all panels are in it, panels take turns with
/// every few registers, and memory works while products do (docs/decisions/0021).
template <class Isa, DType kDType>
struct RowOrder {
  static constexpr PackedFormat kFormat = packed_format(kDType);
  static constexpr int kSubQuads = kQuads / kFormat.n_subs();

  // Quads that share bytes go together: step, step + kStride, ..
  static constexpr bool kSixes = kFormat.base_bits == 6;
  static constexpr int kStride = kSixes ? 1 : kFormat.base_bits;
  static constexpr int kTogether = kSixes ? kSubQuads : kSubQuads / kStride;
  static constexpr int kSteps = kSubQuads / kTogether;

  // A turn has as many registers of outputs as stay in registers: some of every panel where codes
  // are narrow, all of two panels where they are wide and half lines would cost more.
  static constexpr bool kWide = kFormat.base_bits > 4;
  static constexpr int kAll = kPanelRows / Isa::kLanes;
  static constexpr int kGroups = kWide ? kAll : Isa::kTileGroups;
  static constexpr int kPanelsATurn = kWide ? 2 : kStreams;
};

/// The compiler keeps what comes before this before it: it would put off sums and spill them.
ONDOL_INLINE void in_order() { asm volatile("" ::: "memory"); }

/// kPanels panels that one row meets, each with sums of all its outputs.
template <class Isa, DType kDType, int kPanels>
struct RowStreams {
  static constexpr int kGroups = kPanelRows / Isa::kLanes;
  PackedSource<Isa, kDType> sources[kPanels];
  typename Isa::Floats acc[kPanels][kGroups];

  ONDOL_INLINE void load(int panel, const float* out) {
    for (int g = 0; g < kGroups; ++g) acc[panel][g] = Isa::load_floats(out + g * Isa::kLanes);
  }
  ONDOL_INLINE void store(int panel, float* out) const {
    for (int g = 0; g < kGroups; ++g) Isa::store_floats(out + g * Isa::kLanes, acc[panel][g]);
  }
};

template <class Isa, DType kDType>
using Dots = typename Isa::template Partial<CodeOf<Isa, kDType>>;

/// Adds the codes of a step to the dots of a turn's panels.
template <class Isa, DType kDType, int kGroups, int kPanels>
ONDOL_INLINE void add_row_turn(const RowStreams<Isa, kDType, kPanels>& streams, int first_panel,
                               int end_panel, int first_group, const std::uint8_t* x, int sub,
                               int step, Dots<Isa, kDType> (&dots)[kPanels][kGroups]) {
  using Order = RowOrder<Isa, kDType>;
  constexpr int kSubs = packed_format(kDType).n_subs();
  constexpr int kCodeBias = kBias<Isa, kDType>;
#pragma GCC unroll 8
  for (int p = first_panel; p < end_panel; ++p) {
#pragma GCC unroll 8
    for (int g = 0; g < kGroups; ++g) {
#pragma GCC unroll 8
      for (int i = 0; i < Order::kTogether; ++i) {
        const int quad = sub * Order::kSubQuads + step + i * Order::kStride;
        const typename Isa::Bytes w = streams.sources[p].codes(quad, first_group + g);
        const typename Isa::Bytes a = Isa::quad(x + quad * 4);
        if (step != 0 || i != 0) {
          dots[p][g].add(w, a);
        } else if constexpr (kCodeBias != 0) {
          dots[p][g].start_at(centre_of<Isa, kCodeBias, kSubs, 1>(x, sub), w, a);
        } else {
          dots[p][g].start(w, a);
        }
      }
    }
  }
}

/// A sub-block of every panel, kGroups registers of outputs each.
template <class Isa, DType kDType, int kGroups, int kPanels>
ONDOL_INLINE void add_row_sub(RowStreams<Isa, kDType, kPanels>& streams, int first_group,
                              const std::uint8_t* x, int sub) {
  using Order = RowOrder<Isa, kDType>;
  constexpr PackedFormat kFormat = packed_format(kDType);
  constexpr int kTurn = kPanels < Order::kPanelsATurn ? kPanels : Order::kPanelsATurn;
  Dots<Isa, kDType> dots[kPanels][kGroups];
#pragma GCC unroll 8
  for (int step = 0; step < Order::kSteps; ++step) {
#pragma GCC unroll 8
    for (int p = 0; p < kPanels; p += kTurn) {
      add_row_turn<Isa, kDType, kGroups>(streams, p, p + kTurn, first_group, x, sub, step, dots);
      in_order();
    }
  }
  const typename Isa::Floats x_scale = Isa::each(x + kScaleAt);
#pragma GCC unroll 8
  for (int p = 0; p < kPanels; ++p) {
#pragma GCC unroll 8
    for (int g = 0; g < kGroups; ++g) {
      const int group = first_group + g;
      typename Isa::Floats acc =
          Isa::fma(Isa::to_float(dots[p][g].total()),
                   Isa::mul(streams.sources[p].scale(sub, group), x_scale), streams.acc[p][group]);
      if constexpr (kFormat.min != MinKind::kNone) {
        const typename Isa::Floats x_sum =
            kFormat.n_subs() == 1 ? Isa::each(x + kSumAt)
                                  : Isa::mul(x_scale, half_sum<Isa>(x + kHalvesAt + sub * 4));
        acc = Isa::fma(streams.sources[p].min(sub, group), x_sum, acc);
      }
      streams.acc[p][group] = acc;
    }
  }
  in_order();
}

/// A block of every panel. x: a record of one row.
template <class Isa, DType kDType, int kPanels>
ONDOL_INLINE void add_row_block(RowStreams<Isa, kDType, kPanels>& streams, const std::uint8_t* x) {
  using Order = RowOrder<Isa, kDType>;
  constexpr int kGroups = kPanels == 1 ? Order::kAll : Order::kGroups;
  constexpr int kSubs = packed_format(kDType).n_subs();
#pragma GCC unroll 8
  for (int group = 0; group < Order::kAll; group += kGroups) {
#pragma GCC unroll 2
    for (int sub = 0; sub < kSubs; ++sub) {
      add_row_sub<Isa, kDType, kGroups>(streams, group, x, sub);
    }
  }
}

/// Adds what the fine blocks of a row contribute to out[32].
template <class Isa, DType kDType>
void add_fine_blocks(const std::uint8_t* panel, const FineBlocks& fine, std::int64_t row,
                     float* out) noexcept {
  for (std::int32_t i = fine.first[row]; i < fine.first[row + 1]; ++i) {
    RowStreams<Isa, kDType, 1> stream{{PackedSource<Isa, kDType>(panel, fine.blocks[i])}, {}};
    stream.load(0, out);
    add_row_block<Isa, kDType>(stream, fine.records + i * kRecordBytes);
    stream.store(0, out);
  }
}

/// Panels by their number.
template <int... kIndices>
struct Panels {};

/// One row: codes go from memory to registers once, from several panels at a time: one stream of
/// reads leaves the memory idle that several keep busy, and what the processor fetches
/// ahead by itself is then enough. The panels are `step` apart, as their outputs are.
template <class Isa, DType kDType, int... kIndices>
void gemv(Panels<kIndices...> /*which*/, const std::uint8_t* panels, std::size_t panel_bytes,
          std::int64_t step, const QuantizedRows& x, float* out) noexcept {
  constexpr int kPanels = sizeof...(kIndices);
  const auto panel = [=](int p) {
    return panels + static_cast<std::size_t>(p * step) * panel_bytes;
  };
  RowStreams<Isa, kDType, kPanels> streams{{PackedSource<Isa, kDType>(panel(kIndices))...}, {}};
  const std::uint8_t* record = x.bytes;
  const std::int64_t n_blocks = x.n_blocks();
  for (std::int64_t b = 0; b < n_blocks; ++b, record += kRecordBytes) {
    add_row_block<Isa, kDType>(streams, record);
    for (auto& source : streams.sources) source.next(b + 1 == n_blocks);
  }
  for (int p = 0; p < kPanels; ++p) {
    float* const to = out + p * step * kPanelRows;
    streams.store(p, to);
    add_fine_blocks<Isa, kDType>(panel(p), x.fine, 0, to);
  }
}

/// Each stream goes through a quarter of the panels from end to end, so that it goes on where
/// the processor already fetches ahead.
template <class Isa, DType kDType>
void row_product(const std::uint8_t* panels, std::size_t panel_bytes, std::int64_t n_panels,
                 const QuantizedRows& x, float* out) noexcept {
  const auto at = [&](std::int64_t panel) {
    return panels + static_cast<std::size_t>(panel) * panel_bytes;
  };
  std::int64_t first_left = 0;
  if constexpr (Isa::kManyStreams) {
    const std::int64_t step = n_panels / kStreams;
    for (std::int64_t p = 0; p < step; ++p) {
      gemv<Isa, kDType>(Panels<0, 1, 2, 3>(), at(p), panel_bytes, step, x, out + p * kPanelRows);
    }
    first_left = step * kStreams;
  }
  for (std::int64_t p = first_left; p < n_panels; ++p) {
    gemv<Isa, kDType>(Panels<0>(), at(p), panel_bytes, 1, x, out + p * kPanelRows);
  }
}

/// Many rows: each chunk of the panel is expanded once and used for all of them.
template <class Isa, DType kDType, int kRows>
void gemm(const std::uint8_t* panel, const QuantizedRows& x, std::int64_t first_tile,
          std::int64_t end_tile, float* out) noexcept {
  constexpr int kSubs = packed_format(kDType).n_subs();
  Expanded<kSubs> chunk;
  const std::int64_t n_blocks = x.n_blocks();
  for (std::int64_t block = 0; block < n_blocks; block += kChunkBlocks) {
    const int n =
        static_cast<int>(n_blocks - block < kChunkBlocks ? n_blocks - block : kChunkBlocks);
    expand<Isa, kDType>(panel, block, n, chunk);
    for (std::int64_t t = first_tile; t < end_tile; ++t) {
      const std::uint8_t* const from = x.bytes + x.chunk_at(t, block);
      float* const to = out + (t - first_tile) * kRows * kPanelRows;
      for (int group = 0; group < kPanelRows / Isa::kLanes; group += Isa::kTileGroups) {
        const ExpandedSource<Isa, kSubs> source{&chunk};
        if (block == 0) {
          tile<Isa, kDType, kRows, Isa::kTileGroups, true>(source, group, from, n, to);
        } else {
          tile<Isa, kDType, kRows, Isa::kTileGroups, false>(source, group, from, n, to);
        }
      }
    }
  }
}

template <class Isa, DType kDType>
void product(const std::uint8_t* panel, const QuantizedRows& x, std::int64_t first_row,
             std::int64_t n_rows, float* out) noexcept {
  const std::int64_t first_tile = first_row / x.tile_rows;
  const std::int64_t end_tile = (first_row + n_rows + x.tile_rows - 1) / x.tile_rows;
  if (x.tile_rows == Isa::kTileRows) {
    gemm<Isa, kDType, Isa::kTileRows>(panel, x, first_tile, end_tile, out);
  } else {
    gemm<Isa, kDType, 2>(panel, x, first_tile, end_tile, out);
  }
  for (std::int64_t i = 0; i < n_rows; ++i) {
    add_fine_blocks<Isa, kDType>(panel, x.fine, first_row + i, out + i * kPanelRows);
  }
}

template <class Isa, DType... kDTypes>
constexpr Int8Kernels make_kernels_for() {
  Int8Kernels kernels{};
  kernels.tile_rows = Isa::kTileRows;
  ((kernels.products[static_cast<std::size_t>(kDTypes)] = &product<Isa, kDTypes>), ...);
  ((kernels.row_products[static_cast<std::size_t>(kDTypes)] = &row_product<Isa, kDTypes>), ...);
  return kernels;
}

template <class Isa>
constexpr Int8Kernels make_int8_kernels() {
  return make_kernels_for<Isa, DType::kQ4_0, DType::kQ4_1, DType::kQ5_0, DType::kQ5_1, DType::kQ8_0,
                          DType::kQ2_K, DType::kQ3_K, DType::kQ4_K, DType::kQ5_K, DType::kQ6_K,
                          DType::kIQ4_NL, DType::kIQ4_XS, DType::kMXFP4>();
}

}  // namespace
}  // namespace ondol::device::cpu
