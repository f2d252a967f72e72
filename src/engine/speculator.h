// The engine's guesses: asks the drafters, weighs what they offer against what
// a step costs, and learns from what became of it.
//
// A draft model is asked for those sequences whose own text gives less to go by.
// How deep it is asked is chosen with what asking costs; both are measured.
//
// Owner: the engine. Threads: the engine thread only.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/draft_policy.h"
#include "engine/prompt_lookup.h"
#include "engine/speculation.h"
#include "engine/step_costs.h"

namespace ondol::engine {

/// A sequence whose next token the step will give.
struct GuessJob {
  std::uint64_t id = 0;
  std::span<const std::int32_t> tokens;       // all that are known
  std::span<const std::int32_t> stop_tokens;  // behind one of them nothing is guessed
  std::int64_t max_guesses = 0;               // may be none
  std::vector<std::int32_t>* guesses = nullptr;
};

class Speculator {
 public:
  using Now = std::function<std::chrono::steady_clock::time_point()>;

  /// draft_model may be null.
  Speculator(Speculation mode, std::unique_ptr<Drafter> draft_model,
             Now now = std::chrono::steady_clock::now);

  bool is_on() const { return mode_ != Speculation::kOff; }

  /// Sets the guesses of each job, `budget` in all at most. `is_plain`: all that the
  /// step computes beside them is one token for each job, so its time can be told
  /// from that of others; other steps get no guesses when these have to pay.
  void guess(std::span<const GuessJob> jobs, std::int64_t budget, bool is_plain);

  /// The step has run with so many guesses in all (some may have found no room).
  void ran(std::int64_t n_guesses, double ms);

  /// Of the n_guesses of this sequence in the step n_accepted were right.
  void verified(std::uint64_t id, std::int64_t n_guesses, std::int64_t n_accepted);

  void forget(std::uint64_t id);

 private:
  struct Record {
    Acceptance acceptance;
    Evidence evidence = Evidence::kMatch1;  // of the guesses under way
  };
  struct Plan {
    std::int64_t depth = 0;  // tokens that the draft model is asked for
    Choice choice;
  };

  void look_up(std::span<const GuessJob> jobs);
  bool prefers_draft_model(const DraftRequest& offer) const;
  Plan take_all(std::int64_t budget) const;
  Plan choose_plan(std::int64_t budget) const;
  Choice choose(std::int64_t depth, std::int64_t budget) const;
  void ask_draft_model(const Plan& plan);

  const Speculation mode_;
  const Now now_;
  PromptLookup lookup_;
  const std::unique_ptr<Drafter> draft_model_;
  std::unordered_map<std::uint64_t, Record> records_;
  StepCosts step_costs_;
  StepCosts draft_costs_;  // by sequences that it was asked for and depth

  // Of the step under way.
  std::vector<DraftRequest> offers_;  // [n_jobs] what may be guessed
  std::int64_t n_plain_ = 0;          // sequences of a plain step; 0: it is none
};

}  // namespace ondol::engine
