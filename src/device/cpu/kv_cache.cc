#include "device/cpu/kv_cache.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "base/checked.h"
#include "tensor/quantize.h"

namespace ondol::device::cpu {
namespace {

constexpr std::int64_t kScaleBlock = 32;
constexpr std::size_t kPageGap = 4096;

/// a * b * .. in bytes, rounded up to a cache line.
std::optional<std::size_t> aligned_product(std::initializer_list<std::uint64_t> factors) {
  std::uint64_t product = 1;
  for (const std::uint64_t factor : factors) {
    const auto next = checked_mul<std::uint64_t>(product, factor);
    if (!next) return std::nullopt;
    product = *next;
  }
  return checked_align_up<std::uint64_t>(product, 64);
}

std::int64_t padded(std::int64_t n) { return ceil_div<std::int64_t>(n, kKvPad) * kKvPad; }

/// Writes n values of a row of codes that are `stride` elements apart.
void store_values(const KvLayout& layout, const FloatKernels& kernels, std::uint8_t* codes,
                  std::uint8_t* scales, std::int64_t stride, std::int64_t scale_stride,
                  const float* values) {
  const std::int64_t n = layout.d_head;
  if (layout.dtype == DType::kF32) {
    auto* to = reinterpret_cast<float*>(codes);
    for (std::int64_t i = 0; i < n; ++i) to[i * stride] = values[i];
    return;
  }
  if (layout.dtype == DType::kF16) {
    auto* to = reinterpret_cast<std::uint16_t*>(codes);
    if (stride == 1) return kernels.to_f16(values, n, to);
    std::array<std::uint16_t, 64> some{};
    for (std::int64_t i = 0; i < n; i += std::ssize(some)) {
      const std::int64_t n_some = std::min<std::int64_t>(n - i, std::ssize(some));
      kernels.to_f16(values + i, n_some, some.data());
      for (std::int64_t j = 0; j < n_some; ++j) {
        to[(i + j) * stride] = some[static_cast<std::size_t>(j)];
      }
    }
    return;
  }
  for (std::int64_t block = 0; block < n / kScaleBlock; ++block) {
    std::array<std::byte, 34> packed;
    quantize_row(DType::kQ8_0, values + block * kScaleBlock, packed.data(), kScaleBlock);
    std::memcpy(scales + block * scale_stride * 2, packed.data(), 2);
    for (std::int64_t i = 0; i < kScaleBlock; ++i) {
      codes[(block * kScaleBlock + i) * stride] =
          static_cast<std::uint8_t>(packed[static_cast<std::size_t>(2 + i)]);
    }
  }
}

}  // namespace

Result<KvLayout> KvLayout::make(const KvCacheShape& shape) {
  const auto bad = [](std::string_view field, std::int64_t value) {
    return fail(ErrorCode::kInvalidArgument, "kv cache", field, "must be positive",
                std::to_string(value));
  };
  constexpr std::int64_t kMost = std::int64_t{1} << 40U;  // sums below cannot overflow
  if (shape.n_layers < 1 || shape.n_layers > kMost) return bad("n_layers", shape.n_layers);
  if (shape.n_pages < 1 || shape.n_pages > kMost) return bad("n_pages", shape.n_pages);
  if (shape.page_tokens < 1 || shape.page_tokens > kMost) {
    return bad("page_tokens", shape.page_tokens);
  }
  if (shape.n_kv_heads < 1 || shape.n_kv_heads > kMost) return bad("n_kv_heads", shape.n_kv_heads);
  if (shape.d_head < 1 || shape.d_head > kMost) return bad("d_head", shape.d_head);

  KvLayout layout;
  layout.dtype = shape.dtype;
  switch (shape.dtype) {
    case DType::kF32:
      layout.element_bytes = 4;
      break;
    case DType::kF16:
      layout.element_bytes = 2;
      break;
    case DType::kQ8_0:
      layout.element_bytes = 1;
      if (shape.d_head % kScaleBlock != 0) {
        return fail(ErrorCode::kUnsupported, "kv cache", "d_head",
                    "a q8_0 cache needs heads of a multiple of 32", shape.d_head, kScaleBlock);
      }
      break;
    default:
      return fail(ErrorCode::kUnsupported, "kv cache", "dtype", "the cpu keeps f32, f16 or q8_0",
                  std::string(name(shape.dtype)));
  }
  layout.d_head = shape.d_head;
  layout.d_pad = padded(shape.d_head);
  layout.page_tokens = shape.page_tokens;
  layout.tokens_pad = padded(shape.page_tokens);

  const auto u64 = [](std::int64_t v) { return static_cast<std::uint64_t>(v); };
  const bool scaled = shape.dtype == DType::kQ8_0;
  const std::uint64_t scale_bytes = scaled ? 2 : 0;
  const std::uint64_t n_scales = u64(shape.d_head / kScaleBlock);
  const auto k =
      aligned_product({u64(layout.d_head), u64(layout.tokens_pad), layout.element_bytes});
  const auto k_scales = aligned_product({n_scales, u64(layout.tokens_pad), scale_bytes});
  const auto v =
      aligned_product({u64(layout.page_tokens), u64(layout.d_pad), layout.element_bytes});
  const auto v_scales = aligned_product({u64(layout.page_tokens), n_scales, scale_bytes});
  std::optional<std::uint64_t> head = 0;
  for (const auto& part : {k, k_scales, v, v_scales}) {
    head = head && part ? checked_add<std::uint64_t>(*head, *part) : std::nullopt;
  }
  const auto page =
      head ? aligned_product({*head, u64(shape.n_kv_heads), u64(shape.n_layers)}) : std::nullopt;
  const auto stride = page ? checked_add<std::uint64_t>(*page, kPageGap) : std::nullopt;
  const auto total = stride ? aligned_product({*stride, u64(shape.n_pages)}) : std::nullopt;
  if (!total) {
    return fail(ErrorCode::kOutOfMemory, "kv cache", "", "its size overflows 64 bits");
  }
  layout.k_scales_at = *k;
  layout.v_at = *k + *k_scales;
  layout.v_scales_at = layout.v_at + *v;
  layout.head_bytes = *head;
  layout.layer_bytes = *head * u64(shape.n_kv_heads);
  layout.page_bytes = *page;
  layout.page_stride = *stride;
  layout.total_bytes = *total;
  return layout;
}

void store_kv(const KvLayout& layout, const FloatKernels& kernels, std::uint8_t* head,
              std::int64_t token, const float* k, const float* v) noexcept {
  const auto at = static_cast<std::size_t>(token);
  store_values(layout, kernels, head + at * layout.element_bytes,
               head + layout.k_scales_at + at * 2, layout.tokens_pad, layout.tokens_pad, k);
  const std::size_t n_scales = static_cast<std::size_t>(layout.d_head / kScaleBlock);
  store_values(
      layout, kernels,
      head + layout.v_at + at * static_cast<std::size_t>(layout.d_pad) * layout.element_bytes,
      head + layout.v_scales_at + at * n_scales * 2, 1, 1, v);
}

}  // namespace ondol::device::cpu
