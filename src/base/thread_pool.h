// Threads that share out the items of one loop at a time.
//
// Owner: whoever computes (a device). Threads: parallel_for is called from one
// thread at a time, which works along and returns when every item is done; fn
// must not call parallel_for of the same pool. Which thread takes which item is
// left open, so fn's result must not depend on it.
//
// Between loops the workers spin for some microseconds, because the next loop of
// a forward pass follows at once, and then sleep: an idle pool costs no CPU. A
// worker that wakes late finds the loop closed and is not waited for, so a busy
// machine delays a loop by at most the chunks that were really taken.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace ondol {

/// Cores that this process may use (its affinity mask, not the machine's count).
int usable_cores();

class ThreadPool {
 public:
  /// n_threads counts the caller: 1 starts no thread. REQUIRES: n_threads >= 1.
  explicit ThreadPool(int n_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int n_threads() const { return static_cast<int>(workers_.size()) + 1; }

  /// Calls fn(begin, end, thread) on pieces of at most `grain` items that cover
  /// [0, n_items) once each (one piece if there is one thread); 0 <= thread < n_threads(), one call
  /// at a time each. No allocation. REQUIRES: grain >= 1; fn does not throw.
  template <class Fn>
  void parallel_for(std::int64_t n_items, std::int64_t grain, const Fn& fn) {
    const auto call = [](const void* context, std::int64_t begin, std::int64_t end, int thread) {
      (*static_cast<const Fn*>(context))(begin, end, thread);
    };
    run({call, &fn, n_items, grain});
  }

 private:
  struct Loop {
    void (*call)(const void* context, std::int64_t begin, std::int64_t end, int thread) = nullptr;
    const void* context = nullptr;
    std::int64_t n_items = 0;
    std::int64_t grain = 1;
  };

  void run(const Loop& loop);
  void work(int thread);
  void take_pieces(const Loop& loop, int thread);
  bool enter(std::uint32_t& seen);
  void wait_for_loop(std::uint32_t seen);

  // entry_ guards loop_: high half the loop's number, then one bit "open", then
  // how many workers are inside. A worker enters by a compare-and-swap on an open
  // loop; the caller closes it and waits until nobody is inside.
  alignas(64) std::atomic<std::uint64_t> entry_{0};
  alignas(64) std::atomic<std::int64_t> next_item_{0};
  alignas(64) std::atomic<std::uint32_t> number_{0};  // what sleepers wait on
  std::atomic<bool> stop_{false};
  Loop loop_;
  int spins_ = 0;
  std::vector<std::thread> workers_;
};

}  // namespace ondol
