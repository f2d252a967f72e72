#include "device/cpu/refine.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace ondol::device::cpu {
namespace {

constexpr double kRefineAbove = 6;

/// A row's part of a record begins here; what follows is tile_rows apart.
const std::uint8_t* part_of(const QuantizedRows& x, std::int64_t row, std::int64_t block) {
  return x.bytes + x.record_at(row / x.tile_rows, block) +
         static_cast<std::size_t>(row % x.tile_rows) * 4;
}

float scale_of(const QuantizedRows& x, std::int64_t row, std::int64_t block) {
  float scale = 0;
  std::memcpy(&scale, part_of(x, row, block) + kScaleAt * static_cast<std::size_t>(x.tile_rows),
              sizeof(scale));
  return scale;
}

/// rest = what the codes of a block leave of its values.
void subtract_codes(const QuantizedRows& x, std::int64_t row, std::int64_t block,
                    const float* values, std::array<float, kBlock>& rest) {
  const float scale = scale_of(x, row, block);
  const std::uint8_t* const part = part_of(x, row, block);
  const float* const from = values + row * x.n_cols + block * kBlock;
  for (std::size_t c = 0; c < kBlock; ++c) {
    const std::size_t at = c / 4 * 4 * static_cast<std::size_t>(x.tile_rows) + c % 4;
    rest[c] = from[c] - scale * static_cast<float>(static_cast<std::int8_t>(part[at]));
  }
}

}  // namespace

// Peels the largest off until none of the rest stands out: a mean that the
// outliers are part of would hide all but the greatest.
void Refinements::find_in_row(const QuantizedRows& x, std::int64_t row) {
  squares_.resize(static_cast<std::size_t>(x.n_blocks()));
  for (std::int64_t b = 0; b < x.n_blocks(); ++b) {
    const float scale = scale_of(x, row, b);
    squares_[static_cast<std::size_t>(b)] = scale * scale;
  }
  double limit = 0;  // blocks above it are not part of the mean
  std::int64_t n_above = -1;
  for (;;) {
    double sum = 0;
    std::int64_t n_rest = 0;
    for (const float square : squares_) {
      const bool is_rest = n_above < 0 || !(static_cast<double>(square) > limit);
      if (is_rest) sum += static_cast<double>(square);
      n_rest += is_rest ? 1 : 0;
    }
    if (n_rest == 0) return;
    limit = kRefineAbove * sum / static_cast<double>(n_rest);
    const std::int64_t n = std::count_if(squares_.begin(), squares_.end(), [limit](float square) {
      return static_cast<double>(square) > limit;  // false for NaN
    });
    if (n <= n_above || n == 0) break;
    n_above = n;
  }
  for (std::int64_t b = 0; b < x.n_blocks(); ++b) {
    if (static_cast<double>(squares_[static_cast<std::size_t>(b)]) > limit) {
      blocks_.push_back(static_cast<std::int32_t>(b));
    }
  }
}

void Refinements::find(const float* values, const FloatKernels& kernels, QuantizedRows& x) {
  first_.assign(1, 0);
  blocks_.clear();
  for (std::int64_t row = 0; row < x.n_rows; ++row) {
    find_in_row(x, row);
    first_.push_back(static_cast<std::int32_t>(blocks_.size()));
  }
  records_.resize(blocks_.size() * kRecordBytes);
  for (std::int64_t row = 0; row < x.n_rows; ++row) {
    for (auto i = static_cast<std::size_t>(first_[static_cast<std::size_t>(row)]);
         i < static_cast<std::size_t>(first_[static_cast<std::size_t>(row) + 1]); ++i) {
      std::array<float, kBlock> rest{};
      subtract_codes(x, row, blocks_[i], values, rest);
      kernels.quantize(rest.data(), 1, 1, 0, &records_[i * kRecordBytes]);
    }
  }
  x.fine = {records_.data(), blocks_.data(), first_.data()};
}

}  // namespace ondol::device::cpu
