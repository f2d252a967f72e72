#include "engine/scheduler.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "base/check.h"
#include "engine/page_sharing.h"

namespace ondol::engine {

Scheduler::Scheduler(KvPages pages, Limits limits) : pages_(std::move(pages)), limits_(limits) {
  ONDOL_CHECK(limits.max_sequences > 0 && limits.max_batch_tokens >= limits.max_sequences);
}

void Scheduler::add(Sequence& sequence) {
  ONDOL_CHECK(sequence.state == Sequence::State::kIdle && !sequence.tokens.empty());
  sequence.state = Sequence::State::kWaiting;
  line_.open(sequence.tenant);
  line_.insert(sequence);
}

void Scheduler::remove(Sequence& sequence) {
  ONDOL_CHECK(sequence.state != Sequence::State::kIdle);
  if (sequence.has_pages()) {
    running_.erase(&sequence);
    line_.stop(sequence.tenant);
  } else {
    line_.erase(sequence);
  }
  line_.close(sequence.tenant);
  pages_.release(sequence.pages);
  sequence.state = Sequence::State::kIdle;
  work_.clear();
  to_load_.clear();
}

std::span<const Work> Scheduler::plan(PromptBudget budget) {
  work_.clear();
  aside_.reset();
  to_load_.clear();
  in_flight_.clear();
  published_.clear();
  grow_running();
  assign_answers();
  if (budget.answers_only) return work_;
  if (work_.empty()) budget = {};  // nobody to keep a pace for
  assign_prompts(budget);
  if (budget.sets_long_aside) set_long_aside();
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

// One of them; others are planned again with the next step.
void Scheduler::set_long_aside() {
  const auto is_long = [](const Work& work) {
    return work.sequence->is_long && work.sequence->n_pending() > 1;
  };
  const auto it = std::find_if(work_.begin(), work_.end(), is_long);
  if (it == work_.end()) return;
  aside_ = *it;
  std::erase_if(work_, is_long);
}

void Scheduler::commit() {
  for (const Work& work : work_) commit(work);
  work_.clear();
}

void Scheduler::commit(const Work& work) {
  line_.charge(work.sequence->tenant, work.n_tokens);
  advance(*work.sequence, work.n_tokens);
}

void Scheduler::advance(Sequence& sequence, std::int64_t n_tokens) {
  const std::int64_t before = sequence.n_computed;
  sequence.n_computed += n_tokens;
  sequence.n_reached = std::max(sequence.n_reached, sequence.n_computed);
  const std::vector<std::int32_t> published = publish_pages(pages_, sequence, before);
  published_.insert(published_.end(), published.begin(), published.end());
}

std::vector<std::int32_t> Scheduler::take_published() { return std::exchange(published_, {}); }

void Scheduler::page_loaded(Sequence& sequence) {
  ONDOL_CHECK(sequence.state == Sequence::State::kLoading);
  const std::int64_t before = sequence.n_reached;
  advance(sequence, pages_.page_tokens());
  sequence.n_reused += sequence.n_reached - before;
}

void Scheduler::finish_loading(Sequence& sequence) {
  ONDOL_CHECK(sequence.state == Sequence::State::kLoading);
  sequence.state = Sequence::State::kRunning;
  sequence.n_stored_pages = sequence.n_computed / pages_.page_tokens();  // ask no second time
}

std::int64_t Scheduler::n_answering() const {
  return std::count_if(running_.begin(), running_.end(), [](const Sequence* sequence) {
    return sequence->state == Sequence::State::kRunning && sequence->n_pending() == 1;
  });
}

std::int64_t Scheduler::prompt_depth() const {
  std::int64_t depth = 0;
  for (const Sequence* sequence : running_) {
    if (sequence->n_pending() > 1) depth = std::max(depth, sequence->n_computed);
  }
  return depth;
}

void Scheduler::grow_running() {
  const std::vector<Sequence*> order(running_.begin(), running_.end());
  for (Sequence* sequence : order) {
    while (sequence->has_pages() && !pages_.grow(sequence->pages, sequence->n_known())) {
      ONDOL_CHECK(running_.size() > 1);  // alone, each sequence fits
      preempt(*find_victim(std::numeric_limits<std::int32_t>::max(), 1));
    }
  }
}

// Of the lowest priority up to max_priority, of the tenant with most running
// sequences there (min_running at least), the last; null if there is none.
Sequence* Scheduler::find_victim(std::int32_t max_priority, std::int64_t min_running) const {
  for (auto it = running_.rbegin(); it != running_.rend();) {
    const std::int32_t priority = (*it)->priority;
    std::map<std::uint64_t, std::pair<std::int64_t, Sequence*>> by_tenant;  // count and last
    for (; it != running_.rend() && (*it)->priority == priority; ++it) {
      ++by_tenant.try_emplace((*it)->tenant, 0, *it).first->second.first;
    }
    if (priority > max_priority) return nullptr;
    const auto most = std::max_element(by_tenant.begin(), by_tenant.end(), [](auto& a, auto& b) {
      return std::tie(a.second.first, a.second.second->rank) <
             std::tie(b.second.first, b.second.second->rank);
    });
    if (most->second.first >= min_running) return most->second.second;
  }
  return nullptr;
}

void Scheduler::preempt(Sequence& sequence) {
  running_.erase(&sequence);
  line_.stop(sequence.tenant);
  pages_.release(sequence.pages);
  sequence.n_computed = 0;
  sequence.state = Sequence::State::kWaiting;
  line_.insert(sequence);
  std::erase_if(work_, [&](const Work& work) { return work.sequence == &sequence; });
  std::erase(to_load_, &sequence);
  ++n_preemptions_;
}

void Scheduler::assign_answers() {
  for (Sequence* sequence : running_) {
    if (sequence->state == Sequence::State::kLoading) {
      note_in_flight(*sequence, sequence->n_stored_pages * pages_.page_tokens());
    } else if (sequence->n_pending() == 1) {
      work_.push_back({sequence, 1});
    }
  }
}

void Scheduler::assign_prompts(PromptBudget budget) {
  budget.in_all = std::min(budget.in_all, limits_.max_batch_tokens - std::ssize(work_));
  Turns turns;
  for (const Work& work : work_) turns.had.insert(work.sequence);
  while (budget.in_all > 0) {
    Sequence* sequence = next_prompt(turns);
    if (sequence == nullptr) return;
    if (sequence->state == Sequence::State::kWaiting && !try_admit(*sequence)) {
      turns.admits = false;
      continue;
    }
    turns.had.insert(sequence);
    if (!prepare_prompt(*sequence)) continue;
    const std::int64_t most =
        sequence->is_long ? std::min(budget.of_long, budget.in_all) : budget.in_all;
    const std::int64_t n_tokens = std::min(sequence->n_pending(), most);
    if (n_tokens < sequence->n_pending()) turns.is_cut.insert(sequence->tenant);
    if (n_tokens == 0) continue;
    note_in_flight(*sequence, sequence->n_computed + n_tokens);
    work_.push_back({sequence, n_tokens});
    turns.given[sequence->tenant] += static_cast<std::uint64_t>(n_tokens);
    budget.in_all -= n_tokens;
    if (sequence->is_long) budget.of_long -= n_tokens;
  }
}

// The next in turn of those in line and of the running prompts.
Sequence* Scheduler::next_prompt(const Turns& turns) const {
  Sequence* next = turns.admits ? line_.first(turns.given, turns.is_cut) : nullptr;
  for (Sequence* sequence : running_) {
    if (sequence->state == Sequence::State::kLoading || turns.had.contains(sequence) ||
        turns.is_cut.contains(sequence->tenant)) {
      continue;
    }
    if (next == nullptr || line_.goes_before(*sequence, *next, turns.given)) next = sequence;
  }
  return next;
}

// False if it does not compute in this step: its next page comes from elsewhere.
bool Scheduler::prepare_prompt(Sequence& sequence) {
  share_pages(pages_, sequence);
  if (stands_at_shareable_page(sequence, pages_.page_tokens())) {
    const std::int64_t i = sequence.n_computed / pages_.page_tokens();
    if (in_flight_.contains(key_of_page(sequence, i, pages_.page_tokens()))) return false;
    if (i < sequence.n_stored_pages) {
      sequence.state = Sequence::State::kLoading;
      to_load_.push_back(&sequence);
      note_in_flight(sequence, sequence.n_stored_pages * pages_.page_tokens());
      return false;
    }
  }
  if (!sequence.is_begun) sequence.is_long = sequence.n_pending() > kShortPrompt;
  sequence.is_begun = true;
  return true;
}

// Pages from n_computed on that are full when `until` tokens are computed.
void Scheduler::note_in_flight(Sequence& sequence, std::int64_t until) {
  if (!sequence.shares_pages) return;
  const std::int64_t page_tokens = pages_.page_tokens();
  for (std::int64_t i = sequence.n_computed / page_tokens; i < until / page_tokens; ++i) {
    in_flight_.insert(key_of_page(sequence, i, page_tokens));
  }
}

bool Scheduler::try_admit(Sequence& sequence) {
  for (;;) {
    if (n_running() < limits_.max_sequences && admit(sequence)) return true;
    const bool runs_any = line_.n_running(sequence.tenant) > 0;
    Sequence* victim = runs_any ? nullptr : find_victim(sequence.priority, 2);
    if (victim == nullptr) return false;
    preempt(*victim);
  }
}

// Pages are taken for the whole prompt at once: two half-computed prompts that
// wait for each other's pages would only preempt each other.
bool Scheduler::admit(Sequence& sequence) {
  const std::int64_t n_reached = sequence.n_reached;
  const std::int64_t n_reused = sequence.n_reused;
  share_pages(pages_, sequence);
  if (!pages_.grow(sequence.pages, sequence.n_known() + 1)) {
    pages_.release(sequence.pages);
    sequence.n_computed = 0;
    sequence.n_reached = n_reached;
    sequence.n_reused = n_reused;
    return false;
  }
  line_.erase(sequence);
  line_.start(sequence.tenant);
  if (sequence.rank == 0) sequence.rank = ++last_rank_;
  running_.insert(&sequence);
  sequence.state = Sequence::State::kRunning;
  sequence.is_begun = false;
  return true;
}

}  // namespace ondol::engine
