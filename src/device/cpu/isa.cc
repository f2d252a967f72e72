#include "device/cpu/isa.h"

#include <algorithm>
#include <vector>

#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace ondol::device::cpu {
namespace {

std::vector<Isa> detect() {
  std::vector<Isa> found;
#if defined(__x86_64__)
  // These builtins also ask whether the system saves the wide registers.
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("f16c");
  if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512vnni")) {
    found.push_back({"avx512_vnni", &int8_kernels_avx512_vnni(), FloatLevel::kAvx512});
  }
  if (avx2 && __builtin_cpu_supports("avxvnni")) {
    found.push_back({"avx_vnni", &int8_kernels_avx_vnni(), FloatLevel::kAvx2});
  }
  if (avx2) found.push_back({"avx2", &int8_kernels_avx2(), FloatLevel::kAvx2});
#elif defined(__aarch64__)
  if ((::getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0) {
    found.push_back({"neon_dotprod", &int8_kernels_neon_dotprod(), FloatLevel::kNative});
  }
#endif
  found.push_back({"scalar", &int8_kernels_scalar(), FloatLevel::kBaseline});
  return found;
}

}  // namespace

std::span<const Isa> isas_here() {
  static const std::vector<Isa> isas = detect();
  return isas;
}

const Isa* find_isa(std::string_view name) {
  const auto isas = isas_here();
  const auto at = std::ranges::find(isas, name, &Isa::name);
  return at == isas.end() ? nullptr : &*at;
}

}  // namespace ondol::device::cpu
