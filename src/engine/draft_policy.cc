#include "engine/draft_policy.h"

#include <algorithm>

namespace ondol::engine {
namespace {

// Less than this lies in the noise of what steps take.
constexpr double kLeastGain = 1.03;
// What was counted before weighs so much less with each look at new guesses: a text that
// turns from one kind to another is noticed within a few steps.
constexpr double kKeepPerLook = 0.7;
// And with each step: guesses that failed are tried again after some 70 steps.
constexpr double kKeepPerStep = 0.99;
// What is usual weighs as much as so many guesses.
constexpr double kUsualWeight = 1.5;
// By evidence: what to expect of a sequence of which nothing is known yet.
constexpr std::array<double, kEvidenceKinds> kUsual = {0.15, 0.3, 0.5, 0.65, 0.8, 0.6};

struct Guess {
  double gain = 0;         // expected tokens
  std::size_t chance = 0;  // whose
  std::size_t number = 0;  // among all
};

}  // namespace

double Acceptance::of(Evidence evidence) const {
  const auto i = static_cast<std::size_t>(evidence);
  return (n_right_[i] + kUsual[i] * kUsualWeight) / (n_tried_[i] + kUsualWeight);
}

void Acceptance::fade() {
  for (double& n : n_right_) n *= kKeepPerStep;
  for (double& n : n_tried_) n *= kKeepPerStep;
}

void Acceptance::add(Evidence evidence, std::int64_t n_guesses, std::int64_t n_accepted) {
  const auto i = static_cast<std::size_t>(evidence);
  const std::int64_t n_tried = std::min(n_accepted + 1, n_guesses);
  n_right_[i] = kKeepPerLook * n_right_[i] + static_cast<double>(n_accepted);
  n_tried_[i] = kKeepPerLook * n_tried_[i] + static_cast<double>(n_tried);
}

Choice choose_guesses(std::span<const Chance> chances, std::int64_t budget,
                      const std::function<double(std::int64_t)>& step_ms) {
  std::vector<Guess> guesses;
  for (std::size_t i = 0; i < chances.size(); ++i) {
    double gain = 1;
    for (std::int64_t j = 0; j < chances[i].n_tokens; ++j) {
      guesses.push_back({gain *= chances[i].acceptance, i, guesses.size()});
    }
  }
  // Gains of one sequence fall (or stay), so the best n guesses hold no guess
  // without those before it: of equal ones the earlier comes first.
  std::sort(guesses.begin(), guesses.end(), [](const Guess& a, const Guess& b) {
    return a.gain != b.gain ? a.gain > b.gain : a.number < b.number;
  });
  guesses.resize(std::min(guesses.size(), static_cast<std::size_t>(budget)));

  double n_tokens = static_cast<double>(chances.size());
  Choice choice{std::vector<std::int64_t>(chances.size()), n_tokens / step_ms(0)};
  double best = choice.tokens_per_ms * kLeastGain;
  std::size_t n_best = 0;
  for (std::size_t n = 1; n <= guesses.size(); ++n) {
    n_tokens += guesses[n - 1].gain;
    const double rate = n_tokens / step_ms(static_cast<std::int64_t>(n));
    if (rate <= best) continue;
    best = choice.tokens_per_ms = rate;
    n_best = n;
  }
  for (std::size_t n = 0; n < n_best; ++n) ++choice.n_guesses[guesses[n].chance];
  return choice;
}

}  // namespace ondol::engine
