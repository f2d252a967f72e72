#include "base/thread_pool.h"

#include <sched.h>

#include <algorithm>

#include "base/check.h"

namespace ondol {
namespace {

constexpr std::uint64_t kOpen = 1ULL << 31U;
constexpr std::uint64_t kInside = kOpen - 1;
constexpr int kSpins = 4000;  // tens of microseconds: longer than the gap between two operations

std::uint32_t number_of(std::uint64_t entry) { return static_cast<std::uint32_t>(entry >> 32U); }

void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

int usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

ThreadPool::ThreadPool(int n_threads) {
  ONDOL_CHECK(n_threads >= 1);
  // Spinning helps nobody when threads share a core.
  spins_ = n_threads <= usable_cores() ? kSpins : 0;
  workers_.reserve(static_cast<std::size_t>(n_threads) - 1);
  for (int thread = 1; thread < n_threads; ++thread) {
    workers_.emplace_back([this, thread] { work(thread); });
  }
}

ThreadPool::~ThreadPool() {
  stop_.store(true);
  number_.fetch_add(1);
  number_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::run(const Loop& loop) {
  if (loop.n_items <= 0) return;
  if (workers_.empty() || loop.n_items <= loop.grain) {
    loop.call(loop.context, 0, loop.n_items, 0);
    return;
  }
  loop_ = loop;
  next_item_.store(0, std::memory_order_relaxed);
  const std::uint32_t number = number_of(entry_.load(std::memory_order_relaxed)) + 1;
  entry_.store((static_cast<std::uint64_t>(number) << 32U) | kOpen, std::memory_order_release);
  number_.store(number);
  number_.notify_all();  // no system call unless somebody sleeps

  take_pieces(loop, 0);

  entry_.fetch_and(~kOpen, std::memory_order_acq_rel);
  for (int spin = 0; (entry_.load(std::memory_order_acquire) & kInside) != 0; ++spin) {
    if (spin < kSpins) {
      relax();
    } else {
      std::this_thread::yield();  // the worker that holds the last piece may need this core
    }
  }
}

void ThreadPool::take_pieces(const Loop& loop, int thread) {
  while (true) {
    const std::int64_t begin = next_item_.fetch_add(loop.grain, std::memory_order_relaxed);
    if (begin >= loop.n_items) return;
    loop.call(loop.context, begin, std::min(begin + loop.grain, loop.n_items), thread);
  }
}

bool ThreadPool::enter(std::uint32_t& seen) {
  std::uint64_t entry = entry_.load(std::memory_order_acquire);
  while (number_of(entry) != seen) {
    if ((entry & kOpen) == 0) {
      seen = number_of(entry);
      return false;
    }
    if (entry_.compare_exchange_weak(entry, entry + 1, std::memory_order_acq_rel)) {
      seen = number_of(entry);
      return true;
    }
  }
  return false;
}

void ThreadPool::wait_for_loop(std::uint32_t seen) {
  for (int spin = 0; spin < spins_; ++spin) {
    if (number_.load(std::memory_order_acquire) != seen) return;
    relax();
  }
  number_.wait(seen);
}

void ThreadPool::work(int thread) {
  std::uint32_t seen = 0;
  while (true) {
    wait_for_loop(seen);
    if (stop_.load()) return;
    if (!enter(seen)) continue;
    take_pieces(loop_, thread);
    entry_.fetch_sub(1, std::memory_order_acq_rel);
  }
}

}  // namespace ondol
