#include "device/reference/reference_device.h"

namespace ondol::device::reference {
namespace {

constexpr std::int64_t kRowsAPiece = 16;  // of a weight: enough work to be worth sharing

}  // namespace

float dot(const float* a, const float* b, std::int64_t n) {
  constexpr std::int64_t kLanes = 16;
  float lanes[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (std::int64_t l = 0; l < kLanes; ++l) lanes[l] += a[i + l] * b[i + l];
  }
  double sum = 0;
  for (const float lane : lanes) sum += lane;
  for (; i < n; ++i) sum += static_cast<double>(a[i]) * b[i];
  return static_cast<float>(sum);
}

void ReferenceDevice::embed(std::span<const std::int32_t> ids, const Weight& table, float scale,
                            Tensor out) {
  const FloatWeight& rows = as_floats(table);
  ONDOL_CHECK(out.n_rows == std::ssize(ids) && out.n_cols == table.n_cols());
  float* to = floats(out);
  for (const std::int32_t id : ids) {
    ONDOL_CHECK(id >= 0 && id < table.n_rows());
    const float* row = rows.row(id);
    for (std::int64_t i = 0; i < table.n_cols(); ++i) to[i] = row[i] * scale;
    to += table.n_cols();
  }
}

void ReferenceDevice::matmul(Tensor x, std::span<const MatmulTarget> targets) {
  const float* in = floats(x);  // [n_tokens, n_in]
  for (const MatmulTarget& target : targets) {
    const FloatWeight& weight = as_floats(*target.weight);  // [n_out, n_in]
    const std::int64_t n_out = weight.n_rows();
    const std::int64_t n_in = weight.n_cols();
    ONDOL_CHECK(x.n_cols == n_in && target.out.n_rows == x.n_rows && target.out.n_cols == n_out);
    float* out = floats(target.out);  // [n_tokens, n_out]
    // Weight rows outside: each is read from memory once for all tokens.
    const auto rows = [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t o = first; o < last; ++o) {
        const float* row = weight.row(o);
        for (std::int64_t t = 0; t < x.n_rows; ++t) {
          out[t * n_out + o] = dot(in + t * n_in, row, n_in);
        }
      }
    };
    threads_.parallel_for(n_out, kRowsAPiece, rows);
  }
}

}  // namespace ondol::device::reference
