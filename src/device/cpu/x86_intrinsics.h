// <immintrin.h>, or the header that a build names in its place: tests/device
// runs kernels of instruction sets that the machine lacks on an emulation.
#pragma once

#ifdef ONDOL_X86_INTRINSICS
#include ONDOL_X86_INTRINSICS
#else
#include <immintrin.h>
#endif
