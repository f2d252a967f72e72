// The int8 matrix product as a template over an ISA's primitives (int8_codes-inl.h).
// Included by the isa_*.cc files, each of which defines a struct of primitives and calls
// make_int8_kernels. Many rows are here; one row is in int8_row-inl.h.
#pragma once

#include "device/cpu/int8_row-inl.h"

namespace ondol::device::cpu {
namespace {

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

/// One block: acc[m][g] of kRows rows of x and kGroups registers of outputs. x: a record.
template <class Isa, DType kDType, int kRows, int kGroups>
ONDOL_INLINE void add_block(const ExpandedSource<Isa, packed_format(kDType).n_subs()>& source,
                            int first_group, const std::uint8_t* x,
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
template <class Isa, DType kDType, int kRows, int kGroups, bool kFresh>
ONDOL_INLINE void tile(ExpandedSource<Isa, packed_format(kDType).n_subs()> source, int first_group,
                       const std::uint8_t* x, int n_blocks, float* out) {
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
    ++source.index;
  }
#pragma GCC unroll 8
  for (int m = 0; m < kRows; ++m) {
#pragma GCC unroll 8
    for (int g = 0; g < kGroups; ++g) {
      Isa::store_floats(out + m * kPanelRows + (first_group + g) * Isa::kLanes, acc[m][g]);
    }
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
