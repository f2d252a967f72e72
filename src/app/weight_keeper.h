// Keeps a model's packed weights from one start to the next: finds the file in
// the packed store, lets the model load from it, and writes it in the background
// when it was not there or not to be trusted.
//
// The writer has idle priority: an answer in progress is not slowed. What is
// left when the keeper is destroyed is written then, at the usual priority, once
// for a checkpoint.
// A file that cannot be written is no error, only a line in the log.
//
// Owner: LoadedModel, which destroys it before the device. Threads: the owner's,
// and one of its own that writes.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "device/device.h"
#include "device/weight_cache.h"
#include "format/model_file.h"
#include "hub/packed_store.h"

namespace ondol::app {

struct WeightCacheSettings {
  bool on = true;
  bool verify = false;
  std::uint64_t max_bytes = hub::PackedStore::kDefaultMaxBytes;
};

/// From ONDOL_WEIGHT_CACHE (on, off, verify) and ONDOL_WEIGHT_CACHE_MAX ("20GB").
Result<WeightCacheSettings> weight_cache_settings();

/// Which weights these are, and how they were loaded (`choice`: "" or a dtype). Errors: as
/// hub::packed_key.
Result<hub::PackedKey> weights_key(const format::ModelFile& file, std::string_view choice);

class WeightKeeper {
 public:
  /// Null when the device keeps no weights or the checkpoint has no identity.
  static std::unique_ptr<WeightKeeper> open(const WeightCacheSettings& settings,
                                            const std::filesystem::path& store_root,
                                            const format::ModelFile& file, std::string_view choice,
                                            device::Device& device);
  ~WeightKeeper();
  WeightKeeper(const WeightKeeper&) = delete;
  WeightKeeper& operator=(const WeightKeeper&) = delete;

  device::WeightCache* cache() { return cache_.get(); }
  /// "kept", "packed", or why a file was not used; for the log.
  std::string description() const;

  /// The model has been loaded: begins to write if there is something new.
  void start();
  /// Gives up writing, now or in the destructor.
  void cancel();

 private:
  WeightKeeper(hub::PackedStore store, hub::PackedKey key,
               std::unique_ptr<device::WeightCache> cache)
      : store_(std::move(store)), key_(std::move(key)), cache_(std::move(cache)) {}
  void write(const std::stop_token& stop);

  hub::PackedStore store_;
  hub::PackedKey key_;
  std::unique_ptr<device::WeightCache> cache_;
  std::uint64_t n_bytes_ = 0;
  std::atomic<bool> done_ = false;
  std::atomic<int> writer_id_ = 0;  // the thread's, for its priority
  std::jthread writer_;             // last: it uses what stands above
};

}  // namespace ondol::app
