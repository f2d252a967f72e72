#include "device/cpu/weight_cache.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <random>

#include "base/checksum.h"
#include "device/cpu/cpu_weight.h"
#include "device/cpu/pack.h"
#include "device/cpu/packed_format.h"

namespace ondol::device::cpu {
namespace {

using Form = WeightEntry::Form;

/// nullopt: this weight is used out of the checkpoint.
std::optional<WeightEntry> entry_for(const WantedWeight& wanted) {
  WeightEntry entry;
  const bool packs = CpuWeight::packs(wanted.dtype, wanted.use);
  if (wanted.use == WeightUse::kVector || (!packs && !wanted.is_made)) return std::nullopt;
  entry.name = wanted.name;
  entry.dtype = wanted.dtype;
  entry.form = packs ? Form::kPanels : Form::kRows;
  entry.n_rows = static_cast<std::uint64_t>(wanted.n_rows);
  entry.n_cols = static_cast<std::uint64_t>(wanted.n_cols);
  const auto n_bytes = kept_bytes(entry.dtype, entry.form, entry.n_rows, entry.n_cols);
  if (!n_bytes) return std::nullopt;
  entry.n_bytes = *n_bytes;
  return entry;
}

}  // namespace

CpuWeightCache::CpuWeightCache(const WeightCacheOptions& options, ThreadPool& threads)
    : where_(options.path.string()), key_(options.key), random_state_(std::random_device{}()) {
  auto opened = open(options, threads);
  if (opened) return;
  file_.reset();
  entries_.clear();
  if (opened.error().code != ErrorCode::kNotFound) refusal_ = std::move(opened).error();
}

Result<void> CpuWeightCache::open(const WeightCacheOptions& options, ThreadPool& threads) {
  ONDOL_TRY(file_, MappedFile::open_huge(options.path));
  ONDOL_TRY(std::vector<WeightEntry> entries, read_weight_table(where_, file_->bytes(), key_));
  for (WeightEntry& entry : entries) {
    std::string name = entry.name;
    entries_.emplace(std::move(name), std::move(entry));
  }
  return options.verify ? verify(threads) : Result<void>{};
}

Result<void> CpuWeightCache::verify(ThreadPool& threads) const {
  std::vector<const WeightEntry*> all;
  all.reserve(entries_.size());
  for (const auto& [name, entry] : entries_) all.push_back(&entry);
  std::atomic<const WeightEntry*> wrong = nullptr;
  threads.parallel_for(std::ssize(all), 1, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t i = begin; i < end; ++i) {
      const WeightEntry& entry = *all[static_cast<std::size_t>(i)];
      if (checksum64(std::as_bytes(bytes_of(entry))) != entry.sum) wrong = &entry;
    }
  });
  const WeightEntry* const found = wrong;
  return found == nullptr ? Result<void>{} : bad(found->name, "its checksum differs");
}

std::span<const std::uint8_t> CpuWeightCache::bytes_of(const WeightEntry& entry) const {
  const auto bytes = file_->bytes().subspan(entry.offset, entry.n_bytes);
  return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

tl::unexpected<Error> CpuWeightCache::bad(std::string_view field, std::string_view detail) const {
  return fail(ErrorCode::kInvalidFile, where_, field, detail);
}

// SplitMix64 (Steele, Lea and Flood 2014); which rows are compared need not be fair.
std::uint64_t CpuWeightCache::random_below(std::uint64_t n) {
  std::uint64_t z = (random_state_ += 0x9E3779B97F4A7C15ULL);
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
  return (z ^ (z >> 31U)) % n;
}

// One panel's rows of the checkpoint, packed again, must be what the file holds.
Result<void> CpuWeightCache::compare_sample(const WeightEntry& entry, const RowSource& rows) {
  constexpr std::uint64_t kRows = kPanelRows;
  const std::uint64_t panel = random_below((entry.n_rows + kRows - 1) / kRows);
  const std::uint64_t first = panel * kRows;
  const std::uint64_t n = std::min(kRows, entry.n_rows - first);
  ONDOL_TRY(const TensorView view,
            rows(static_cast<std::int64_t>(first), static_cast<std::int64_t>(n)));
  const std::size_t row = row_bytes(entry.dtype, entry.n_cols).value_or(0);
  if (view.dtype != entry.dtype || view.bytes.size() != row * n) {
    return bad(entry.name, "the checkpoint's rows have another size");
  }
  const auto kept = bytes_of(entry);
  bool same = false;
  if (entry.form == Form::kPanels) {
    const std::size_t panel_bytes = packed_format(entry.dtype).panel_bytes(entry.n_cols);
    std::vector<std::uint8_t> packed(panel_bytes);
    pack_panel(entry.dtype, view.bytes.data(), row, static_cast<int>(n), entry.n_cols,
               packed.data());
    same = std::memcmp(packed.data(), kept.data() + panel * panel_bytes, panel_bytes) == 0;
  } else {
    same = std::memcmp(view.bytes.data(), kept.data() + first * row, row * n) == 0;
  }
  return same ? Result<void>{} : bad(entry.name, "differs from the checkpoint");
}

Result<std::unique_ptr<Weight>> CpuWeightCache::find(const WantedWeight& wanted,
                                                     const RowSource& rows) {
  const auto expected = entry_for(wanted);
  if (file_ == nullptr || !expected) return nullptr;
  const auto found = entries_.find(wanted.name);
  if (found == entries_.end()) return bad(wanted.name, "is missing");
  const WeightEntry& entry = found->second;
  if (entry.dtype != expected->dtype || entry.form != expected->form ||
      entry.n_rows != expected->n_rows || entry.n_cols != expected->n_cols) {
    return bad(wanted.name, "has another dtype, form or shape");
  }
  ONDOL_TRY_VOID(compare_sample(entry, rows));
  return CpuWeight::from_kept(wanted.dtype, wanted.n_rows, wanted.n_cols, wanted.use,
                              bytes_of(entry), file_);
}

void CpuWeightCache::keep(const WantedWeight& wanted, const Weight& weight) {
  auto entry = entry_for(wanted);
  if (file_ != nullptr || !entry || !kept_names_.insert(entry->name).second) return;
  const auto& held = static_cast<const CpuWeight&>(weight);
  kept_.push_back(*std::move(entry));
  kept_bytes_.push_back(held.kept_bytes());
  keep_alive_.push_back(held.keep_alive());
}

void CpuWeightCache::reset(Error reason) {
  refusal_ = std::move(reason);
  file_.reset();
  entries_.clear();
  kept_.clear();
  kept_names_.clear();
  kept_bytes_.clear();
  keep_alive_.clear();
}

std::uint64_t CpuWeightCache::bytes_to_write() const {
  if (kept_.empty()) return 0;
  std::vector<WeightEntry> entries = kept_;
  return place_entries(entries);
}

Result<void> CpuWeightCache::write(const std::filesystem::path& path, std::stop_token stop) const {
  if (kept_.empty()) {
    return fail(ErrorCode::kInvalidArgument, path.string(), "", "there are no weights to keep");
  }
  std::vector<WeightEntry> entries = kept_;
  place_entries(entries);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (stop.stop_requested()) {
      return fail(ErrorCode::kCancelled, path.string(), "", "writing was given up");
    }
    entries[i].sum = checksum64(std::as_bytes(kept_bytes_[i]));
  }
  return write_weight_file(path, key_, entries, kept_bytes_, stop);
}

}  // namespace ondol::device::cpu
