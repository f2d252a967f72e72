// What the compiler makes of plain loops for the architecture's baseline: 16
// bytes a register, and no int8 product, so 16-bit ones.
#include <cstring>

#if defined(__x86_64__)
#define ONDOL_UNKNOWN(value) asm volatile("" : "+x"(value))
#elif defined(__aarch64__)
#define ONDOL_UNKNOWN(value) asm volatile("" : "+w"(value))
#else
#define ONDOL_UNKNOWN(value) asm volatile("" : "+m"(value))
#endif
#include "device/cpu/limits-inl.h"

namespace ondol::device::cpu {
namespace {

struct ScalarLimits {
  static constexpr std::size_t kVectorBytes = 16;
  using Vector = std::uint64_t __attribute__((vector_size(16)));
  static Vector load(const std::uint8_t* at) {
    Vector v;
    std::memcpy(&v, at, sizeof(v));
    return v;
  }
  static Vector mix(Vector a, Vector b) { return a ^ b; }
  static std::uint64_t fold(Vector v) { return v[0] ^ v[1]; }

  static constexpr int kFloats = 4;
  static constexpr int kFloatChains = 12;
  using Floats = float __attribute__((vector_size(16)));
  static Floats set(float v) { return Floats{v, v, v, v}; }
  static Floats fma(Floats a, Floats b, Floats c) {
    Floats product = a * b;
    ONDOL_UNKNOWN(product);  // x * y of the loop is not the same each time
    return product + c;
  }
};

std::int64_t multiply_words(std::int64_t n_rounds) noexcept {
  constexpr int kWords = 512;
  alignas(64) std::int16_t w[kWords];
  alignas(64) std::int16_t x[kWords];
  for (int i = 0; i < kWords; ++i) w[i] = x[i] = static_cast<std::int16_t>(i % 127);
  std::int32_t total = 0;
  for (std::int64_t r = 0; r < n_rounds; ++r) {
    asm volatile("" : "+m"(w), "+m"(x));
    std::int32_t sum = 0;
    for (int i = 0; i < kWords; ++i) sum += w[i] * x[i];
    total ^= sum;
  }
  asm volatile("" : : "r"(total));
  return std::int64_t{2} * kWords;
}

constexpr LimitKernels kKernels = {"16-bit products of plain C++", multiply_words,
                                   multiply_floats<ScalarLimits>, read_memory<ScalarLimits>};

}  // namespace

const LimitKernels& limit_kernels_scalar() { return kKernels; }

}  // namespace ondol::device::cpu
