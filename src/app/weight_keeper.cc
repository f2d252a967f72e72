#include "app/weight_keeper.h"

#include <sched.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <chrono>
#include <set>

#include "app/console.h"

namespace ondol::app {
namespace {

// Smaller ones are packed faster than a file is opened, checked and mapped.
constexpr std::uint64_t kLeastBytes = 16'000'000;
constexpr std::chrono::milliseconds kSilentWait{500};

std::vector<std::filesystem::path> weight_files(const format::ModelFile& file) {
  std::set<std::filesystem::path> paths;
  for (const auto& [name, weight] : file.weights()) {
    if (weight.file != nullptr) paths.insert(weight.file->path());
  }
  return {paths.begin(), paths.end()};
}

/// Of a thread, 0 for one's own. A system that says no changes only who waits.
void set_policy(int thread, int policy) {
  const sched_param priority{};
  ::sched_setscheduler(thread, policy, &priority);
}

}  // namespace

Result<WeightCacheSettings> weight_cache_settings() {
  WeightCacheSettings out;
  const std::string mode = environment("ONDOL_WEIGHT_CACHE");
  out.on = mode != "off";
  out.verify = mode == "verify";
  if (!mode.empty() && mode != "on" && out.on && !out.verify) {
    return fail(ErrorCode::kInvalidArgument, "ONDOL_WEIGHT_CACHE", "", "no such setting", mode,
                "on, off or verify");
  }
  const std::string most = environment("ONDOL_WEIGHT_CACHE_MAX");
  if (most.empty()) return out;
  const auto bytes = parse_bytes(most);
  if (!bytes) {
    return fail(ErrorCode::kInvalidArgument, "ONDOL_WEIGHT_CACHE_MAX", "", "is no size", most,
                "a number of bytes, MB or GB");
  }
  out.max_bytes = *bytes;
  return out;
}

Result<hub::PackedKey> weights_key(const format::ModelFile& file, std::string_view choice) {
  return hub::packed_key(file.path(), weight_files(file), choice.empty() ? "asis" : choice);
}

std::unique_ptr<WeightKeeper> WeightKeeper::open(const WeightCacheSettings& settings,
                                                 const std::filesystem::path& store_root,
                                                 const format::ModelFile& file,
                                                 std::string_view choice, device::Device& device) {
  if (!settings.on) return nullptr;
  const auto key = weights_key(file, choice);
  if (!key) {
    spdlog::info("weights are not kept: {}", key.error().message());
    return nullptr;
  }
  hub::PackedStore store(store_root, settings.max_bytes);
  auto cache = device.open_weight_cache({store.path_of(*key), key->digest, settings.verify});
  if (cache == nullptr) return nullptr;
  return std::unique_ptr<WeightKeeper>(new WeightKeeper(std::move(store), *key, std::move(cache)));
}

std::string WeightKeeper::description() const {
  if (cache_->is_open()) return "kept";
  if (cache_->refusal()) return "packed, because " + cache_->refusal()->message();
  return "packed";
}

void WeightKeeper::start() {
  if (cache_->is_open()) store_.touch(key_);
  n_bytes_ = cache_->bytes_to_write();
  if (n_bytes_ < kLeastBytes) return;
  writer_ = std::jthread([this](const std::stop_token& stop) { write(stop); });
}

void WeightKeeper::write(const std::stop_token& stop) {
  set_policy(0, SCHED_IDLE);
  writer_id_ = ::gettid();
  const auto start = std::chrono::steady_clock::now();
  const auto written = store_.put(
      key_, n_bytes_, [&](const std::filesystem::path& path) { return cache_->write(path, stop); });
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  if (written) {
    spdlog::info("weights kept in {} ({:.0f} ms)", store_.path_of(key_).string(), took.count());
  } else {
    spdlog::info("weights are not kept: {}", written.error().message());
  }
  done_ = true;
  done_.notify_all();
}

void WeightKeeper::cancel() { writer_.request_stop(); }

WeightKeeper::~WeightKeeper() {
  if (!writer_.joinable()) return;
  if (const int thread = writer_id_; thread != 0 && !done_) set_policy(thread, SCHED_OTHER);
  const auto start = std::chrono::steady_clock::now();
  while (!done_ && std::chrono::steady_clock::now() - start < kSilentWait) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  if (!done_ && stderr_is_terminal()) {
    print_note("keeping the packed weights for the next start (" + human_bytes(n_bytes_) +
               ", once for this model)");
  }
  done_.wait(false);
  writer_.join();
}

}  // namespace ondol::app
