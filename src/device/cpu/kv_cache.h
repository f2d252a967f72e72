// Keys and values as the CPU keeps them.
//
//   cache  := page[n_pages];  page := layer[n_layers];  layer := head[n_kv_heads];  head := K V
//   K      := codes[d_head][tokens_pad]  scales[d_head / 32][tokens_pad]?
//   V      := codes[page_tokens][d_pad]  scales[page_tokens][d_head / 32]?
//
// Codes are f32, f16 or int8; scales (f16) exist for q8_0. tokens_pad and d_pad
// are rounded up to 16. Keys lie transposed, so that a register holds one
// dimension of many tokens: scores then need no sum over lanes. The padding is
// zero and stays so. A page holds all layers side by side: a short chat touches
// the cache's first bytes only, where layers apart would each take a huge page.
// Pages begin 4 KiB later than their sizes, mostly powers of two, would have them:
// else the same head of all pages lay in the same few sets of a cache.
//
// Threads: the layout is immutable; the bytes belong to the device's order of
// operations.
#pragma once

#include <cstddef>
#include <cstdint>

#include "device/cpu/float_kernels.h"
#include "device/cpu/host_memory.h"
#include "device/device.h"

namespace ondol::device::cpu {

constexpr std::int64_t kKvPad = 16;

struct KvLayout {
  DType dtype = DType::kF16;
  std::int64_t d_head = 0;
  std::int64_t d_pad = 0;
  std::int64_t page_tokens = 0;
  std::int64_t tokens_pad = 0;
  std::size_t element_bytes = 0;
  std::size_t k_scales_at = 0;  // bytes from the head's start
  std::size_t v_at = 0;
  std::size_t v_scales_at = 0;
  std::size_t head_bytes = 0;
  std::size_t layer_bytes = 0;  // of one page
  std::size_t page_bytes = 0;
  std::size_t page_stride = 0;  // from the beginning of a page to that of the next
  std::size_t total_bytes = 0;

  /// Errors: kInvalidArgument for a shape without elements, kUnsupported for a
  /// dtype (or a head that is no multiple of q8_0's block), kOutOfMemory when
  /// the bytes overflow.
  static Result<KvLayout> make(const KvCacheShape& shape);
};

class CpuKvCache final : public KvCache {
 public:
  CpuKvCache(const KvCacheShape& shape, const KvLayout& layout, HostMemory memory)
      : KvCache(shape), layout_(layout), memory_(std::move(memory)) {}

  const KvLayout& layout() const { return layout_; }
  std::uint8_t* head(std::int64_t layer, std::int64_t page, std::int64_t kv_head) const {
    return memory_.data() + static_cast<std::size_t>(page) * layout_.page_stride +
           static_cast<std::size_t>(layer) * layout_.layer_bytes +
           static_cast<std::size_t>(kv_head) * layout_.head_bytes;
  }

 private:
  KvLayout layout_;
  HostMemory memory_;
};

/// Stores one token of one head. k, v: [d_head].
void store_kv(const KvLayout& layout, const FloatKernels& kernels, std::uint8_t* head,
              std::int64_t token_in_page, const float* k, const float* v) noexcept;

}  // namespace ondol::device::cpu
