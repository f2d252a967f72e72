#include "make_model/random_tensor.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "tensor/quantize.h"

namespace ondol::tools {
namespace {

constexpr std::size_t kPoolBlocks = 4096;    // a power of two
constexpr std::size_t kPieceBlocks = 16384;  // written at once

/// f32 and the 16-bit floats are handed out 32 elements at a time as well.
std::size_t block_elements(DType dtype) {
  return is_quantized(dtype) ? info(dtype).block_elements : 32;
}

}  // namespace

std::uint64_t RandomBits::next() {
  state_ += 0x9e3779b97f4a7c15U;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31U);
}

double RandomBits::normal() {
  constexpr double kScale = 1.0 / 9007199254740992.0;  // 2^-53
  const double u = (static_cast<double>(next() >> 11U) + 0.5) * kScale;
  const double v = static_cast<double>(next() >> 11U) * kScale;
  return std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v);
}

std::span<const std::byte> RandomTensors::pool(const TensorPlan& plan) {
  std::vector<std::byte>& bytes = pools_[{plan.dtype, plan.mean, plan.deviation}];
  if (!bytes.empty()) return bytes;
  const std::size_t n_elements = block_elements(plan.dtype);
  const std::size_t n_bytes = row_bytes(plan.dtype, n_elements).value_or(0);
  bytes.resize(kPoolBlocks * n_bytes);
  std::vector<float> values(n_elements);
  for (std::size_t i = 0; i < kPoolBlocks; ++i) {
    for (float& value : values) {
      value = plan.mean + plan.deviation * static_cast<float>(random_.normal());
    }
    quantize_row(plan.dtype, values.data(), bytes.data() + i * n_bytes, n_elements);
  }
  return bytes;
}

Result<void> RandomTensors::write(const TensorPlan& plan, format::GgufWriter& writer) {
  const std::span<const std::byte> blocks = pool(plan);
  const std::size_t n_bytes = blocks.size() / kPoolBlocks;
  std::size_t n_left = plan.shape.n_rows() * row_bytes(plan.dtype, plan.shape.n_cols()).value_or(0);
  std::vector<std::byte> piece(std::min(n_left, kPieceBlocks * n_bytes));
  while (n_left > 0) {
    const std::size_t n_piece = std::min(n_left, piece.size());
    for (std::size_t at = 0; at < n_piece; at += n_bytes) {
      const std::size_t which = (random_.next() >> 32U) % kPoolBlocks;
      std::memcpy(piece.data() + at, blocks.data() + which * n_bytes,
                  std::min(n_bytes, n_piece - at));
    }
    ONDOL_TRY_VOID(writer.write(std::span(piece).first(n_piece)));
    n_left -= n_piece;
  }
  return {};
}

}  // namespace ondol::tools
