#include "api/compile_turns.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace ondol::api {
namespace {

TEST(CompileTurns, SomeCompileSomeWaitOthersAreRefused) {
  std::vector<CompileTurn> held;
  for (int i = 0; i < kMaxCompiling; ++i) held.push_back(*CompileTurn::take());
  std::atomic<int> n_refused = 0;
  std::atomic<int> n_done = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < kMaxWaitingToCompile + 3; ++i) {
    threads.emplace_back([&] {
      const auto turn = CompileTurn::take();
      turn ? ++n_done : ++n_refused;
    });
  }
  while (n_refused < 3) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(n_refused, 3);
  EXPECT_EQ(n_done, 0);
  held.clear();
  threads.clear();  // joins
  EXPECT_EQ(n_done, kMaxWaitingToCompile);
  EXPECT_TRUE(CompileTurn::take());
}

TEST(CompileTurns, NeverMoreThanThatAtOnce) {
  std::atomic<int> n_inside = 0;
  std::atomic<int> most = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < kMaxCompiling + kMaxWaitingToCompile; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 200; ++n) {
        const auto turn = CompileTurn::take();
        ASSERT_TRUE(turn);
        const int inside = ++n_inside;
        if (inside > most) most = inside;
        --n_inside;
      }
    });
  }
  threads.clear();
  EXPECT_LE(most, kMaxCompiling);
}

}  // namespace
}  // namespace ondol::api
