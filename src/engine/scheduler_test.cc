#include "engine/scheduler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <vector>

namespace ondol::engine {
namespace {

TEST(KvPages, AllOrNothing) {
  KvPages pages(4, 8);
  std::vector<std::int32_t> a;
  std::vector<std::int32_t> b;
  EXPECT_TRUE(pages.grow(a, 17));
  EXPECT_EQ(a.size(), 3U);
  EXPECT_TRUE(pages.grow(a, 24));  // has room already
  EXPECT_EQ(a.size(), 3U);
  EXPECT_FALSE(pages.grow(b, 9));
  EXPECT_TRUE(b.empty());
  EXPECT_EQ(pages.n_free(), 1);
  EXPECT_TRUE(pages.grow(b, 8));
  pages.release(a);
  EXPECT_TRUE(a.empty());
  EXPECT_EQ(pages.n_used(), 1);
  EXPECT_TRUE(pages.grow(b, 32));
  EXPECT_EQ(std::set<std::int32_t>(b.begin(), b.end()).size(), 4U);
}

TEST(KvPages, FreeingTwiceIsABug) {
  KvPages pages(4, 8);
  std::vector<std::int32_t> table;
  ASSERT_TRUE(pages.grow(table, 8));
  std::vector<std::int32_t> copy = table;
  pages.release(table);
  EXPECT_DEATH(pages.release(copy), "in_use_");
}

TEST(KvPages, ShrinksToWhatTokensNeed) {
  KvPages pages(4, 8);
  std::vector<std::int32_t> table;
  ASSERT_TRUE(pages.grow(table, 32));
  const std::vector<std::int32_t> all = table;
  pages.shrink(table, 17);
  EXPECT_EQ(table, (std::vector<std::int32_t>{all[0], all[1], all[2]}));
  EXPECT_EQ(pages.n_free(), 1);
  pages.shrink(table, 24);  // nothing to free
  pages.shrink(table, 100);
  EXPECT_EQ(table.size(), 3U);
  pages.shrink(table, 0);
  EXPECT_EQ(pages.n_used(), 0);
}

// Guesses take free pages and give them back; who holds pages keeps them.
TEST(Scheduler, GuessesTakeOnlyFreePages) {
  Scheduler scheduler(KvPages(6, 4), {2, 32});
  Sequence a;
  Sequence b;
  a.id = 1;
  b.id = 2;
  a.tokens.assign(6, 7);
  b.tokens.assign(5, 7);
  scheduler.add(a);
  scheduler.add(b);
  ASSERT_EQ(scheduler.plan().size(), 2U);
  ASSERT_EQ(scheduler.pages().n_free(), 2);
  EXPECT_EQ(scheduler.reserve(a, 2), 2);  // of its own last page
  EXPECT_EQ(scheduler.pages().n_free(), 2);
  EXPECT_EQ(scheduler.reserve(a, 5), 5);
  EXPECT_EQ(scheduler.reserve(b, 8), 7);  // what is left
  EXPECT_EQ(scheduler.pages().n_free(), 0);
  EXPECT_EQ(scheduler.n_preemptions(), 0U);
  EXPECT_EQ(scheduler.reserve(a, 100), 6);
  scheduler.commit();
  b.tokens.assign(9, 7);  // some were right
  scheduler.settle(a);
  scheduler.settle(b);
  EXPECT_EQ(a.pages.size(), 2U);
  EXPECT_EQ(b.pages.size(), 3U);
  scheduler.remove(a);
  scheduler.remove(b);
  EXPECT_EQ(scheduler.pages().n_used(), 0);
}

// Sequences and a scheduler, driven as the engine drives them.
class Driver {
 public:
  struct Job {
    Sequence sequence;
    std::int64_t n_prompt = 0;
    std::int64_t n_end = 0;  // known tokens at which it ends
    int started_at = -1;     // step of its first work
    int ended_at = -1;
  };

  Driver(std::int64_t n_pages, std::int64_t page_tokens, Scheduler::Limits limits)
      : limits_(limits), scheduler_(KvPages(n_pages, page_tokens), limits) {}

  Job& add(std::int64_t n_prompt, std::int64_t n_new, std::int32_t priority = 0) {
    auto job = std::make_unique<Job>();
    job->sequence.id = jobs_.size() + 1;
    job->sequence.priority = priority;
    job->sequence.tokens.assign(static_cast<std::size_t>(n_prompt), 7);
    job->n_prompt = n_prompt;
    job->n_end = n_prompt + n_new;
    scheduler_.add(job->sequence);
    by_sequence_[&job->sequence] = job.get();
    jobs_.push_back(std::move(job));
    return *jobs_.back();
  }

  void cancel(Job& job) {
    scheduler_.remove(job.sequence);
    job.ended_at = n_steps_;
    check_pages();
  }

  /// One step with all invariants; answers its work.
  std::vector<Work> step() {
    const std::span<const Work> planned = scheduler_.plan();
    const std::vector<Work> work(planned.begin(), planned.end());
    check_work(work);
    check_pages();
    scheduler_.commit();
    for (const Work& w : work) {
      Job& job = *by_sequence_.at(w.sequence);
      if (job.started_at < 0) job.started_at = n_steps_;
      if (w.sequence->n_pending() > 0) continue;
      w.sequence->tokens.push_back(7);
      if (w.sequence->n_known() < job.n_end) continue;
      scheduler_.remove(*w.sequence);
      job.ended_at = n_steps_;
    }
    ++n_steps_;
    return work;
  }

  int run_to_end(int max_steps) {
    while (n_open() > 0 && n_steps_ < max_steps) step();
    EXPECT_EQ(n_open(), 0) << "not done after " << max_steps << " steps";
    EXPECT_EQ(scheduler_.pages().n_used(), 0);
    EXPECT_EQ(scheduler_.n_running() + scheduler_.n_waiting(), 0);
    return n_steps_;
  }

  std::int64_t n_open() const {
    return std::count_if(jobs_.begin(), jobs_.end(), [](const auto& j) { return j->ended_at < 0; });
  }
  const Scheduler& scheduler() const { return scheduler_; }
  const std::vector<std::unique_ptr<Job>>& jobs() const { return jobs_; }

 private:
  void check_work(const std::vector<Work>& work) const {
    ASSERT_EQ(work.empty(), n_open() == 0);  // no step without progress
    std::int64_t n_tokens = 0;
    std::set<const Sequence*> seen;
    for (const Work& w : work) {
      n_tokens += w.n_tokens;
      ASSERT_TRUE(seen.insert(w.sequence).second);
      ASSERT_EQ(w.sequence->state, Sequence::State::kRunning);
      ASSERT_GT(w.n_tokens, 0);
      ASSERT_LE(w.n_tokens, w.sequence->n_pending());
      const auto room =
          static_cast<std::int64_t>(w.sequence->pages.size()) * scheduler_.pages().page_tokens();
      ASSERT_GE(room, w.sequence->n_computed + w.n_tokens);
    }
    ASSERT_LE(n_tokens, limits_.max_batch_tokens);
    ASSERT_LE(scheduler_.n_running(), limits_.max_sequences);
    // Whoever lacks one token gets it.
    for (const auto& job : jobs_) {
      const Sequence& s = job->sequence;
      if (s.state != Sequence::State::kRunning || s.n_pending() != 1) continue;
      ASSERT_TRUE(seen.contains(&s));
    }
  }

  void check_pages() const {
    std::set<std::int32_t> owned;
    for (const auto& job : jobs_) {
      const Sequence& s = job->sequence;
      if (s.state != Sequence::State::kRunning) {
        ASSERT_TRUE(s.pages.empty());
        ASSERT_TRUE(s.state == Sequence::State::kIdle || s.n_computed == 0);
      }
      for (const std::int32_t page : s.pages) {
        ASSERT_TRUE(owned.insert(page).second) << "page " << page << " has two owners";
        ASSERT_TRUE(page >= 0 && page < scheduler_.pages().n_pages());
      }
    }
    ASSERT_EQ(static_cast<std::int64_t>(owned.size()), scheduler_.pages().n_used());
  }

  Scheduler::Limits limits_;
  Scheduler scheduler_;
  std::vector<std::unique_ptr<Job>> jobs_;
  std::map<const Sequence*, Job*> by_sequence_;
  int n_steps_ = 0;
};

TEST(Scheduler, LongPromptDoesNotHoldUpAnswers) {
  Driver driver(1000, 4, {4, 16});
  Driver::Job& short_one = driver.add(1, 100);
  driver.step();
  Driver::Job& long_one = driver.add(300, 5);
  for (int i = 0; i < 10; ++i) {
    const std::vector<Work> work = driver.step();
    ASSERT_EQ(work.size(), 2U);
    EXPECT_EQ(work[0].sequence, &short_one.sequence);
    EXPECT_EQ(work[0].n_tokens, 1);
    EXPECT_EQ(work[1].sequence, &long_one.sequence);
    EXPECT_EQ(work[1].n_tokens, 15);
  }
  driver.run_to_end(1000);
}

TEST(Scheduler, PromptsShareAStepInOrder) {
  Driver driver(1000, 4, {8, 16});
  driver.add(10, 1);
  driver.add(10, 1);
  driver.add(10, 1);
  const std::vector<Work> work = driver.step();
  ASSERT_EQ(work.size(), 2U);
  EXPECT_EQ(work[0].n_tokens, 10);
  EXPECT_EQ(work[1].n_tokens, 6);
  EXPECT_EQ(driver.scheduler().n_waiting(), 1);  // no token for it, so no page either
  driver.run_to_end(10);
}

TEST(Scheduler, PriorityGoesFirstEvenInPrefill) {
  Driver driver(1000, 4, {8, 16});
  Driver::Job& low = driver.add(200, 1);
  driver.step();
  Driver::Job& high = driver.add(40, 1, 5);
  driver.run_to_end(100);
  EXPECT_EQ(high.started_at, 1);
  EXPECT_EQ(high.ended_at, 3);
  EXPECT_GT(low.ended_at, high.ended_at);
}

TEST(Scheduler, NobodyOvertakesTheFirstInLine) {
  Driver driver(10, 4, {8, 64});
  driver.add(30, 2);                      // 8 pages
  Driver::Job& big = driver.add(30, 2);   // waits for them
  Driver::Job& small = driver.add(2, 2);  // would fit
  driver.run_to_end(100);
  EXPECT_LE(big.started_at, small.started_at);
  EXPECT_EQ(driver.scheduler().n_preemptions(), 0U);
}

TEST(Scheduler, ShortageTakesFromTheNewestOfTheLowestPriority) {
  Driver driver(6, 2, {3, 64});
  Driver::Job& high = driver.add(3, 9, 1);  // ends with all 6 pages
  Driver::Job& older = driver.add(3, 5);
  Driver::Job& newer = driver.add(3, 5);
  driver.step();
  EXPECT_EQ(driver.scheduler().pages().n_free(), 0);
  driver.step();
  driver.step();  // known 5: a third page each
  EXPECT_EQ(newer.sequence.state, Sequence::State::kWaiting);
  EXPECT_EQ(newer.sequence.n_computed, 0);
  EXPECT_EQ(older.sequence.state, Sequence::State::kRunning);
  EXPECT_EQ(driver.scheduler().n_preemptions(), 1U);
  Driver::Job& late = driver.add(1, 1);
  driver.run_to_end(100);
  EXPECT_LT(high.ended_at, older.ended_at);
  EXPECT_LT(older.ended_at, newer.ended_at);
  EXPECT_GE(late.started_at, older.ended_at);  // behind the preempted ones
}

TEST(Scheduler, SequenceThatFillsAllPagesAloneEnds) {
  Driver driver(4, 4, {2, 2});
  driver.add(1, 15);
  driver.add(15, 1);
  driver.run_to_end(200);
}

// Random loads: every invariant in every step, all end within a bound, first come
// first served within a priority.
TEST(Scheduler, RandomLoadsKeepEveryInvariant) {
  std::mt19937 random(11);
  const auto below = [&](std::uint32_t n) { return static_cast<std::int64_t>(random() % n); };
  std::uint64_t n_preemptions = 0;
  for (int round = 0; round < 400; ++round) {
    const std::int64_t page_tokens = 1 + below(8);
    const std::int64_t n_pages = 4 + below(40);
    const std::int64_t capacity = n_pages * page_tokens;
    const std::int64_t max_sequences = 1 + below(6);
    Driver driver(n_pages, page_tokens, {max_sequences, max_sequences + below(20)});
    std::int64_t n_left = 5 + below(20);
    int n_steps = 0;
    while ((n_left > 0 || driver.n_open() > 0) && n_steps++ < 100'000) {
      if (n_left > 0 && below(3) == 0) {
        const std::int64_t n_total = 2 + below(static_cast<std::uint32_t>(capacity - 1));
        const std::int64_t n_prompt = 1 + below(static_cast<std::uint32_t>(n_total - 1));
        driver.add(n_prompt, n_total - n_prompt, static_cast<std::int32_t>(below(3)));
        --n_left;
      }
      if (below(40) == 0) {
        for (const auto& job : driver.jobs()) {
          if (job->ended_at >= 0 || below(2) == 0) continue;
          driver.cancel(*job);
          break;
        }
      }
      driver.step();
      if (testing::Test::HasFatalFailure()) return;
    }
    driver.run_to_end(0);
    std::map<std::int32_t, int> last_start;
    for (const auto& job : driver.jobs()) {
      if (job->started_at < 0) continue;  // cancelled in line
      int& last = last_start[job->sequence.priority];
      EXPECT_LE(last, job->started_at) << "overtaken within its priority";
      last = job->started_at;
    }
    n_preemptions += driver.scheduler().n_preemptions();
  }
  EXPECT_GT(n_preemptions, 1000U);  // the loads are tight enough to prove something
}

// However tight, each step of the sequence in front counts: the whole load takes
// no more steps than one after the other would.
TEST(Scheduler, PreemptionCostsNoMoreThanOneByOne) {
  Driver driver(8, 4, {8, 8});
  int n_alone = 0;
  for (int i = 0; i < 20; ++i) {
    driver.add(10, 20);
    n_alone += (10 + 7) / 8 + 20;
  }
  EXPECT_LE(driver.run_to_end(10'000), n_alone);
}

// A prompt is admitted with room for the token it will say: without, the next step
// would take the page from whoever came last.
TEST(Scheduler, AdmissionLeavesRoomForTheNextToken) {
  Driver driver(2, 4, {2, 16});
  driver.add(4, 2);
  driver.add(4, 2);
  EXPECT_EQ(driver.step().size(), 1U);
  EXPECT_EQ(driver.scheduler().n_waiting(), 1);
  driver.run_to_end(8);
  EXPECT_EQ(driver.scheduler().n_preemptions(), 0U);
}

// Answers under way take their token before any prompt, whatever the order, so
// they count against the budget of a newcomer before whom they do not go.
TEST(Scheduler, WhoWouldGetNoTokenHoldsNoPages) {
  Driver driver(16, 4, {3, 4});
  driver.add(1, 9);
  driver.step();
  driver.add(3, 2, /*priority=*/2);
  const auto& between = driver.add(2, 2, /*priority=*/1);
  EXPECT_EQ(driver.step().size(), 2U);
  EXPECT_EQ(between.sequence.state, Sequence::State::kWaiting);
  EXPECT_TRUE(between.sequence.pages.empty());
  driver.step();
  EXPECT_EQ(between.started_at, 2);
}

}  // namespace
}  // namespace ondol::engine
