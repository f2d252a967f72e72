#include "base/thread_pool.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <numeric>

namespace ondol {
namespace {

TEST(ThreadPool, EveryItemOnceWhateverTheGrain) {
  for (const int n_threads : {1, 2, 3, 7}) {
    ThreadPool pool(n_threads);
    EXPECT_EQ(pool.n_threads(), n_threads);
    for (const int n_items : {0, 1, 2, 63, 1000}) {
      for (const int grain : {1, 3, 64, 5000}) {
        std::vector<int> visits(static_cast<std::size_t>(n_items), 0);
        pool.parallel_for(n_items, grain, [&](std::int64_t begin, std::int64_t end, int thread) {
          EXPECT_LE(end - begin, n_threads == 1 ? n_items : grain);
          EXPECT_GE(thread, 0);
          EXPECT_LT(thread, n_threads);
          for (std::int64_t i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(i)];
        });
        EXPECT_EQ(std::accumulate(visits.begin(), visits.end(), 0), n_items);
        for (const int count : visits) EXPECT_EQ(count, 1);
      }
    }
  }
}

TEST(ThreadPool, LoopsInQuickSuccessionSeeEachOthersResults) {
  ThreadPool pool(4);
  std::vector<std::int64_t> values(256, 0);
  constexpr int kRounds = 5000;
  for (int round = 0; round < kRounds; ++round) {
    pool.parallel_for(256, 5, [&](std::int64_t begin, std::int64_t end, int) {
      // Reads a neighbour of the round before, so a loop that starts early shows.
      for (std::int64_t i = begin; i < end; ++i) ++values[static_cast<std::size_t>(i)];
    });
    ASSERT_EQ(values[static_cast<std::size_t>(round % 256)], round + 1);
  }
  for (const std::int64_t value : values) EXPECT_EQ(value, kRounds);
}

TEST(ThreadPool, ScratchPerThreadIsNeverShared) {
  ThreadPool pool(4);
  std::vector<std::atomic<int>> inside(4);
  pool.parallel_for(2000, 1, [&](std::int64_t, std::int64_t, int thread) {
    auto& mine = inside[static_cast<std::size_t>(thread)];
    EXPECT_EQ(mine.fetch_add(1), 0);
    mine.fetch_sub(1);
  });
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

TEST(ThreadPool, SleepsWhenIdle) {
  ThreadPool pool(4);
  pool.parallel_for(100, 1, [](std::int64_t, std::int64_t, int) {});
  std::this_thread::sleep_for(std::chrono::milliseconds(50));  // spins end well within
  const double before = cpu_seconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_LT(cpu_seconds() - before, 0.03);
}

}  // namespace
}  // namespace ondol
