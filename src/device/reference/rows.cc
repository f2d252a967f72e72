// Norms and element-wise operations.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "device/reference/reference_device.h"

namespace ondol::device::reference {
namespace {

double activate(Activation act, double x) {
  switch (act) {
    case Activation::kSilu:
      return x / (1 + std::exp(-x));
    case Activation::kGeluTanh: {
      // Hendrycks and Gimpel 2016, section 2.
      const double inner = std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x);
      return 0.5 * x * (1 + std::tanh(inner));
    }
  }
  ONDOL_CHECK(false);
}

bool same_shape(const Tensor& a, const Tensor& b) {
  return a.n_rows == b.n_rows && a.n_cols == b.n_cols;
}

}  // namespace

void ReferenceDevice::rms_norm(Tensor x, const Weight& weight, float eps, float offset,
                               Tensor out) {
  ONDOL_CHECK(same_shape(x, out) && weight.n_rows() == 1 && weight.n_cols() == x.n_cols);
  const float* in = floats(x);
  const float* w = as_floats(weight).row(0);
  float* to = floats(out);
  for (std::int64_t r = 0; r < x.n_rows; ++r, in += x.n_cols, to += x.n_cols) {
    double squares = 0;
    for (std::int64_t i = 0; i < x.n_cols; ++i) squares += static_cast<double>(in[i]) * in[i];
    const double factor = 1 / std::sqrt(squares / static_cast<double>(x.n_cols) + eps);
    for (std::int64_t i = 0; i < x.n_cols; ++i) {
      to[i] = static_cast<float>(in[i] * factor * (static_cast<double>(offset) + w[i]));
    }
  }
}

void ReferenceDevice::gated_act(Tensor gate, Tensor up, Activation act, Tensor out) {
  ONDOL_CHECK(same_shape(gate, up) && same_shape(gate, out));
  const float* g = floats(gate);
  const float* u = floats(up);
  float* to = floats(out);
  for (std::int64_t i = 0; i < out.n_elements(); ++i) {
    to[i] = static_cast<float>(activate(act, g[i]) * u[i]);
  }
}

void ReferenceDevice::add(Tensor x, Tensor y) {
  ONDOL_CHECK(same_shape(x, y));
  float* to = floats(x);
  const float* from = floats(y);
  for (std::int64_t i = 0; i < x.n_elements(); ++i) to[i] += from[i];
}

void ReferenceDevice::add_bias(Tensor x, const Weight& bias) {
  ONDOL_CHECK(bias.n_rows() == 1 && bias.n_cols() == x.n_cols);
  float* to = floats(x);
  const float* b = as_floats(bias).row(0);
  for (std::int64_t r = 0; r < x.n_rows; ++r, to += x.n_cols) {
    for (std::int64_t i = 0; i < x.n_cols; ++i) to[i] += b[i];
  }
}

void ReferenceDevice::scale(Tensor x, float factor) {
  float* to = floats(x);
  for (std::int64_t i = 0; i < x.n_elements(); ++i) to[i] *= factor;
}

void ReferenceDevice::softcap(Tensor x, float cap) {
  ONDOL_CHECK(cap > 0);
  float* to = floats(x);
  for (std::int64_t i = 0; i < x.n_elements(); ++i) {
    to[i] = static_cast<float>(cap * std::tanh(static_cast<double>(to[i]) / cap));
  }
}

void ReferenceDevice::gather_rows(Tensor x, std::span<const std::int32_t> rows, Tensor out) {
  ONDOL_CHECK(out.n_rows == std::ssize(rows) && out.n_cols == x.n_cols);
  const float* from = floats(x);
  float* to = floats(out);
  for (const std::int32_t row : rows) {
    ONDOL_CHECK(row >= 0 && row < x.n_rows);
    std::copy_n(from + row * x.n_cols, x.n_cols, to);
    to += x.n_cols;
  }
}

}  // namespace ondol::device::reference
