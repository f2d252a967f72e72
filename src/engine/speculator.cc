#include "engine/speculator.h"

#include <algorithm>
#include <utility>

namespace ondol::engine {

Speculator::Speculator(Speculation mode, std::unique_ptr<Drafter> draft_model, Now now)
    : mode_(mode), now_(std::move(now)), draft_model_(std::move(draft_model)) {}

void Speculator::guess(std::span<const GuessJob> jobs, std::int64_t budget, bool is_plain) {
  n_plain_ = is_plain ? std::ssize(jobs) : 0;
  for (const GuessJob& job : jobs) job.guesses->clear();
  if (!is_on()) return;
  for (const GuessJob& job : jobs) records_[job.id].acceptance.fade();
  budget = std::min(budget, kMaxStepGuesses);
  if (budget <= 0 || jobs.empty()) return;

  Plan plan;
  if (mode_ == Speculation::kAlways) {
    look_up(jobs);
    plan = take_all(budget);
  } else {
    // What a step costs without guesses comes first: there is nothing to compare with yet.
    if (!step_costs_.of(n_plain_, 0)) return;
    look_up(jobs);
    plan = choose_plan(budget);
  }
  if (plan.depth > 0) ask_draft_model(plan);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    std::vector<std::int32_t>& guesses = offers_[i].guesses;
    const auto n = static_cast<std::size_t>(plan.choice.n_guesses[i]);
    guesses.resize(std::min(guesses.size(), n));
    const auto& stops = jobs[i].stop_tokens;
    guesses.erase(std::ranges::find_first_of(guesses, stops), guesses.end());
    records_[jobs[i].id].evidence = offers_[i].evidence;
    *jobs[i].guesses = std::move(guesses);
  }
}

void Speculator::look_up(std::span<const GuessJob> jobs) {
  offers_.clear();
  for (const GuessJob& job : jobs) {
    const std::int64_t n_wanted = std::clamp<std::int64_t>(job.max_guesses, 0, kMaxGuesses);
    offers_.push_back({job.id, job.tokens, n_wanted, {}, Evidence::kMatch1});
  }
  lookup_.propose(offers_);
}

// Whether the draft model is to be asked in place of what the text offers.
bool Speculator::prefers_draft_model(const DraftRequest& offer) const {
  if (!draft_model_ || offer.n_wanted == 0) return false;
  if (offer.guesses.empty()) return true;
  const Acceptance& acceptance = records_.at(offer.id).acceptance;
  return acceptance.of(Evidence::kDraftModel) > acceptance.of(offer.evidence);
}

Speculator::Plan Speculator::take_all(std::int64_t budget) const {
  Plan plan;
  for (const DraftRequest& offer : offers_) {
    const bool asks = prefers_draft_model(offer);
    const std::int64_t n_there = asks ? offer.n_wanted : std::ssize(offer.guesses);
    const std::int64_t n = std::min(n_there, budget);
    plan.choice.n_guesses.push_back(n);
    if (asks) plan.depth = std::max(plan.depth, n);
    budget -= n;
  }
  return plan;
}

Speculator::Plan Speculator::choose_plan(std::int64_t budget) const {
  Plan best{0, choose(0, budget)};
  if (std::ranges::none_of(offers_, [&](const auto& o) { return prefers_draft_model(o); })) {
    return best;
  }
  for (std::int64_t depth = 1; depth <= kMaxGuesses; ++depth) {
    Choice choice = choose(depth, budget);
    if (choice.tokens_per_ms > best.choice.tokens_per_ms) best = {depth, std::move(choice)};
  }
  return best;
}

// With depth 0 everyone keeps to the own text.
Choice Speculator::choose(std::int64_t depth, std::int64_t budget) const {
  std::vector<Chance> chances;
  std::int64_t n_asked = 0;
  for (const DraftRequest& offer : offers_) {
    const bool asks = depth > 0 && prefers_draft_model(offer);
    const Evidence evidence = asks ? Evidence::kDraftModel : offer.evidence;
    const std::int64_t n_tokens =
        asks ? std::min(depth, offer.n_wanted) : std::ssize(offer.guesses);
    chances.push_back({records_.at(offer.id).acceptance.of(evidence), n_tokens});
    if (asks) ++n_asked;
  }
  const double draft_ms = depth > 0 ? draft_costs_.of(n_asked, depth).value_or(0) : 0;
  return choose_guesses(chances, budget, [&](std::int64_t n_guesses) {
    return *step_costs_.of(n_plain_, n_guesses) + draft_ms;
  });
}

void Speculator::ask_draft_model(const Plan& plan) {
  std::vector<DraftRequest> asked;
  std::vector<DraftRequest*> askers;
  for (std::size_t i = 0; i < offers_.size(); ++i) {
    if (plan.choice.n_guesses[i] == 0 || !prefers_draft_model(offers_[i])) continue;
    asked.push_back({offers_[i].id, offers_[i].tokens, plan.choice.n_guesses[i], {}, {}});
    askers.push_back(&offers_[i]);
  }
  const auto start = now_();
  draft_model_->propose(asked);
  const std::chrono::duration<double, std::milli> took = now_() - start;
  std::int64_t depth = 0;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    if (asked[i].guesses.empty()) continue;
    depth = std::max(depth, std::ssize(asked[i].guesses));
    askers[i]->guesses = std::move(asked[i].guesses);
    askers[i]->evidence = Evidence::kDraftModel;
  }
  if (depth == 0) return;  // it only caught up
  draft_costs_.add(std::ssize(asked), 0, 0);
  draft_costs_.add(std::ssize(asked), depth, took.count());
}

void Speculator::ran(std::int64_t n_guesses, double ms) {
  if (is_on() && n_plain_ > 0) step_costs_.add(n_plain_, n_guesses, ms);
}

void Speculator::verified(std::uint64_t id, std::int64_t n_guesses, std::int64_t n_accepted) {
  Record& record = records_.at(id);
  record.acceptance.add(record.evidence, n_guesses, n_accepted);
}

void Speculator::forget(std::uint64_t id) {
  records_.erase(id);
  lookup_.forget(id);
  if (draft_model_) draft_model_->forget(id);
}

}  // namespace ondol::engine
