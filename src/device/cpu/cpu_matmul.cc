// Matrix products: activations are quantized once for all quantized targets,
// then panels of all targets are shared out together.
#include <algorithm>
#include <array>

#include "device/cpu/cpu_device.h"
#include "device/cpu/cpu_for.h"
#include "device/cpu/packed_format.h"

namespace ondol::device::cpu {
namespace {

/// Rows of x that a panel is expanded once for: their outputs stay in the second cache.
constexpr std::int64_t kRowsAPiece = 512;

template <class T>
T* grown(std::vector<T>& scratch, std::size_t n) {
  if (scratch.size() < n) scratch.resize(n);
  return scratch.data();
}

/// Two rows would waste most of a tile of more.
int tile_rows_for(std::int64_t n_rows, int of_isa) {
  return n_rows <= 2 ? static_cast<int>(n_rows) : of_isa;
}

/// Panels of a piece where there is one row: kStreams streams go through a quarter of it each,
/// far enough that starting them costs little, and there are pieces enough that no thread waits
/// long for another.
std::int64_t row_grain(std::int64_t n_panels, std::int64_t panel_cost, int n_threads) {
  const std::int64_t far = std::max<std::int64_t>(1, kPieceCost / panel_cost);
  const std::int64_t share = (n_panels + 2 * n_threads - 1) / (2 * n_threads);
  return kStreams * std::min(far, (share + kStreams - 1) / kStreams);
}

}  // namespace

QuantizedRows CpuDevice::quantize(const Tensor& x) {
  QuantizedRows rows;
  rows.n_rows = x.n_rows;
  rows.n_cols = x.n_cols;
  rows.tile_rows = tile_rows_for(x.n_rows, isa_.int8->tile_rows);
  std::uint8_t* const to = grown(quantized_, rows.size_bytes());
  rows.bytes = to;
  const float* const from = floats(x);
  static constexpr std::array<float, kChunkBlocks * kBlock> zeros{};
  for_rows(rows.n_row_tiles() * rows.tile_rows, 2 * x.n_cols, [&](std::int64_t r) {
    for (std::int64_t block = 0; block < rows.n_blocks(); block += kChunkBlocks) {
      const bool is_row = r < x.n_rows;
      float_.quantize(is_row ? from + r * x.n_cols + block * kBlock : zeros.data(),
                      std::min<std::int64_t>(kChunkBlocks, rows.n_blocks() - block), rows.tile_rows,
                      static_cast<int>(r % rows.tile_rows),
                      to + rows.chunk_at(r / rows.tile_rows, block));
    }
  });
  refinements_.find(from, float_, rows);
  return rows;
}

void CpuDevice::row_packed(const QuantizedRows& x, const CpuWeight& weight, std::int64_t first,
                           std::int64_t n_panels, float* out) {
  const auto product = isa_.int8->row_products[static_cast<std::size_t>(weight.dtype())];
  const std::int64_t n_whole = std::min(n_panels, weight.n_rows() / kPanelRows - first);
  float* const to = out + first * kPanelRows;
  product(weight.panel(first), weight.panel_bytes(), n_whole, x, to);
  if (n_whole == n_panels) return;
  float last[kPanelRows];  // wider than the output
  product(weight.panel(first + n_whole), weight.panel_bytes(), 1, x, last);
  std::copy_n(last, weight.n_rows() % kPanelRows, to + n_whole * kPanelRows);
}

void CpuDevice::rows_packed(const QuantizedRows& x, const CpuWeight& weight, std::int64_t panel,
                            float* out, int thread) {
  const auto product = isa_.int8->products[static_cast<std::size_t>(weight.dtype())];
  const std::int64_t n_out = weight.n_rows();
  const std::int64_t first = panel * kPanelRows;
  const std::int64_t width = std::min<std::int64_t>(kPanelRows, n_out - first);
  const std::int64_t step = std::min(x.n_row_tiles(), kRowsAPiece / x.tile_rows) * x.tile_rows;
  float* const piece = grown(thread_scratch_[static_cast<std::size_t>(thread)],
                             static_cast<std::size_t>(step) * kPanelRows);
  for (std::int64_t row = 0; row < x.n_rows; row += step) {
    const std::int64_t n = std::min(step, x.n_rows - row);
    product(weight.panel(panel), x, row, n, piece);
    for (std::int64_t i = 0; i < n; ++i) {
      std::copy_n(piece + i * kPanelRows, width, out + (row + i) * n_out + first);
    }
  }
}

void CpuDevice::matmul_panels(const QuantizedRows& quantized, const float* rows,
                              const MatmulTarget& target, std::int64_t first, std::int64_t n_panels,
                              int thread) {
  const auto& weight = static_cast<const CpuWeight&>(*target.weight);
  float* const out = floats(target.out);
  if (weight.is_packed() && quantized.n_rows == 1) {
    row_packed(quantized, weight, first, n_panels, out);
    return;
  }
  for (std::int64_t panel = first; panel < first + n_panels; ++panel) {
    if (weight.is_packed()) {
      rows_packed(quantized, weight, panel, out, thread);
    } else {
      const std::int64_t row = panel * kPanelRows;
      float_.matmul(weight.dtype(), weight.row(row),
                    std::min<std::int64_t>(kPanelRows, weight.n_rows() - row), weight.n_cols(),
                    rows, target.out.n_rows, out + row, weight.n_rows());
    }
  }
}

void CpuDevice::matmul(Tensor x, std::span<const MatmulTarget> targets) {
  bool any_packed = false;
  std::int64_t n_panels = 0;  // of all targets; 32 rows of a float matrix count as one
  for (const MatmulTarget& target : targets) {
    const auto& weight = static_cast<const CpuWeight&>(*target.weight);
    ONDOL_CHECK(weight.n_cols() == x.n_cols && target.out.n_rows == x.n_rows);
    ONDOL_CHECK(target.out.n_cols == weight.n_rows());
    ONDOL_CHECK(weight.is_packed() || !is_quantized(weight.dtype()));
    any_packed = any_packed || weight.is_packed();
    n_panels += weight.n_panels();
  }
  if (x.n_rows == 0 || n_panels == 0) return;
  const QuantizedRows quantized = any_packed ? quantize(x) : QuantizedRows{};
  const float* const rows = floats(x);
  const std::int64_t panel_cost = std::max<std::int64_t>(1, x.n_cols * kPanelRows * x.n_rows / 8);
  const std::int64_t grain = x.n_rows == 1 ? row_grain(n_panels, panel_cost, threads_.n_threads())
                                           : std::max<std::int64_t>(1, kPieceCost * 2 / panel_cost);
  threads_.parallel_for(
      n_panels, std::min(grain, n_panels), [&](std::int64_t begin, std::int64_t end, int thread) {
        std::int64_t base = 0;  // index of the target's first panel
        for (const MatmulTarget& target : targets) {
          const std::int64_t n = static_cast<const CpuWeight&>(*target.weight).n_panels();
          const std::int64_t first = std::max(begin - base, std::int64_t{0});
          const std::int64_t last = std::min(end - base, n);
          if (first < last) matmul_panels(quantized, rows, target, first, last - first, thread);
          base += n;
        }
      });
}

}  // namespace ondol::device::cpu
