// For tests only: sequences and a scheduler without a model.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "engine/scheduler.h"

namespace ondol::engine {

// Sequences and a scheduler, driven as the engine drives them. It remembers what the
// slots of every page hold, and knows so when a sequence gets a page that is not its own.
class Driver {
 public:
  struct Job {
    Sequence sequence;
    std::int64_t n_prompt = 0;
    std::int64_t n_end = 0;   // known tokens at which it ends
    std::int64_t n_work = 0;  // tokens computed for it
    int started_at = -1;      // step of its first work
    int answered_at = -1;     // step that computed its prompt to the end
    int ended_at = -1;
    std::int32_t salt = 0;  // its tokens: salt + position; equal salts share a beginning
  };
  struct Kind {
    std::int32_t priority = 0;
    std::uint64_t tenant = 0;
    std::int32_t salt = 0;  // 0: its own
    std::int64_t n_stored_pages = 0;
  };

  Driver(std::int64_t n_pages, std::int64_t page_tokens, Scheduler::Limits limits)
      : limits_(limits),
        scheduler_(KvPages(n_pages, page_tokens), limits),
        slots_(static_cast<std::size_t>(n_pages * page_tokens), -1) {}

  Job& add(std::int64_t n_prompt, std::int64_t n_new, Kind kind) {
    auto job = std::make_unique<Job>();
    Sequence& sequence = job->sequence;
    sequence.id = jobs_.size() + 1;
    sequence.priority = kind.priority;
    sequence.tenant = kind.tenant;
    sequence.n_stored_pages = kind.n_stored_pages;
    job->salt =
        kind.salt != 0 ? kind.salt : 1'000'000 + 1000 * static_cast<std::int32_t>(sequence.id);
    job->n_prompt = n_prompt;
    job->n_end = n_prompt + n_new;
    for (std::int64_t i = 0; i < n_prompt; ++i) say(*job);
    scheduler_.add(sequence);
    by_sequence_[&sequence] = job.get();
    jobs_.push_back(std::move(job));
    return *jobs_.back();
  }
  Job& add(std::int64_t n_prompt, std::int64_t n_new, std::int32_t priority = 0) {
    return add(n_prompt, n_new, Kind{priority});
  }

  void cancel(Job& job) {
    scheduler_.remove(job.sequence);
    job.ended_at = n_steps_;
    check_pages();
  }

  /// One step with all invariants; answers its work.
  std::vector<Work> step(const PromptBudget& budget = {}) {
    const std::span<const Work> planned = scheduler_.plan(budget);
    const std::vector<Work> work(planned.begin(), planned.end());
    check_work(work);
    check_pages();
    for (const Work& w : work) compute(*w.sequence, w.n_tokens);
    scheduler_.commit();
    load_pages();
    for (const Work& w : work) finish_work(w);
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
  int n_steps() const { return n_steps_; }
  /// How many pages a load brings a step, and what share of loads ends early.
  int load_speed = 1;
  int loads_fail_after = 1 << 30;

 private:
  static void say(Job& job) {
    job.sequence.tokens.push_back(job.salt + static_cast<std::int32_t>(job.sequence.n_known()));
  }
  std::int32_t& slot(const Sequence& s, std::int64_t position) {
    const std::int64_t page_tokens = scheduler_.pages().page_tokens();
    const std::int32_t page = s.pages[static_cast<std::size_t>(position / page_tokens)];
    return slots_[static_cast<std::size_t>(page * page_tokens + position % page_tokens)];
  }
  void compute(Sequence& s, std::int64_t n_tokens) {
    by_sequence_.at(&s)->n_work += n_tokens;
    write(s, n_tokens);
  }
  void write(Sequence& s, std::int64_t n_tokens) {
    for (std::int64_t i = s.n_computed; i < s.n_computed + n_tokens; ++i) {
      slot(s, i) = s.tokens[static_cast<std::size_t>(i)];
    }
  }
  void finish_work(const Work& w) {
    Job& job = *by_sequence_.at(w.sequence);
    if (job.started_at < 0) job.started_at = n_steps_;
    if (w.sequence->n_pending() > 0) return;
    if (job.answered_at < 0) job.answered_at = n_steps_;
    say(job);
    if (w.sequence->n_known() < job.n_end) return;
    scheduler_.remove(*w.sequence);
    job.ended_at = n_steps_;
  }
  void load_pages() {
    for (const auto& job : jobs_) {
      Sequence& s = job->sequence;
      for (int i = 0; i < load_speed && s.state == Sequence::State::kLoading; ++i) {
        const std::int64_t page = s.n_computed / scheduler_.pages().page_tokens();
        if (page == s.n_stored_pages || page == loads_fail_after) {
          scheduler_.finish_loading(s);
        } else {
          write(s, scheduler_.pages().page_tokens());
          scheduler_.page_loaded(s);
        }
      }
    }
  }

  void check_work(const std::vector<Work>& work) {
    const bool any_loads = std::any_of(jobs_.begin(), jobs_.end(), [](const auto& job) {
      return job->sequence.state == Sequence::State::kLoading;
    });
    // No step without progress.
    ASSERT_TRUE(!work.empty() || n_open() == 0 || any_loads);
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
    // Whoever lacks one token gets it, and everybody's pages hold what they computed.
    for (const auto& job : jobs_) {
      Sequence& s = job->sequence;
      if (s.state == Sequence::State::kRunning && s.n_pending() == 1 && job->answered_at >= 0 &&
          s.n_reached == s.n_computed) {
        ASSERT_TRUE(seen.contains(&s));
      }
      for (std::int64_t i = 0; i < s.n_computed && s.has_pages(); ++i) {
        ASSERT_EQ(slot(s, i), s.tokens[static_cast<std::size_t>(i)]);
      }
    }
  }

  void check_pages() const {
    const KvPages& pages = scheduler_.pages();
    std::set<std::int32_t> owned;
    for (const auto& job : jobs_) {
      const Sequence& s = job->sequence;
      if (!s.has_pages()) {
        ASSERT_TRUE(s.pages.empty());
        ASSERT_TRUE(s.state == Sequence::State::kIdle || s.n_computed == 0);
      }
      for (const std::int32_t page : s.pages) {
        ASSERT_TRUE(page >= 0 && page < pages.n_pages());
        const bool is_new = owned.insert(page).second;
        ASSERT_TRUE(is_new || pages.is_published(page)) << "page " << page << " has two owners";
      }
      ASSERT_TRUE(std::set<std::int32_t>(s.pages.begin(), s.pages.end()).size() == s.pages.size());
    }
    ASSERT_EQ(static_cast<std::int64_t>(owned.size()), pages.n_used());
    ASSERT_LE(pages.n_used() + pages.n_free(), pages.n_pages());
  }

  Scheduler::Limits limits_;
  Scheduler scheduler_;
  std::vector<std::unique_ptr<Job>> jobs_;
  std::map<const Sequence*, Job*> by_sequence_;
  std::vector<std::int32_t> slots_;  // the token that each slot of the cache was computed for
  int n_steps_ = 0;
};

}  // namespace ondol::engine
