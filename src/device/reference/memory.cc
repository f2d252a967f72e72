#include <algorithm>
#include <cstring>
#include <limits>
#include <new>
#include <stdexcept>

#include "base/checked.h"
#include "device/backends.h"
#include "device/reference/reference_device.h"
#include "tensor/quantize.h"

namespace ondol::device {
namespace reference {
namespace {

/// n zeros, or kOutOfMemory; `what` names them.
Result<std::vector<float>> make_floats(std::string_view what, std::optional<std::uint64_t> n) {
  constexpr std::uint64_t kMax = std::numeric_limits<std::ptrdiff_t>::max() / sizeof(float);
  if (!n || *n > kMax) {
    return fail(ErrorCode::kOutOfMemory, "reference device", what, "size overflows");
  }
  try {
    return std::vector<float>(*n);
  } catch (const std::bad_alloc&) {
    return fail(ErrorCode::kOutOfMemory, "reference device", what, "allocation was refused",
                std::to_string(*n * sizeof(float)) + " bytes");
  }
}

Result<void> check_shape(const KvCacheShape& shape) {
  const std::int64_t sizes[] = {shape.n_layers, shape.n_pages, shape.page_tokens, shape.n_kv_heads,
                                shape.d_head};
  const std::int64_t least = *std::min_element(std::begin(sizes), std::end(sizes));
  if (least <= 0) {
    return fail(ErrorCode::kInvalidArgument, "reference device", "kv cache",
                "dimensions must be positive", least, 1);
  }
  return {};
}

std::optional<std::uint64_t> n_elements(const KvCacheShape& shape) {
  std::optional<std::uint64_t> n = 1;
  for (const std::int64_t size :
       {shape.n_layers, shape.n_pages, shape.page_tokens, shape.n_kv_heads, shape.d_head}) {
    if (n) n = checked_mul(*n, static_cast<std::uint64_t>(size));
  }
  return n;
}

}  // namespace

std::string ReferenceDevice::description() const {
  return "reference (scalar f32, " + std::to_string(threads_.n_threads()) + " threads)";
}

bool ReferenceDevice::supports(Op op, DType dtype) const {
  if (dtype >= DType::kCount) return false;
  if (op != Op::kKvCache) return true;
  return dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kQ8_0;
}

Result<std::unique_ptr<Buffer>> ReferenceDevice::alloc(std::size_t size_bytes) {
  ONDOL_TRY(auto data, make_floats("buffer", ceil_div(size_bytes, sizeof(float))));
  return std::make_unique<FloatBuffer>(std::move(data));
}

Result<std::unique_ptr<Weight>> ReferenceDevice::load_weight(const TensorView& tensor,
                                                             WeightUse use,
                                                             std::shared_ptr<const void>) {
  const std::uint64_t n_cols = tensor.shape.n_cols();
  const std::uint64_t n_rows = tensor.shape.n_rows();
  const auto bytes_a_row = row_bytes(tensor.dtype, n_cols);
  const auto n_bytes = bytes_a_row ? checked_mul(*bytes_a_row, n_rows) : std::nullopt;
  if (!n_bytes || *n_bytes != tensor.bytes.size()) {
    return fail(ErrorCode::kInvalidFile, "reference device", tensor.shape.to_string(),
                "bytes do not fit dtype and shape", std::to_string(tensor.bytes.size()),
                n_bytes ? std::to_string(*n_bytes) : "a whole number of blocks a row");
  }
  if (use == WeightUse::kVector && n_rows != 1) {
    return fail(ErrorCode::kInvalidFile, "reference device", tensor.shape.to_string(),
                "a vector has one row", n_rows, 1);
  }
  ONDOL_TRY(auto data, make_floats("weight", checked_mul(n_rows, n_cols)));
  for (std::uint64_t r = 0; r < n_rows; ++r) {
    dequantize_row(tensor.dtype, tensor.bytes.data() + r * *bytes_a_row, data.data() + r * n_cols,
                   n_cols);
  }
  return std::make_unique<FloatWeight>(tensor.dtype, static_cast<std::int64_t>(n_rows),
                                       static_cast<std::int64_t>(n_cols), std::move(data));
}

Result<std::unique_ptr<KvCache>> ReferenceDevice::make_kv_cache(const KvCacheShape& shape) {
  ONDOL_TRY_VOID(check_shape(shape));
  if (!supports(Op::kKvCache, shape.dtype)) {
    return fail(ErrorCode::kUnsupported, "reference device", "kv cache", "dtype",
                std::string(name(shape.dtype)), "f32, f16 or q8_0");
  }
  // A block must not reach across heads: devices store each head on its own.
  const auto block = static_cast<std::int64_t>(info(shape.dtype).block_elements);
  if (shape.d_head % block != 0) {
    return fail(ErrorCode::kUnsupported, "reference device", "kv cache",
                "d_head is no multiple of the dtype's block", shape.d_head, block);
  }
  ONDOL_TRY(auto keys, make_floats("keys", n_elements(shape)));
  ONDOL_TRY(auto values, make_floats("values", n_elements(shape)));
  return std::make_unique<FloatKvCache>(shape, std::move(keys), std::move(values));
}

void ReferenceDevice::upload(const Tensor& to, std::span<const float> from) {
  ONDOL_CHECK(from.size() == static_cast<std::size_t>(to.n_elements()));
  std::copy(from.begin(), from.end(), floats(to));
}

void ReferenceDevice::download(const Tensor& from, std::span<float> to) {
  const auto view = host_view(from);
  ONDOL_CHECK(to.size() == view.size());
  std::copy(view.begin(), view.end(), to.begin());
}

std::span<const float> ReferenceDevice::host_view(const Tensor& from) {
  return {floats(from), static_cast<std::size_t>(from.n_elements())};
}

std::string ReferenceDevice::kv_page_format() const { return "reference 1"; }

// A layer's keys of the page, then its values; then the next layer's.
std::size_t ReferenceDevice::kv_page_bytes(const KvCache& cache) const {
  const KvCacheShape& shape = cache.shape();
  return sizeof(float) * static_cast<std::size_t>(2 * shape.n_layers * shape.page_tokens *
                                                  shape.n_kv_heads * shape.d_head);
}

void ReferenceDevice::read_kv_page(const KvCache& cache, std::int64_t page,
                                   std::span<std::byte> to) {
  const auto& kv = static_cast<const FloatKvCache&>(cache);
  const KvCacheShape& shape = cache.shape();
  ONDOL_CHECK(to.size() == kv_page_bytes(cache) && page >= 0 && page < shape.n_pages);
  const std::size_t n = to.size() / static_cast<std::size_t>(2 * shape.n_layers);
  std::byte* at = to.data();
  for (std::int64_t layer = 0; layer < shape.n_layers; ++layer, at += 2 * n) {
    std::memcpy(at, kv.key(layer, page * shape.page_tokens), n);
    std::memcpy(at + n, kv.value(layer, page * shape.page_tokens), n);
  }
}

void ReferenceDevice::write_kv_page(KvCache& cache, std::int64_t page,
                                    std::span<const std::byte> from) {
  auto& kv = static_cast<FloatKvCache&>(cache);
  const KvCacheShape& shape = cache.shape();
  ONDOL_CHECK(from.size() == kv_page_bytes(cache) && page >= 0 && page < shape.n_pages);
  const std::size_t n = from.size() / static_cast<std::size_t>(2 * shape.n_layers);
  const std::byte* at = from.data();
  for (std::int64_t layer = 0; layer < shape.n_layers; ++layer, at += 2 * n) {
    std::memcpy(kv.key(layer, page * shape.page_tokens), at, n);
    std::memcpy(kv.value(layer, page * shape.page_tokens), at + n, n);
  }
}

}  // namespace reference

Result<std::unique_ptr<Device>> make_reference_device(const DeviceOptions& options) {
  return std::make_unique<reference::ReferenceDevice>(options.n_threads > 0 ? options.n_threads
                                                                            : usable_cores());
}

}  // namespace ondol::device
