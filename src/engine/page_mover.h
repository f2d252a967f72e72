// Between the engine thread and the page store: a thread that writes pages and one that
// reads them, so that the engine never waits for a disk. What is under way is bounded in bytes
// in both directions; who finds no room comes back when woken.
//
// After a page could not be written (a full disk), nothing is written for a while.
//
// Owner: the engine. Threads: one caller; two of its own. `wake` is called on these,
// without locks held: something was loaded, or there is room again.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "engine/page_store.h"

namespace ondol::engine {

/// A page to write.
struct SpillJob {
  std::uint64_t key = 0;
  std::uint64_t tenant = 0;
  std::vector<std::int32_t> tokens;  // from the beginning to the page's end
  std::vector<std::byte> kv;
};

/// Pages first .. keys.size() - 1 of a sequence, to be read in this order.
struct LoadJob {
  std::uint64_t ticket = 0;  // the caller's name for it
  std::uint64_t tenant = 0;
  std::vector<std::uint64_t> keys;   // of all pages from the beginning
  std::vector<std::int32_t> tokens;  // of the same
  std::size_t first = 0;
};

/// The next page of a job, or its end: after the last page, or before the first that
/// could not be read.
struct LoadedPage {
  std::uint64_t ticket = 0;
  std::optional<PageBytes> page;  // none: the end
};

struct PageMoverStats {
  std::uint64_t n_spilled = 0;
  std::uint64_t n_loaded = 0;
  std::uint64_t n_errors = 0;
};

class PageMover {
 public:
  static constexpr std::uint64_t kAheadBytes = std::uint64_t{32} << 20U;  // each way
  static constexpr std::chrono::seconds kPause{60};

  PageMover(std::unique_ptr<PageStore> store, std::function<void()> wake);
  ~PageMover();  // what has not been written is lost
  PageMover(const PageMover&) = delete;
  PageMover& operator=(const PageMover&) = delete;

  const PageStore& store() const { return *store_; }
  PageMoverStats stats() const;

  enum class Room : std::uint8_t { kFree, kFull, kPaused };
  Room room() const;
  /// REQUIRES: room() is kFree.
  void spill(SpillJob job);
  /// See PageStore::touch. Dropped when the writer is far behind.
  void touch(std::vector<std::uint64_t> keys);

  void load(LoadJob job);
  /// What comes of it is not wanted any more; some may still come.
  void cancel(std::uint64_t ticket);
  std::optional<LoadedPage> take_loaded();

 private:
  using Clock = std::chrono::steady_clock;
  void write_pages();
  void write_page(const SpillJob& job);
  void read_pages();
  void read_job(const LoadJob& job);
  bool deliver(LoadedPage loaded);

  const std::unique_ptr<PageStore> store_;
  const std::function<void()> wake_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool is_stopping_ = false;
  PageMoverStats stats_;

  std::deque<SpillJob> spills_;
  std::deque<std::vector<std::uint64_t>> touches_;
  std::uint64_t spill_bytes_ = 0;
  Clock::time_point paused_until_{};

  std::deque<LoadJob> loads_;
  std::uint64_t reading_ = 0;  // the ticket that is read now; 0: none, or cancelled
  std::deque<LoadedPage> loaded_;
  std::uint64_t loaded_bytes_ = 0;

  std::thread writer_;
  std::thread reader_;
};

}  // namespace ondol::engine
