#include "device/cpu/refine.h"

#include <algorithm>
#include <array>

#include "device/cpu/packed_format.h"

namespace ondol::device::cpu {
namespace {

constexpr double kRefineAbove = 6;

}  // namespace

// Peels the largest off until none of the rest stands out: a mean that the
// outliers are part of would hide all but the greatest.
void Refinements::find_in_row(const float* scales, std::int64_t n_blocks) {
  const auto square = [scales](std::int64_t b) {
    return static_cast<double>(scales[b]) * static_cast<double>(scales[b]);
  };
  double limit = 0;  // blocks above it are not part of the mean
  std::int64_t n_above = -1;
  for (;;) {
    double sum = 0;
    std::int64_t n_rest = 0;
    for (std::int64_t b = 0; b < n_blocks; ++b) {
      const bool is_rest = n_above < 0 || !(square(b) > limit);
      if (is_rest) sum += square(b);
      n_rest += is_rest ? 1 : 0;
    }
    if (n_rest == 0) return;
    limit = kRefineAbove * sum / static_cast<double>(n_rest);
    const std::int64_t n = std::count_if(scales, scales + n_blocks, [&](const float& scale) {
      return square(&scale - scales) > limit;  // false for NaN
    });
    if (n <= n_above || n == 0) break;
    n_above = n;
  }
  for (std::int64_t b = 0; b < n_blocks; ++b) {
    if (square(b) > limit) blocks_.push_back(static_cast<std::int32_t>(b));
  }
}

void Refinements::find(const float* values, std::int64_t n_rows, const FloatKernels& kernels,
                       QuantizedRows& x) {
  const std::int64_t n_blocks = x.n_cols / kBlock;
  first_.assign(1, 0);
  blocks_.clear();
  for (std::int64_t row = 0; row < n_rows; ++row) {
    find_in_row(x.scales + row * n_blocks, n_blocks);
    first_.push_back(static_cast<std::int32_t>(blocks_.size()));
  }
  codes_.resize(blocks_.size() * kBlock);
  scales_.resize(blocks_.size());
  sums_.resize(blocks_.size() * 2);
  for (std::int64_t row = 0; row < n_rows; ++row) {
    for (auto i = static_cast<std::size_t>(first_[static_cast<std::size_t>(row)]);
         i < static_cast<std::size_t>(first_[static_cast<std::size_t>(row) + 1]); ++i) {
      const std::int64_t at = row * x.n_cols + std::int64_t{blocks_[i]} * kBlock;
      const float scale = x.scales[row * n_blocks + blocks_[i]];
      std::array<float, kBlock> rest{};
      for (std::int64_t c = 0; c < kBlock; ++c) {
        rest[static_cast<std::size_t>(c)] =
            values[at + c] - scale * static_cast<float>(x.codes[at + c]);
      }
      kernels.quantize(rest.data(), kBlock, &codes_[i * kBlock], &scales_[i], &sums_[i * 2]);
    }
  }
  x.fine = {codes_.data(), scales_.data(), sums_.data(), blocks_.data(), first_.data()};
}

}  // namespace ondol::device::cpu
