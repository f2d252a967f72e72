// The register that attention works in. Included once for each Highway target.
#if defined(ONDOL_ATTENTION_LANES_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef ONDOL_ATTENTION_LANES_INL_H
#undef ONDOL_ATTENTION_LANES_INL_H
#else
#define ONDOL_ATTENTION_LANES_INL_H
#endif

#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace ondol::device::cpu {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
// 16 lanes at most: the padding of the cache is a multiple of every register.
using F32 = hn::CappedTag<float, 16>;
using Vec = hn::Vec<F32>;

std::int64_t lanes() { return static_cast<std::int64_t>(hn::Lanes(F32())); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace ondol::device::cpu
HWY_AFTER_NAMESPACE();

#endif
