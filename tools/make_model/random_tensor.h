// Random weights, quickly: a pool of blocks is drawn from a normal distribution
// and quantized as real weights are; a tensor is a random sequence of them. So a
// file of any dtype is written at the speed of memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <tuple>
#include <vector>

#include "base/error.h"
#include "format/gguf_writer.h"
#include "make_model/shapes.h"

namespace ondol::tools {

/// SplitMix64 (Steele, Lea and Flood 2014): the same numbers on every machine.
class RandomBits {
 public:
  explicit RandomBits(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  /// Standard normal (Box and Muller 1958).
  double normal();

 private:
  std::uint64_t state_;
};

class RandomTensors {
 public:
  explicit RandomTensors(std::uint64_t seed) : random_(seed) {}
  /// Streams one tensor. REQUIRES: can_quantize(plan.dtype).
  Result<void> write(const TensorPlan& plan, format::GgufWriter& writer);

 private:
  using PoolKey = std::tuple<DType, float, float>;  // dtype, mean, deviation
  std::span<const std::byte> pool(const TensorPlan& plan);

  RandomBits random_;
  std::map<PoolKey, std::vector<std::byte>> pools_;
};

}  // namespace ondol::tools
