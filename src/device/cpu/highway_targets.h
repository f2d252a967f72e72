// Which targets Highway compiles for us; included before any Highway header.
// x86 machines without AVX2 run the portable target, for they are not worth the
// build time; SVE's types without a size do not fit in arrays.
#pragma once

#if defined(HWY_TARGET) || defined(HWY_DISABLED_TARGETS)
#error "include highway_targets.h before Highway"
#endif
#define HWY_DISABLED_TARGETS \
  (HWY_SSSE3 | HWY_SSE4 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)
