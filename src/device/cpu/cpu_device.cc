// Memory and the row by row operations; products are in cpu_matmul.cc, attention
// in cpu_attention.cc.
#include "device/cpu/cpu_device.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "device/backends.h"
#include "device/cpu/cpu_for.h"
#include "device/cpu/weight_cache.h"

namespace ondol::device {
namespace cpu {
namespace {

void check_same_shape(const Tensor& a, const Tensor& b) {
  ONDOL_CHECK(a.n_rows == b.n_rows && a.n_cols == b.n_cols);
}

}  // namespace

CpuDevice::CpuDevice(const Isa& isa, int n_threads)
    : isa_(isa),
      float_(float_kernels(isa.float_level)),
      attend_(attention_kernel(isa.float_level)),
      threads_(n_threads),
      thread_scratch_(static_cast<std::size_t>(n_threads)) {}

std::string CpuDevice::description() const {
  return fmt::format("cpu ({}, {} thread{})", isa_.name, threads_.n_threads(),
                     threads_.n_threads() == 1 ? "" : "s");
}

bool CpuDevice::supports(Op op, DType dtype) const {
  if (dtype >= DType::kCount) return false;
  if (op != Op::kKvCache) return true;
  return dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kQ8_0;
}

Result<std::unique_ptr<Buffer>> CpuDevice::alloc(std::size_t size_bytes) {
  ONDOL_TRY(auto memory, HostMemory::make(size_bytes));
  return std::make_unique<HostBuffer>(size_bytes, std::move(memory));
}

Result<std::unique_ptr<Weight>> CpuDevice::load_weight(const TensorView& tensor, WeightUse use,
                                                       std::shared_ptr<const void> keep_alive) {
  return CpuWeight::load(tensor, use, std::move(keep_alive), threads_, arena_);
}

std::unique_ptr<WeightCache> CpuDevice::open_weight_cache(const WeightCacheOptions& options) {
  return std::make_unique<CpuWeightCache>(options, threads_);
}

std::uint64_t CpuDevice::stored_bytes(const Weight& weight) const {
  const auto& kept = static_cast<const CpuWeight&>(weight);
  if (!kept.is_packed()) return Device::stored_bytes(weight);
  return static_cast<std::uint64_t>(kept.n_panels()) * kept.panel_bytes();
}

Result<std::unique_ptr<KvCache>> CpuDevice::make_kv_cache(const KvCacheShape& shape) {
  ONDOL_TRY(const auto layout, KvLayout::make(shape));
  ONDOL_TRY(auto memory, HostMemory::make(layout.total_bytes));
  return std::make_unique<CpuKvCache>(shape, layout, std::move(memory));
}

std::string CpuDevice::kv_page_format() const { return "cpu 1 " + std::string(isa_.name); }

std::size_t CpuDevice::kv_page_bytes(const KvCache& cache) const {
  return static_cast<const CpuKvCache&>(cache).layout().page_bytes;
}

void CpuDevice::read_kv_page(const KvCache& cache, std::int64_t page, std::span<std::byte> to) {
  const auto& kv = static_cast<const CpuKvCache&>(cache);
  ONDOL_CHECK(to.size() == kv_page_bytes(cache) && page >= 0 && page < cache.shape().n_pages);
  std::memcpy(to.data(), kv.head(0, page, 0), to.size());
}

void CpuDevice::write_kv_page(KvCache& cache, std::int64_t page, std::span<const std::byte> from) {
  const auto& kv = static_cast<const CpuKvCache&>(cache);
  ONDOL_CHECK(from.size() == kv_page_bytes(cache) && page >= 0 && page < cache.shape().n_pages);
  std::memcpy(kv.head(0, page, 0), from.data(), from.size());
}

float* CpuDevice::floats(const Tensor& tensor) {
  ONDOL_CHECK(tensor.n_rows >= 0 && tensor.n_cols >= 0);
  if (tensor.n_elements() == 0) return nullptr;
  ONDOL_CHECK(tensor.buffer != nullptr);
  const std::size_t capacity = tensor.buffer->size_bytes() / sizeof(float);
  ONDOL_CHECK(tensor.offset <= capacity &&
              static_cast<std::size_t>(tensor.n_elements()) <= capacity - tensor.offset);
  return static_cast<const HostBuffer*>(tensor.buffer)->floats() + tensor.offset;
}

void CpuDevice::upload(const Tensor& to, std::span<const float> from) {
  ONDOL_CHECK(std::ssize(from) == to.n_elements());
  std::copy(from.begin(), from.end(), floats(to));
}

void CpuDevice::download(const Tensor& from, std::span<float> to) {
  ONDOL_CHECK(std::ssize(to) == from.n_elements());
  const auto view = host_view(from);
  std::copy(view.begin(), view.end(), to.begin());
}

std::span<const float> CpuDevice::host_view(const Tensor& from) {
  return {floats(from), static_cast<std::size_t>(from.n_elements())};
}

void CpuDevice::embed(std::span<const std::int32_t> ids, const Weight& table, float scale,
                      Tensor out) {
  ONDOL_CHECK(out.n_rows == std::ssize(ids) && out.n_cols == table.n_cols());
  const auto& weight = static_cast<const CpuWeight&>(table);
  float* const to = floats(out);
  // Decoding an element takes several times the work of copying one.
  for_rows(out.n_rows, 8 * out.n_cols, [&](std::int64_t t) {
    const std::int32_t id = ids[static_cast<std::size_t>(t)];
    ONDOL_CHECK(id >= 0 && id < table.n_rows());
    weight.decode_row(id, to + t * out.n_cols);
    if (scale != 1.0F) float_.scale(to + t * out.n_cols, scale, out.n_cols);
  });
}

void CpuDevice::rms_norm(Tensor x, const Weight& weight, float eps, float offset, Tensor out) {
  check_same_shape(x, out);
  ONDOL_CHECK(weight.n_cols() == x.n_cols);
  const float* const factors = static_cast<const CpuWeight&>(weight).values();
  const float* const from = floats(x);
  float* const to = floats(out);
  for_rows(x.n_rows, x.n_cols, [&](std::int64_t r) {
    float_.rms_norm(from + r * x.n_cols, factors, x.n_cols, eps, offset, to + r * x.n_cols);
  });
}

void CpuDevice::rope_angles(std::span<const std::int32_t> positions,
                            std::span<const float> inv_freq, float magnitude, Tensor angles) {
  const std::int64_t n_pairs = std::ssize(inv_freq);
  ONDOL_CHECK(angles.n_rows == std::ssize(positions) && angles.n_cols == 2 * n_pairs);
  float* const to = floats(angles);
  for_rows(angles.n_rows, 64 * n_pairs, [&](std::int64_t t) {
    const auto position = static_cast<float>(positions[static_cast<std::size_t>(t)]);
    float* const row = to + t * angles.n_cols;
    for (std::int64_t i = 0; i < n_pairs; ++i) {
      // The angle is an f32, as in the models' own code; its cosine is exact.
      const double angle = position * inv_freq[static_cast<std::size_t>(i)];
      row[2 * i] = static_cast<float>(std::cos(angle) * magnitude);
      row[2 * i + 1] = static_cast<float>(std::sin(angle) * magnitude);
    }
  });
}

void CpuDevice::rope(Tensor x, std::int64_t d_head, Tensor angles, RopeStyle style) {
  const std::int64_t n_pairs = angles.n_cols / 2;
  ONDOL_CHECK(angles.n_rows == x.n_rows && d_head > 0 && x.n_cols % d_head == 0);
  ONDOL_CHECK(2 * n_pairs == angles.n_cols && 2 * n_pairs <= d_head);
  float* const values = floats(x);
  const float* const from = floats(angles);
  for_rows(x.n_rows, x.n_cols, [&](std::int64_t t) {
    float_.rope(values + t * x.n_cols, x.n_cols / d_head, d_head, from + t * angles.n_cols, n_pairs,
                style);
  });
}

void CpuDevice::gated_act(Tensor gate, Tensor up, Activation act, Tensor out) {
  check_same_shape(gate, up);
  check_same_shape(gate, out);
  const float* const gates = floats(gate);
  const float* const ups = floats(up);
  float* const to = floats(out);
  for_elements(gate.n_elements(), 4, [&](std::int64_t at, std::int64_t n) {
    float_.gated_act(gates + at, ups + at, n, act, to + at);
  });
}

void CpuDevice::add(Tensor x, Tensor y) {
  check_same_shape(x, y);
  float* const to = floats(x);
  const float* const from = floats(y);
  for_elements(x.n_elements(), 1,
               [&](std::int64_t at, std::int64_t n) { float_.add(to + at, from + at, n); });
}

void CpuDevice::add_bias(Tensor x, const Weight& bias) {
  ONDOL_CHECK(bias.n_cols() == x.n_cols);
  const float* const from = static_cast<const CpuWeight&>(bias).values();
  float* const to = floats(x);
  for_rows(x.n_rows, x.n_cols,
           [&](std::int64_t r) { float_.add(to + r * x.n_cols, from, x.n_cols); });
}

void CpuDevice::scale(Tensor x, float factor) {
  float* const to = floats(x);
  for_elements(x.n_elements(), 1,
               [&](std::int64_t at, std::int64_t n) { float_.scale(to + at, factor, n); });
}

void CpuDevice::softcap(Tensor x, float cap) {
  ONDOL_CHECK(cap > 0.0F);
  float* const to = floats(x);
  for_elements(x.n_elements(), 4,
               [&](std::int64_t at, std::int64_t n) { float_.softcap(to + at, cap, n); });
}

void CpuDevice::gather_rows(Tensor x, std::span<const std::int32_t> rows, Tensor out) {
  ONDOL_CHECK(out.n_rows == std::ssize(rows) && out.n_cols == x.n_cols);
  const float* const from = floats(x);
  float* const to = floats(out);
  for (std::int64_t i = 0; i < out.n_rows; ++i) {
    const std::int32_t row = rows[static_cast<std::size_t>(i)];
    ONDOL_CHECK(row >= 0 && row < x.n_rows);
    std::copy_n(from + row * x.n_cols, x.n_cols, to + i * x.n_cols);
  }
}

}  // namespace cpu

Result<std::unique_ptr<Device>> make_cpu_device(const DeviceOptions& options) {
  const cpu::Isa* isa = &cpu::isas_here().front();
  std::string_view wanted = options.isa;
  if (const char* forced = std::getenv("ONDOL_ISA"); wanted.empty() && forced != nullptr) {
    wanted = forced;
  }
  if (!wanted.empty()) {
    isa = cpu::find_isa(wanted);
    if (isa == nullptr) {
      return fail(ErrorCode::kUnsupported, "device", "isa",
                  "this machine does not run it, or it has no such name", std::string(wanted),
                  fmt::format("one of {}", fmt::join(cpu_isas(), ", ")));
    }
  }
  const int n_threads = options.n_threads > 0 ? options.n_threads : usable_cores();
  return std::make_unique<cpu::CpuDevice>(*isa, n_threads);
}

std::span<const std::string_view> cpu_isas() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> list;
    for (const cpu::Isa& isa : cpu::isas_here()) list.push_back(isa.name);
    return list;
  }();
  return names;
}

}  // namespace ondol::device
