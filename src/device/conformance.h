// The frame of the conformance suite: which devices are tried, and operands that
// leave no bit unused. conformance_*_test.cc compare each operation with
// reference/, within conformance_tolerance.h. Only tests include this.
//
// A new backend needs no line here: whatever available_isas() names is tried.
#pragma once

#include <algorithm>
#include <bit>
#include <cstring>

#include "device/test_support.h"

namespace ondol::device::test {

inline constexpr DType kAllDTypes[] = {DType::kF32,  DType::kF16,    DType::kBF16,   DType::kQ4_0,
                                       DType::kQ4_1, DType::kQ5_0,   DType::kQ5_1,   DType::kQ8_0,
                                       DType::kQ2_K, DType::kQ3_K,   DType::kQ4_K,   DType::kQ5_K,
                                       DType::kQ6_K, DType::kIQ4_NL, DType::kIQ4_XS, DType::kMXFP4};
static_assert(std::size(kAllDTypes) == static_cast<std::size_t>(DType::kCount));

/// "reference", then the ISAs of cpu/. The oracle itself takes part: that proves
/// the suite, and that its results do not depend on its threads.
inline std::vector<std::string> targets() {
  std::vector<std::string> out{"reference"};
  for (const std::string_view isa : available_isas()) out.emplace_back(isa);
  return out;
}

inline DeviceOptions options(std::string_view target, int n_threads) {
  if (target == "reference") return {.name = target, .n_threads = n_threads};
  return {.name = "cpu", .n_threads = n_threads, .isa = target};
}

inline constexpr int kThreadCounts[] = {1, 2, 3};

/// Calls check(bench, label) for the target with each number of threads.
template <class Check>
void for_each_thread_count(const std::string& target, Check check) {
  for (const int n_threads : kThreadCounts) {
    Workbench bench(options(target, n_threads));
    check(bench, bench->description() + ", " + std::to_string(n_threads) + " threads");
    if (testing::Test::HasFatalFailure()) return;
  }
}

inline bool same_bits(const Floats& a, const Floats& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

inline float max_abs(std::span<const float> values) {
  float max = 0;
  for (const float v : values) max = std::max(max, std::abs(v));
  return max;
}

inline float norm(std::span<const float> values) {
  double sum = 0;
  for (const float v : values) sum += static_cast<double>(v) * v;
  return static_cast<float>(std::sqrt(sum));
}

inline std::span<const float> row(const Floats& matrix, std::int64_t r, std::int64_t n_cols) {
  return std::span(matrix).subspan(static_cast<std::size_t>(r * n_cols),
                                   static_cast<std::size_t>(n_cols));
}

/// The f16 fields of a block and a size for each that makes values of about one.
struct ScaleField {
  std::size_t offset;
  float size;
};
inline std::vector<ScaleField> scale_fields(DType dtype) {
  switch (dtype) {
    case DType::kQ4_0:
      return {{0, 0.2F}};
    case DType::kQ4_1:
      return {{0, 0.2F}, {2, 1.5F}};
    case DType::kQ5_0:
      return {{0, 0.1F}};
    case DType::kQ5_1:
      return {{0, 0.1F}, {2, 1.5F}};
    case DType::kQ8_0:
      return {{0, 0.0135F}};
    case DType::kQ2_K:
      return {{80, 0.05F}, {82, 0.05F}};
    case DType::kQ3_K:
      return {{108, 0.02F}};
    case DType::kQ4_K:
      return {{0, 0.003F}, {2, 0.03F}};
    case DType::kQ5_K:
      return {{0, 0.0015F}, {2, 0.03F}};
    case DType::kQ6_K:
      return {{208, 0.0007F}};
    case DType::kIQ4_NL:
      return {{0, 0.015F}};
    case DType::kIQ4_XS:
      return {{0, 0.0008F}};
    default:
      return {};
  }
}

/// A weight whose blocks are random in every bit but the float scales, which are
/// random within bounds and of both signs. (Quantizing normal values instead
/// would leave many codes and scales unused.)
inline HostWeight random_weight(DType dtype, std::int64_t n_rows, std::int64_t n_cols,
                                Random& random) {
  HostWeight out{dtype, n_rows, n_cols, {}};
  const auto n = static_cast<std::size_t>(n_rows * n_cols);
  out.bytes.resize(row_bytes(dtype, n).value());
  if (!is_quantized(dtype)) {
    quantize_row(dtype, random.normal(n_rows * n_cols).data(), out.bytes.data(), n);
    return out;
  }
  for (std::byte& b : out.bytes) b = static_cast<std::byte>(random.below(256));
  const std::size_t block_bytes = info(dtype).block_bytes;
  for (std::size_t block = 0; block < out.bytes.size(); block += block_bytes) {
    if (dtype == DType::kMXFP4) out.bytes[block] = static_cast<std::byte>(124 + random.below(5));
    for (const ScaleField& field : scale_fields(dtype)) {
      const float size = field.size * (0.5F + static_cast<float>(random.below(1000)) / 1000.0F);
      const std::uint16_t bits = f32_to_f16(random.below(2) == 0 ? size : -size);
      std::memcpy(out.bytes.data() + block + field.offset, &bits, sizeof bits);
    }
  }
  return out;
}

/// Gives `to` the float scales of `from`, which has its dtype and shape.
inline void copy_scales(const HostWeight& from, HostWeight& to) {
  const std::size_t block_bytes = info(to.dtype).block_bytes;
  for (std::size_t block = 0; block < to.bytes.size(); block += block_bytes) {
    if (to.dtype == DType::kMXFP4) to.bytes[block] = from.bytes[block];
    for (const ScaleField& field : scale_fields(to.dtype)) {
      const std::size_t at = block + field.offset;
      std::memcpy(to.bytes.data() + at, from.bytes.data() + at, sizeof(std::uint16_t));
    }
  }
}

/// The weight's values, row-major.
inline Floats decoded(const HostWeight& weight) {
  Floats out(static_cast<std::size_t>(weight.n_rows * weight.n_cols));
  dequantize_row(weight.dtype, weight.bytes.data(), out.data(), out.size());
  return out;
}

inline std::string test_name(const testing::TestParamInfo<std::string>& param) {
  return param.param;
}

}  // namespace ondol::device::test
