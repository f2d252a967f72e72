#include "engine/step_costs.h"

#include <algorithm>

#include "base/check.h"

namespace ondol::engine {

// Of three the median: one step that something else held up changes nothing.
double StepCosts::Cost::median() const {
  const auto& [a, b, c] = ms;
  if (n_seen == 1) return a;
  if (n_seen == 2) return std::min(a, b);
  return std::max(std::min(a, b), std::min(std::max(a, b), c));
}

void StepCosts::add(std::int64_t n_sequences, std::int64_t n_guesses, double ms) {
  ONDOL_CHECK(n_guesses >= 0 && n_guesses <= kMaxStepGuesses);
  Cost& cost = rows_[n_sequences][static_cast<std::size_t>(n_guesses)];
  if (!is_known(cost)) cost = {};
  cost.ms[static_cast<std::size_t>(cost.n_seen % kSamples)] = ms;
  ++cost.n_seen;
  cost.seen_at = ++n_added_;
}

bool StepCosts::is_known(const Cost& cost) const {
  if (cost.n_seen == 0) return false;
  return n_added_ - cost.seen_at < (cost.n_seen < kSamples ? kKeepFew : kKeep);
}

std::optional<double> StepCosts::of(std::int64_t n_sequences, std::int64_t n_guesses) const {
  const auto found = rows_.find(n_sequences);
  if (found == rows_.end() || !is_known(found->second[0])) return std::nullopt;
  const Row& row = found->second;
  const auto wanted = static_cast<std::size_t>(n_guesses);
  std::size_t below = wanted;
  while (!is_known(row[below])) --below;
  std::size_t above = wanted;
  while (above < row.size() && !is_known(row[above])) ++above;
  const double low = row[below].median();
  if (above == below || above == row.size()) return low;
  const double share = static_cast<double>(wanted - below) / static_cast<double>(above - below);
  return low + share * (row[above].median() - low);
}

}  // namespace ondol::engine
