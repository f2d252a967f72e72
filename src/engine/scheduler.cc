#include "engine/scheduler.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/check.h"

namespace ondol::engine {

Scheduler::Scheduler(KvPages pages, Limits limits) : pages_(std::move(pages)), limits_(limits) {
  ONDOL_CHECK(limits.max_sequences > 0 && limits.max_batch_tokens >= limits.max_sequences);
}

void Scheduler::add(Sequence& sequence) {
  ONDOL_CHECK(sequence.state == Sequence::State::kIdle && !sequence.tokens.empty());
  sequence.state = Sequence::State::kWaiting;
  ONDOL_CHECK(waiting_.insert(&sequence).second);
}

void Scheduler::remove(Sequence& sequence) {
  ONDOL_CHECK(sequence.state != Sequence::State::kIdle);
  (sequence.state == Sequence::State::kRunning ? running_ : waiting_).erase(&sequence);
  pages_.release(sequence.pages);
  sequence.state = Sequence::State::kIdle;
  work_.clear();
}

std::span<const Work> Scheduler::plan() {
  grow_running();
  admit();
  assign_budget();
  return work_;
}

std::int64_t Scheduler::reserve(Sequence& sequence, std::int64_t n_guesses) {
  ONDOL_CHECK(sequence.state == Sequence::State::kRunning);
  const std::int64_t page_tokens = pages_.page_tokens();
  const std::int64_t n_own = std::ssize(sequence.pages) * page_tokens - sequence.n_known();
  const std::int64_t n = std::min(n_guesses, n_own + pages_.n_free() * page_tokens);
  ONDOL_CHECK(pages_.grow(sequence.pages, sequence.n_known() + n));
  return n;
}

void Scheduler::settle(Sequence& sequence) { pages_.shrink(sequence.pages, sequence.n_known()); }

void Scheduler::commit() {
  for (const Work& work : work_) work.sequence->n_computed += work.n_tokens;
  work_.clear();
}

// Those in front take from those at the back, never the other way round: when
// the walk comes to a sequence, all before it have their pages already.
void Scheduler::grow_running() {
  for (auto it = running_.begin(); it != running_.end();) {
    Sequence& sequence = **it;
    if (pages_.grow(sequence.pages, sequence.n_known())) {
      ++it;
      continue;
    }
    Sequence& last = **running_.rbegin();
    ONDOL_CHECK(running_.size() > 1);  // alone, each sequence fits
    if (&last == &sequence) it = running_.end();
    preempt(last);
  }
}

void Scheduler::preempt(Sequence& sequence) {
  running_.erase(&sequence);
  pages_.release(sequence.pages);
  sequence.n_computed = 0;
  sequence.state = Sequence::State::kWaiting;
  waiting_.insert(&sequence);
  ++n_preemptions_;
}

// Pages are taken for the whole prompt at once: two half-computed prompts that
// wait for each other's pages would only preempt each other. A sequence that
// would get no token of this step is left in line, where it holds no pages.
void Scheduler::admit() {
  while (!waiting_.empty() && n_running() < limits_.max_sequences) {
    Sequence& sequence = **waiting_.begin();
    std::int64_t n_ahead = 0;  // tokens of this step that go to others first
    for (const Sequence* other : running_) {
      const bool is_ahead = other->n_pending() == 1 || GoesFirst()(other, &sequence);
      if (is_ahead) n_ahead += other->n_pending();
    }
    if (n_ahead >= limits_.max_batch_tokens) return;
    if (!pages_.grow(sequence.pages, sequence.n_known() + 1)) return;
    waiting_.erase(waiting_.begin());
    running_.insert(&sequence);
    sequence.state = Sequence::State::kRunning;
  }
}

void Scheduler::assign_budget() {
  work_.clear();
  std::int64_t budget = limits_.max_batch_tokens;
  for (Sequence* sequence : running_) {
    if (sequence->n_pending() != 1) continue;
    work_.push_back({sequence, 1});
    --budget;
  }
  for (Sequence* sequence : running_) {
    if (budget == 0) return;
    if (sequence->n_pending() == 1) continue;
    const std::int64_t n_tokens = std::min(sequence->n_pending(), budget);
    work_.push_back({sequence, n_tokens});
    budget -= n_tokens;
  }
}

}  // namespace ondol::engine
