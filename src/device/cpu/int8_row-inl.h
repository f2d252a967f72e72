// The int8 product of one row with packed panels, over an ISA's primitives
// (int8_codes-inl.h). Decode is these products: each weight is used once, so what counts is
// that memory never waits for arithmetic (docs/decisions/0021).
#pragma once

#include "device/cpu/int8_codes-inl.h"

namespace ondol::device::cpu {
namespace {

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

}  // namespace
}  // namespace ondol::device::cpu
