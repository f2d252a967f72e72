// How CpuDevice shares out rows. Internal to cpu_*.cc.
#pragma once

#include <algorithm>

#include "device/cpu/cpu_device.h"

namespace ondol::device::cpu {

/// Floats of work below which waking another thread costs more than it saves.
inline constexpr std::int64_t kPieceCost = 16384;

template <class Fn>
void CpuDevice::for_rows(std::int64_t n_rows, std::int64_t row_cost, const Fn& fn) {
  const std::int64_t grain =
      std::max<std::int64_t>(1, kPieceCost / std::max<std::int64_t>(1, row_cost));
  threads_.parallel_for(n_rows, grain, [&fn](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t r = begin; r < end; ++r) fn(r);
  });
}

template <class Fn>
void CpuDevice::for_elements(std::int64_t n, std::int64_t cost, const Fn& fn) {
  threads_.parallel_for(n, kPieceCost / cost, [&fn](std::int64_t begin, std::int64_t end, int) {
    fn(begin, end - begin);
  });
}

}  // namespace ondol::device::cpu
