// Weights as the CPU keeps them: quantized matrices repacked into panels
// (packed_format.h), float matrices where the file is mapped, tables where they
// are mapped, vectors as f32.
//
// A repacked weight lets go of the file's bytes: embed reads rows of a tied
// table out of the panels.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "device/cpu/host_memory.h"
#include "device/cpu/weight_arena.h"
#include "device/device.h"

namespace ondol::device::cpu {

class CpuWeight final : public Weight {
 public:
  /// Errors: kInvalidFile when bytes and shape disagree, kOutOfMemory.
  static Result<std::unique_ptr<Weight>> load(const TensorView& tensor, WeightUse use,
                                              std::shared_ptr<const void> keep_alive,
                                              ThreadPool& threads, WeightArena& arena);

  /// Whether load() packs such a weight, and how many bytes that makes.
  static bool packs(DType dtype, WeightUse use);
  static std::optional<std::uint64_t> packed_bytes(DType dtype, std::uint64_t n_rows,
                                                   std::uint64_t n_cols);
  /// A weight out of a file: its panels if packs(), else its rows; `keep_alive`
  /// owns the bytes. REQUIRES: the size that dtype, shape and use ask for,
  /// checked by whoever read the file; bytes aligned to 64.
  static std::unique_ptr<Weight> from_kept(DType dtype, std::int64_t n_rows, std::int64_t n_cols,
                                           WeightUse use, std::span<const std::uint8_t> bytes,
                                           std::shared_ptr<const void> keep_alive);
  /// What from_kept() would be given. REQUIRES: not a vector.
  std::span<const std::uint8_t> kept_bytes() const;
  const std::shared_ptr<const void>& keep_alive() const { return keep_alive_; }

  bool is_packed() const { return panels_ != nullptr; }
  /// REQUIRES: is_packed(). The panel of rows 32 * index ...
  const std::uint8_t* panel(std::int64_t index) const {
    return panels_ + static_cast<std::size_t>(index) * panel_bytes_;
  }
  std::int64_t n_panels() const;
  std::size_t panel_bytes() const { return panel_bytes_; }

  /// A row's bytes as in the file. REQUIRES: !is_packed().
  const std::byte* row(std::int64_t index) const {
    return rows_ + static_cast<std::size_t>(index) * row_bytes_;
  }

  /// The f32 values of a vector. REQUIRES: loaded as kVector.
  const float* values() const;

  /// out[n_cols] = row `index`, whatever the layout.
  void decode_row(std::int64_t index, float* out) const;

 private:
  CpuWeight(DType dtype, std::int64_t n_rows, std::int64_t n_cols, std::size_t row_bytes)
      : Weight(dtype, n_rows, n_cols), row_bytes_(row_bytes) {}
  Result<void> pack(const TensorView& tensor, ThreadPool& threads, WeightArena& arena);
  Result<void> keep_rows(const TensorView& tensor, std::shared_ptr<const void> keep_alive);

  std::size_t row_bytes_ = 0;
  std::size_t panel_bytes_ = 0;
  const std::uint8_t* panels_ = nullptr;
  const std::byte* rows_ = nullptr;
  std::shared_ptr<const void> keep_alive_;  // of panels_ or rows_
  HostMemory copy_;                         // of rows whose alignment does not fit, or of a vector
  bool is_vector_ = false;
};

}  // namespace ondol::device::cpu
