#include "engine/scheduler.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "engine/testing/scheduler_driver.h"

namespace ondol::engine {
namespace {

// Guesses take free pages and give them back; who holds pages keeps them.
TEST(Scheduler, GuessesTakeOnlyFreePages) {
  Scheduler scheduler(KvPages(6, 4), {2, 32});
  Sequence a;
  Sequence b;
  a.id = 1;
  b.id = 2;
  a.tokens.assign(6, 7);
  b.tokens.assign(5, 8);
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
  b.tokens.assign(9, 8);  // some were right
  scheduler.settle(a);
  scheduler.settle(b);
  EXPECT_EQ(a.pages.size(), 2U);
  EXPECT_EQ(b.pages.size(), 3U);
  scheduler.remove(a);
  scheduler.remove(b);
  EXPECT_EQ(scheduler.pages().n_used(), 0);
}

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

struct Load {
  bool has_twins = false;  // prompts share beginnings, and some lie on disk
  std::int64_t n_tenants = 1;
};

// Random loads: every invariant in every step, all end within a bound, first come
// first served for each tenant and priority. Answers the number of preemptions.
std::uint64_t run_random_load(std::mt19937& random, const Load& load) {
  const auto below = [&](std::int64_t n) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n));
  };
  const std::int64_t page_tokens = 1 + below(8);
  const std::int64_t n_pages = 4 + below(40);
  const std::int64_t capacity = n_pages * page_tokens;
  const std::int64_t max_sequences = 1 + below(6);
  Driver driver(n_pages, page_tokens, {max_sequences, max_sequences + below(20)});
  driver.load_speed = 1 + static_cast<int>(below(3));
  if (below(2) == 0) driver.loads_fail_after = static_cast<int>(below(5));
  std::int64_t n_left = 5 + below(20);
  while ((n_left > 0 || driver.n_open() > 0) && driver.n_steps() < 100'000) {
    if (n_left > 0 && below(3) == 0) {
      const std::int64_t n_total = 2 + below(capacity - 1);
      const std::int64_t n_prompt = 1 + below(n_total - 1);
      Driver::Kind kind;
      kind.priority = static_cast<std::int32_t>(below(3));
      kind.tenant = static_cast<std::uint64_t>(below(load.n_tenants));
      if (load.has_twins) {
        kind.salt = static_cast<std::int32_t>(1 + 10'000 * below(3));
        kind.n_stored_pages = below(1 + (n_prompt - 1) / page_tokens);
      }
      driver.add(n_prompt, n_total - n_prompt, kind);
      --n_left;
    }
    if (below(40) == 0) {
      for (const auto& job : driver.jobs()) {
        if (job->ended_at >= 0 || below(2) == 0) continue;
        driver.cancel(*job);
        break;
      }
    }
    // As tight as a pacer makes it.
    driver.step(below(2) == 0 ? PromptBudget{} : PromptBudget{1 + below(9), 1 + below(3)});
    if (testing::Test::HasFatalFailure()) return 0;
  }
  driver.run_to_end(0);
  std::map<std::pair<std::int32_t, std::uint64_t>, int> last_start;
  for (const auto& job : driver.jobs()) {
    if (job->started_at < 0 || load.has_twins) continue;  // cancelled in line; waited for a twin
    int& last = last_start[{job->sequence.priority, job->sequence.tenant}];
    EXPECT_LE(last, job->started_at) << "overtaken";
    last = job->started_at;
  }
  return driver.scheduler().n_preemptions();
}

TEST(Scheduler, RandomLoadsKeepEveryInvariant) {
  std::mt19937 random(11);
  std::uint64_t n_preemptions = 0;
  for (int round = 0; round < 300 && !testing::Test::HasFatalFailure(); ++round) {
    n_preemptions += run_random_load(random, {false, 1});
    n_preemptions += run_random_load(random, {false, 4});
    n_preemptions += run_random_load(random, {true, 2});
  }
  EXPECT_GT(n_preemptions, 2000U);  // the loads are tight enough to prove something
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

TEST(Scheduler, OneTenantsCrowdDoesNotDelayAnothersFirst) {
  Driver driver(1000, 4, {4, 16});
  for (int i = 0; i < 1000; ++i) driver.add(10, 30, {.tenant = 1});
  for (int i = 0; i < 50; ++i) driver.step();
  Driver::Job& other = driver.add(10, 5, {.tenant = 2});
  driver.step();
  EXPECT_EQ(other.started_at, 50);  // a place is taken from who has four
  while (other.ended_at < 0) driver.step();
  EXPECT_LE(other.ended_at, 60);
  EXPECT_EQ(driver.scheduler().n_preemptions(), 1U);
}

TEST(Scheduler, CrowdedPagesAreSharedToo) {
  Driver driver(20, 4, {8, 16});
  for (int i = 0; i < 8; ++i) driver.add(10, 65 - 5 * i, {.tenant = 1});
  for (int i = 0; i < 20; ++i) driver.step();
  Driver::Job& other = driver.add(30, 5, {.tenant = 2});
  for (int i = 0; i < 20; ++i) driver.step();
  EXPECT_GE(other.ended_at, 0);
  driver.run_to_end(10'000);
}

TEST(Scheduler, TenantsPromptsTakeTurns) {
  Driver driver(10'000, 4, {8, 100});
  Driver::Job& a = driver.add(10'000, 1, {.tenant = 1});
  Driver::Job& b = driver.add(10'000, 1, {.tenant = 2});
  driver.step();
  Driver::Job& later = driver.add(10'000, 1, {.tenant = 1});  // gains nothing for its tenant
  for (int i = 0; i < 20; ++i) {
    driver.step();
    EXPECT_LE(std::abs(a.n_work - b.n_work), 100);
  }
  Driver::Job& late = driver.add(100, 1, {.tenant = 3});
  driver.step();
  EXPECT_EQ(late.answered_at, driver.n_steps() - 1);  // level with the others, and earlier done
  driver.run_to_end(10'000);
  EXPECT_LT(a.ended_at, later.started_at + 2);
}

// While every tenant has prompts in line, none gets ahead of another by more than
// a prompt and a step.
TEST(Scheduler, ServiceIsLevel) {
  std::mt19937 random(5);
  for (int round = 0; round < 30; ++round) {
    Driver driver(2000, 8, {6, 32});
    for (int i = 0; i < 600; ++i) {
      const auto tenant = static_cast<std::uint64_t>(random() % 10 < 7 ? 0 : 1 + random() % 2);
      driver.add(1 + static_cast<std::int64_t>(random() % 60), 1 + random() % 3,
                 {.tenant = tenant});
    }
    for (int step = 0; step < 150; ++step) {
      driver.step();
      std::map<std::uint64_t, std::int64_t> served;
      for (const auto& job : driver.jobs()) served[job->sequence.tenant] += job->n_work;
      for (const auto& [tenant, n] : served) ASSERT_LE(std::abs(n - served[0]), 60 + 32);
    }
  }
}

TEST(Scheduler, TwinsWaitForTheOneThatComputes) {
  Driver driver(1000, 4, {8, 512});
  for (int i = 0; i < 4; ++i) driver.add(102, 3, {.salt = 5});
  driver.add(102, 3, {.tenant = 9, .salt = 5});  // what another tenant computes is no twin
  EXPECT_EQ(driver.step().size(), 2U);
  EXPECT_EQ(driver.step().size(), 5U);
  std::int64_t n_work = 0;
  for (const auto& job : driver.jobs()) n_work += job->n_work;
  EXPECT_EQ(n_work, 2 * (102 + 1) + 3 * 2);
  EXPECT_EQ(driver.jobs()[1]->sequence.n_reused, 100);
  driver.run_to_end(10);
}

TEST(Scheduler, LaterTurnsFindWhatEarlierOnesSaid) {
  Driver driver(100, 4, {2, 64});
  driver.add(10, 15, {.salt = 5});
  driver.run_to_end(30);
  Driver::Job& next = driver.add(40, 2, {.salt = 5});
  driver.run_to_end(40);
  EXPECT_EQ(next.sequence.n_reused, 24);  // the 25th was never computed
  EXPECT_EQ(next.n_work, 40 - 24 + 1);
  Driver::Job& again = driver.add(40, 2, {.salt = 5});
  driver.run_to_end(50);
  EXPECT_EQ(again.sequence.n_reused, 36);  // one token is left for its logits
}

TEST(Scheduler, WhoSharesNothingFindsNothing) {
  Driver driver(100, 4, {2, 64});
  driver.add(40, 2, {.salt = 5});
  driver.run_to_end(30);
  Sequence alone;
  alone.id = 100;
  alone.shares_pages = false;
  for (std::int32_t i = 0; i < 40; ++i) alone.tokens.push_back(5 + i);
  Scheduler scheduler(KvPages(100, 4), {2, 64});
  scheduler.add(alone);
  EXPECT_EQ(scheduler.plan()[0].n_tokens, 40);
  scheduler.commit();
  EXPECT_EQ(scheduler.pages().n_published(), 0);
}

TEST(Scheduler, StoredPagesAreLoadedOnceAndNotComputed) {
  Driver driver(100, 4, {4, 64});
  Driver::Job& other = driver.add(5, 30);
  Driver::Job& first = driver.add(41, 2, {.salt = 5, .n_stored_pages = 10});
  Driver::Job& twin = driver.add(41, 2, {.salt = 5, .n_stored_pages = 10});
  for (int i = 0; i < 9; ++i) {
    driver.step();
    EXPECT_EQ(twin.sequence.state, i == 0 ? Sequence::State::kRunning : twin.sequence.state);
  }
  EXPECT_EQ(other.n_work, 5 + 8);  // loading holds up nobody
  driver.run_to_end(100);
  EXPECT_EQ(first.n_work, 2);
  EXPECT_EQ(first.sequence.n_reused, 40);
  EXPECT_EQ(twin.n_work, 2);
}

TEST(Scheduler, OneLongPromptIsSetAside) {
  Scheduler scheduler(KvPages(10'000, 4), {8, 512});
  Sequence answer;
  Sequence prompts[3];
  answer.tokens = {1};
  scheduler.add(answer);
  ASSERT_EQ(scheduler.plan().size(), 1U);
  scheduler.commit();
  answer.tokens.push_back(2);
  for (std::uint64_t i = 0; i < 3; ++i) {
    prompts[i].id = prompts[i].tenant = i + 1;
    prompts[i].tokens.assign(i == 2 ? 50 : 1000, static_cast<std::int32_t>(i));
    scheduler.add(prompts[i]);
  }
  const PromptBudget aside = {.in_all = 500, .of_long = 40, .sets_long_aside = true};
  EXPECT_EQ(scheduler.plan(aside).size(), 2U);  // the answer, and the short one
  ASSERT_TRUE(scheduler.aside());
  const Work work = *scheduler.aside();
  EXPECT_EQ(work.sequence, &prompts[0]);
  EXPECT_EQ(work.n_tokens, 40);
  scheduler.commit();
  EXPECT_EQ(prompts[0].n_computed, 0);
  EXPECT_EQ(prompts[2].n_pending(), 0);

  const PromptBudget answers_only = {.answers_only = true};
  answer.tokens.push_back(3);
  EXPECT_EQ(scheduler.plan(answers_only).size(), 1U);
  EXPECT_FALSE(scheduler.aside());
  scheduler.remove(answer);
  EXPECT_TRUE(scheduler.plan(answers_only).empty());
  scheduler.commit(work);
  EXPECT_EQ(prompts[0].n_computed, 40);
  EXPECT_FALSE(scheduler.plan(aside).empty());  // nobody answers: as much as fits
  EXPECT_FALSE(scheduler.aside());
}

TEST(Scheduler, ABudgetOfPromptsLeavesAnswersAlone) {
  Driver driver(10'000, 4, {8, 512});
  Driver::Job& answer = driver.add(1, 1000);
  driver.step();
  Driver::Job& long_one = driver.add(2000, 1, {.tenant = 1});
  Driver::Job& after = driver.add(20, 1, {.tenant = 1});  // waits for its tenant's first
  driver.add(50, 1, {.tenant = 2});
  driver.step({100, 10});
  EXPECT_EQ(answer.n_work, 2);
  EXPECT_EQ(long_one.n_work, 10);
  EXPECT_EQ(after.n_work, 0);
  EXPECT_EQ(driver.jobs()[3]->n_work, 50);
  driver.step({0, 0});
  EXPECT_EQ(answer.n_work, 3);
  EXPECT_EQ(long_one.n_work, 10);
  driver.cancel(answer);
  driver.step({1, 1});  // nobody answers: as much as fits
  EXPECT_EQ(long_one.n_work, 522);
}

}  // namespace
}  // namespace ondol::engine
