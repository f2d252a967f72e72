// The loops of limit_kernels.h over the primitives of an ISA. Each limits_<isa>.cc
// gives its own:
//
//   Vector, kVectorBytes, load(), mix(), fold()   any mixing that cannot be left out
//   Floats, kFloats, kFloatChains, fma(), set()   multiply-adds that do not wait for each other
//   Ints, kInt8Chains, dot(), kDotOps             (ISAs with an int8 dot product)
//
// An empty asm makes a register's value unknown to the compiler, which then can
// neither fold a chain nor leave it out.
#pragma once

#include "device/cpu/limit_kernels.h"

namespace ondol::device::cpu {
namespace {

template <class P, int kStreams>
std::uint64_t read_streams(const std::uint8_t* data, std::size_t n_bytes,
                           std::size_t prefetch_bytes) {
  constexpr std::size_t kTurn = 256;  // bytes of one stream before the next has its turn
  constexpr std::size_t kLine = 64;
  const std::size_t stream_bytes = n_bytes / kStreams;
  typename P::Vector sums[kStreams] = {};
  for (std::size_t at = 0; at < stream_bytes; at += kTurn) {
    for (int s = 0; s < kStreams; ++s) {
      const std::uint8_t* from = data + static_cast<std::size_t>(s) * stream_bytes + at;
      if (prefetch_bytes > 0) {
        for (std::size_t i = 0; i < kTurn; i += kLine)
          __builtin_prefetch(from + prefetch_bytes + i);
      }
#pragma GCC unroll 16
      for (std::size_t i = 0; i < kTurn; i += P::kVectorBytes) {
        sums[s] = P::mix(sums[s], P::load(from + i));
      }
    }
  }
  for (int s = 1; s < kStreams; ++s) sums[0] = P::mix(sums[0], sums[s]);
  return P::fold(sums[0]);
}

template <class P>
std::uint64_t read_memory(const std::uint8_t* data, std::size_t n_bytes, int n_streams,
                          std::size_t prefetch_bytes) noexcept {
  switch (n_streams) {
    case 8:
      return read_streams<P, 8>(data, n_bytes, prefetch_bytes);
    case 4:
      return read_streams<P, 4>(data, n_bytes, prefetch_bytes);
    case 2:
      return read_streams<P, 2>(data, n_bytes, prefetch_bytes);
    default:
      return read_streams<P, 1>(data, n_bytes, prefetch_bytes);
  }
}

constexpr int kStepsPerRound = 64;

/// acc = x * y + acc in kFloatChains registers: x * y is tiny, sums stay finite.
template <class P>
std::int64_t multiply_floats(std::int64_t n_rounds) noexcept {
  typename P::Floats sums[P::kFloatChains];
  for (auto& sum : sums) sum = P::set(1.0F);
  typename P::Floats x = P::set(0.5F);
  typename P::Floats y = P::set(1e-12F);
  ONDOL_UNKNOWN(x);
  ONDOL_UNKNOWN(y);
  for (std::int64_t r = 0; r < n_rounds; ++r) {
#pragma GCC unroll 4
    for (int step = 0; step < kStepsPerRound; ++step) {
#pragma GCC unroll 32
      for (int i = 0; i < P::kFloatChains; ++i) sums[i] = P::fma(x, y, sums[i]);
    }
  }
  for (auto& sum : sums) ONDOL_UNKNOWN(sum);
  return std::int64_t{2} * P::kFloats * P::kFloatChains * kStepsPerRound;
}

/// As multiply_floats, with the ISA's int8 dot product. 32-bit sums may wrap.
template <class P>
std::int64_t multiply_int8(std::int64_t n_rounds) noexcept {
  typename P::Ints sums[P::kInt8Chains] = {};
  typename P::Ints w = P::bytes(3);
  typename P::Ints x = P::bytes(5);
  ONDOL_UNKNOWN(w);
  ONDOL_UNKNOWN(x);
  for (std::int64_t r = 0; r < n_rounds; ++r) {
#pragma GCC unroll 4
    for (int step = 0; step < kStepsPerRound; ++step) {
#pragma GCC unroll 32
      for (int i = 0; i < P::kInt8Chains; ++i) sums[i] = P::dot(sums[i], w, x);
    }
  }
  for (auto& sum : sums) ONDOL_UNKNOWN(sum);
  return std::int64_t{P::kDotOps} * P::kInt8Chains * kStepsPerRound;
}

}  // namespace
}  // namespace ondol::device::cpu
