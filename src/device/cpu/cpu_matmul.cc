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

void CpuDevice::matmul_packed(const QuantizedRows& x, const CpuWeight& weight, std::int64_t panel,
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
  const std::int64_t panel_cost = x.n_cols * kPanelRows * x.n_rows / 8;
  const std::int64_t grain =
      std::clamp<std::int64_t>(kPieceCost * 2 / std::max<std::int64_t>(1, panel_cost), 1, n_panels);
  threads_.parallel_for(n_panels, grain, [&](std::int64_t begin, std::int64_t end, int thread) {
    std::size_t t = 0;
    std::int64_t base = 0;  // index of target t's first panel
    for (std::int64_t p = begin; p < end; ++p) {
      const CpuWeight* weight = static_cast<const CpuWeight*>(targets[t].weight);
      while (p - base >= weight->n_panels()) {
        base += weight->n_panels();
        weight = static_cast<const CpuWeight*>(targets[++t].weight);
      }
      float* const out = floats(targets[t].out);
      const std::int64_t panel = p - base;
      if (weight->is_packed()) {
        matmul_packed(quantized, *weight, panel, out, thread);
      } else {
        const std::int64_t first = panel * kPanelRows;
        const std::int64_t n = std::min<std::int64_t>(kPanelRows, weight->n_rows() - first);
        float_.matmul(weight->dtype(), weight->row(first), n, x.n_cols, rows, x.n_rows, out + first,
                      weight->n_rows());
      }
    }
  });
}

}  // namespace ondol::device::cpu
