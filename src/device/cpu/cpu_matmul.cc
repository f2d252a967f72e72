// Matrix products: activations are quantized once for all quantized targets,
// then panels of all targets are shared out together.
#include <algorithm>

#include "device/cpu/cpu_device.h"
#include "device/cpu/cpu_for.h"
#include "device/cpu/packed_format.h"

namespace ondol::device::cpu {
namespace {

/// Rows of x that one piece of work takes; panels are expanded once for them.
constexpr std::int64_t kRowsAPiece = 512;

template <class T>
T* grown(std::vector<T>& scratch, std::int64_t n) {
  if (std::ssize(scratch) < n) scratch.resize(static_cast<std::size_t>(n));
  return scratch.data();
}

}  // namespace

QuantizedRows CpuDevice::quantize(const Tensor& x) {
  std::int8_t* const codes = grown(codes_, x.n_elements());
  float* const scales = grown(scales_, x.n_elements() / kBlock);
  std::int32_t* const sums = grown(sums_, x.n_elements() / kBlock * 2);
  const float* const from = floats(x);
  const std::int64_t n_blocks = x.n_cols / kBlock;
  for_rows(x.n_rows, 2 * x.n_cols, [&](std::int64_t r) {
    float_.quantize(from + r * x.n_cols, x.n_cols, codes + r * x.n_cols, scales + r * n_blocks,
                    sums + 2 * r * n_blocks);
  });
  QuantizedRows rows{codes, scales, sums, x.n_cols, {}};
  refinements_.find(from, x.n_rows, float_, rows);
  return rows;
}

void CpuDevice::matmul_packed(const QuantizedRows& x, std::int64_t n_rows, const CpuWeight& weight,
                              std::int64_t panel, float* out, int thread) {
  const auto& kernels = isa_.int8->formats[static_cast<std::size_t>(weight.dtype())];
  const std::int64_t n_out = weight.n_rows();
  const std::int64_t first = panel * kPanelRows;
  const std::int64_t width = std::min<std::int64_t>(kPanelRows, n_out - first);
  const std::uint8_t* const at = weight.panel(panel);
  // The last panel may be wider than the output: its padding goes to scratch.
  const bool whole = width == kPanelRows;
  float* const wide =
      whole ? nullptr
            : grown(thread_scratch_[static_cast<std::size_t>(thread)], n_rows * kPanelRows);
  float* const to = whole ? out + first : wide;
  const std::int64_t stride = whole ? n_out : kPanelRows;
  if (n_rows == 1) {
    kernels.gemv(at, x, 0, to);
  } else {
    for (std::int64_t row = 0; row < n_rows; row += kRowsAPiece) {
      kernels.gemm(at, x, row, std::min(kRowsAPiece, n_rows - row), to + row * stride, stride);
    }
  }
  if (whole) return;
  for (std::int64_t row = 0; row < n_rows; ++row) {
    std::copy_n(wide + row * kPanelRows, width, out + row * n_out + first);
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
        matmul_packed(quantized, x.n_rows, *weight, panel, out, thread);
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
