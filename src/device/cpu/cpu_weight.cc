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
                                                ThreadPool& threads, WeightArena& arena) {
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
  } else if (packs(tensor.dtype, use) && *total > 0) {
    ONDOL_TRY_VOID(weight->pack(tensor, threads, arena));
  } else {
    ONDOL_TRY_VOID(weight->keep_rows(tensor, std::move(keep_alive)));
  }
  return weight;
}

bool CpuWeight::packs(DType dtype, WeightUse use) {
  return is_quantized(dtype) && (use == WeightUse::kMatrix || use == WeightUse::kMatrixAndTable);
}

std::optional<std::uint64_t> CpuWeight::packed_bytes(DType dtype, std::uint64_t n_rows,
                                                     std::uint64_t n_cols) {
  const std::uint64_t panel = packed_format(dtype).panel_bytes(n_cols);
  return checked_mul<std::uint64_t>(panel, ceil_div<std::uint64_t>(n_rows, kPanelRows));
}

std::unique_ptr<Weight> CpuWeight::from_kept(DType dtype, std::int64_t n_rows, std::int64_t n_cols,
                                             WeightUse use, std::span<const std::uint8_t> bytes,
                                             std::shared_ptr<const void> keep_alive) {
  const auto columns = static_cast<std::uint64_t>(n_cols);
  std::unique_ptr<CpuWeight> weight(
      new CpuWeight(dtype, n_rows, n_cols, row_bytes(dtype, columns).value_or(0)));
  weight->keep_alive_ = std::move(keep_alive);
  if (packs(dtype, use)) {
    weight->panels_ = bytes.data();
    weight->panel_bytes_ = packed_format(dtype).panel_bytes(columns);
  } else {
    weight->rows_ = reinterpret_cast<const std::byte*>(bytes.data());
  }
  return weight;
}

std::span<const std::uint8_t> CpuWeight::kept_bytes() const {
  ONDOL_CHECK(!is_vector_);
  if (is_packed()) return {panels_, panel_bytes_ * static_cast<std::size_t>(n_panels())};
  return {reinterpret_cast<const std::uint8_t*>(rows_),
          row_bytes_ * static_cast<std::size_t>(n_rows())};
}

Result<void> CpuWeight::pack(const TensorView& tensor, ThreadPool& threads, WeightArena& arena) {
  const auto columns = static_cast<std::size_t>(n_cols());
  const auto bytes = packed_bytes(dtype(), static_cast<std::uint64_t>(n_rows()), columns);
  if (!bytes) return fail(ErrorCode::kOutOfMemory, kWhere, "weight", "size overflows");
  ONDOL_TRY(const SharedBytes memory, arena.take(*bytes));
  std::uint8_t* const to = memory.bytes.data();
  panels_ = to;
  panel_bytes_ = packed_format(dtype()).panel_bytes(columns);
  keep_alive_ = memory.owner;
  threads.parallel_for(n_panels(), 4, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t p = begin; p < end; ++p) {
      const std::int64_t first = p * kPanelRows;
      const auto n = static_cast<int>(std::min<std::int64_t>(kPanelRows, n_rows() - first));
      const std::byte* from = tensor.bytes.data() + static_cast<std::size_t>(first) * row_bytes_;
      pack_panel(dtype(), from, row_bytes_, n, columns,
                 to + static_cast<std::size_t>(p) * panel_bytes_);
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
