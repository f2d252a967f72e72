#include "device/cpu/cpu_weight.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "base/check.h"
#include "base/checked.h"
#include "base/mapped_file.h"
#include "device/cpu/pack.h"
#include "device/cpu/packed_format.h"
#include "tensor/quantize.h"

namespace ondol::device::cpu {
namespace {

constexpr std::string_view kWhere = "cpu device";

/// What a float kernel may load from.
std::size_t element_alignment(DType dtype) {
  return is_quantized(dtype) ? 1 : info(dtype).block_bytes;
}

}  // namespace

Result<std::unique_ptr<Weight>> CpuWeight::load(const TensorView& tensor, WeightUse use,
                                                std::shared_ptr<const void> keep_alive,
                                                ThreadPool& threads) {
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / 4;
  const std::uint64_t n_rows = tensor.shape.n_rows();
  const std::uint64_t n_cols = tensor.shape.n_cols();
  const auto row = row_bytes(tensor.dtype, n_cols);
  const auto total = row ? checked_mul(*row, n_rows) : std::nullopt;
  const auto elements = checked_mul(n_rows, n_cols);
  if (!total || *total != tensor.bytes.size() || !elements || *elements > kMost) {
    return fail(ErrorCode::kInvalidFile, kWhere, tensor.shape.to_string(),
                "bytes do not fit dtype and shape", std::to_string(tensor.bytes.size()),
                total ? std::to_string(*total) : "a whole number of blocks a row");
  }
  if (use == WeightUse::kVector && n_rows != 1) {
    return fail(ErrorCode::kInvalidFile, kWhere, tensor.shape.to_string(), "a vector has one row",
                n_rows, 1);
  }
  std::unique_ptr<CpuWeight> weight(new CpuWeight(tensor.dtype, static_cast<std::int64_t>(n_rows),
                                                  static_cast<std::int64_t>(n_cols), *row));
  if (use == WeightUse::kVector) {
    ONDOL_TRY(weight->copy_, HostMemory::make(n_cols * sizeof(float)));
    dequantize_row(tensor.dtype, tensor.bytes.data(), weight->copy_.floats(), n_cols);
    weight->is_vector_ = true;
  } else if (is_quantized(tensor.dtype) && use != WeightUse::kTable && *total > 0) {
    ONDOL_TRY_VOID(weight->pack(tensor, threads));
  } else {
    ONDOL_TRY_VOID(weight->keep_rows(tensor, std::move(keep_alive)));
  }
  return weight;
}

Result<void> CpuWeight::pack(const TensorView& tensor, ThreadPool& threads) {
  const auto columns = static_cast<std::size_t>(n_cols());
  panel_bytes_ = packed_format(dtype()).panel_bytes(columns);
  const auto bytes = checked_mul<std::size_t>(panel_bytes_, static_cast<std::size_t>(n_panels()));
  if (!bytes) return fail(ErrorCode::kOutOfMemory, kWhere, "weight", "size overflows");
  ONDOL_TRY(panels_, HostMemory::make(*bytes));
  threads.parallel_for(n_panels(), 4, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t p = begin; p < end; ++p) {
      const std::int64_t first = p * kPanelRows;
      const auto n = static_cast<int>(std::min<std::int64_t>(kPanelRows, n_rows() - first));
      const std::byte* from = tensor.bytes.data() + static_cast<std::size_t>(first) * row_bytes_;
      pack_panel(dtype(), from, row_bytes_, n, columns,
                 panels_.data() + static_cast<std::size_t>(p) * panel_bytes_);
    }
  });
  MappedFile::release_pages(tensor.bytes);
  return {};
}

Result<void> CpuWeight::keep_rows(const TensorView& tensor,
                                  std::shared_ptr<const void> keep_alive) {
  rows_ = tensor.bytes.data();
  if (reinterpret_cast<std::uintptr_t>(rows_) % element_alignment(dtype()) == 0) {
    keep_alive_ = std::move(keep_alive);
    return {};
  }
  ONDOL_TRY(copy_, HostMemory::make(tensor.bytes.size()));
  std::memcpy(copy_.data(), tensor.bytes.data(), tensor.bytes.size());
  rows_ = reinterpret_cast<const std::byte*>(copy_.data());
  return {};
}

std::int64_t CpuWeight::n_panels() const { return ceil_div<std::int64_t>(n_rows(), kPanelRows); }

const float* CpuWeight::values() const {
  ONDOL_CHECK(is_vector_);
  return copy_.floats();
}

void CpuWeight::decode_row(std::int64_t index, float* out) const {
  const auto columns = static_cast<std::size_t>(n_cols());
  if (is_packed()) {
    unpack_row(dtype(), panel(index / kPanelRows), static_cast<int>(index % kPanelRows), columns,
               out);
  } else {
    dequantize_row(dtype(), row(index), out, columns);
  }
}

}  // namespace ondol::device::cpu
