// The instruction sets that cpu/ has kernels for, and which of them run here.
#pragma once

#include <span>
#include <string_view>

#include "device/cpu/float_kernels.h"
#include "device/cpu/int8_kernels.h"

namespace ondol::device::cpu {

struct Isa {
  std::string_view name;
  const Int8Kernels* int8;
  FloatLevel float_level;
};

/// Best first; the last is always "scalar". Computed once.
std::span<const Isa> isas_here();

/// nullptr if this build or this machine does not have it.
const Isa* find_isa(std::string_view name);

}  // namespace ondol::device::cpu
