// WeightCache of the cpu: packed matrices, and the rows of tables that were
// quantized on load. Float matrices and tables are used where the checkpoint is
// mapped, so nothing of them is kept. The file is described in weight_file.h.
//
// Owner and threads as device/weight_cache.h.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/mapped_file.h"
#include "base/thread_pool.h"
#include "device/cpu/weight_file.h"
#include "device/weight_cache.h"

namespace ondol::device::cpu {

class CpuWeightCache final : public WeightCache {
 public:
  CpuWeightCache(const WeightCacheOptions& options, ThreadPool& threads);

  bool is_open() const override { return file_ != nullptr; }
  const std::optional<Error>& refusal() const override { return refusal_; }
  Result<std::unique_ptr<Weight>> find(const WantedWeight& wanted, const RowSource& rows) override;
  void keep(const WantedWeight& wanted, const Weight& weight) override;
  void reset(Error reason) override;
  std::uint64_t bytes_to_write() const override;
  Result<void> write(const std::filesystem::path& path, std::stop_token stop) const override;

 private:
  Result<void> open(const WeightCacheOptions& options, ThreadPool& threads);
  Result<void> verify(ThreadPool& threads) const;
  Result<void> compare_sample(const WeightEntry& entry, const RowSource& rows);
  std::span<const std::uint8_t> bytes_of(const WeightEntry& entry) const;
  tl::unexpected<Error> bad(std::string_view field, std::string_view detail) const;
  std::uint64_t random_below(std::uint64_t n);

  std::string where_;
  WeightKey key_;
  std::uint64_t random_state_;
  std::shared_ptr<const MappedFile> file_;                   // null: none that can be used
  std::map<std::string, WeightEntry, std::less<>> entries_;  // of file_
  std::optional<Error> refusal_;

  // What a new file will hold.
  std::vector<WeightEntry> kept_;
  std::set<std::string, std::less<>> kept_names_;
  std::vector<std::span<const std::uint8_t>> kept_bytes_;
  std::vector<std::shared_ptr<const void>> keep_alive_;
};

}  // namespace ondol::device::cpu
