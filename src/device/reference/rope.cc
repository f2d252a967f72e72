// Rotary position embedding (Su et al. 2021, section 3.4.2).
#include <cmath>

#include "device/reference/reference_device.h"

namespace ondol::device::reference {

// The product position * inv_freq is rounded to f32 first, because models were
// trained with it so: at position 100,000 that rounding moves an angle by up to
// 0.004, far more than anything after it.
void ReferenceDevice::rope_angles(std::span<const std::int32_t> positions,
                                  std::span<const float> inv_freq, float magnitude, Tensor angles) {
  ONDOL_CHECK(angles.n_rows == std::ssize(positions) && angles.n_cols == 2 * std::ssize(inv_freq));
  float* out = floats(angles);  // [n_tokens, n_pairs, 2]
  for (const std::int32_t position : positions) {
    for (const float frequency : inv_freq) {
      const float angle = static_cast<float>(position) * frequency;
      *out++ = static_cast<float>(std::cos(static_cast<double>(angle))) * magnitude;
      *out++ = static_cast<float>(std::sin(static_cast<double>(angle))) * magnitude;
    }
  }
}

void ReferenceDevice::rope(Tensor x, std::int64_t d_head, Tensor angles, RopeStyle style) {
  const std::int64_t n_pairs = angles.n_cols / 2;
  ONDOL_CHECK(angles.n_cols % 2 == 0 && angles.n_rows == x.n_rows);
  ONDOL_CHECK(d_head > 0 && x.n_cols % d_head == 0 && 2 * n_pairs <= d_head);
  const bool interleaved = style == RopeStyle::kInterleaved;
  float* head = floats(x);                // [n_tokens, n_heads, d_head]
  const float* cos_sin = floats(angles);  // [n_tokens, n_pairs, 2]
  for (std::int64_t t = 0; t < x.n_rows; ++t, cos_sin += 2 * n_pairs) {
    for (std::int64_t h = 0; h < x.n_cols / d_head; ++h, head += d_head) {
      for (std::int64_t i = 0; i < n_pairs; ++i) {
        float& a = head[interleaved ? 2 * i : i];
        float& b = head[interleaved ? 2 * i + 1 : i + n_pairs];
        const double cos = cos_sin[2 * i];
        const double sin = cos_sin[2 * i + 1];
        const double rotated_a = a * cos - b * sin;
        const double rotated_b = b * cos + a * sin;
        a = static_cast<float>(rotated_a);
        b = static_cast<float>(rotated_b);
      }
    }
  }
}

}  // namespace ondol::device::reference
