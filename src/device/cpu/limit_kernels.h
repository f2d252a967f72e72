// Loops that run a machine at its limit, one table per ISA. limits.cc times them.
// Threads: pure functions, run by several threads at once.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ondol::device::cpu {

struct LimitKernels {
  /// The instructions of int8_product, for people.
  const char* int8_name = nullptr;

  /// Do n_rounds of the chain from registers and answer the operations (two per
  /// multiply-add) that a round does.
  using Compute = std::int64_t (*)(std::int64_t n_rounds) noexcept;
  Compute int8_product = nullptr;
  Compute f32_product = nullptr;

  /// Reads n_bytes as n_streams (1, 2, 4 or 8) streams side by side and answers
  /// something that depends on all of them. REQUIRES: data aligned to 64 bytes,
  /// n_bytes a multiple of 2048 (8 streams of 4 lines).
  using Read = std::uint64_t (*)(const std::uint8_t* data, std::size_t n_bytes, int n_streams,
                                 std::size_t prefetch_bytes) noexcept;
  Read read = nullptr;
};

const LimitKernels& limit_kernels_scalar();
#if defined(__x86_64__)
const LimitKernels& limit_kernels_avx2();
const LimitKernels& limit_kernels_avx_vnni();
const LimitKernels& limit_kernels_avx512_vnni();
#elif defined(__aarch64__)
const LimitKernels& limit_kernels_neon_dotprod();
#endif

}  // namespace ondol::device::cpu
