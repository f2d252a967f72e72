// The filters of sampling: each keeps the tokens that a rule selects. None sorts
// the vocabulary: a rule comes down to one last token that is kept, found by a
// heap (top-k) or by selection on probability mass (top-p, typical) in linear
// expected time.
//
// Candidates stand in the order of token ids before and after, so that sums and
// the draw do not depend on how a selection went. Ties in logit go to the lower
// id. Pure functions; the scratch is reused between calls.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace ondol::engine {

struct Candidate {
  std::int32_t token = 0;
  float logit = 0;    // finite
  double weight = 0;  // exp(logit - the largest logit), not normalised
};

/// An item of a selection: a smaller key is better, ties go to the lower token.
struct Ranked {
  double key = 0;
  std::int32_t token = 0;
  double weight = 0;
};

struct FilterScratch {
  std::vector<Ranked> ranked;
};

/// The candidates among logits [n_vocab] that are not -infinity and, for top_k > 0,
/// the top_k best of these. `max_logit` is the largest. Weights are not set.
void collect_candidates(std::span<const float> logits, std::int32_t top_k,
                        std::vector<Candidate>& candidates, FilterScratch& scratch);

/// Sets the weights. REQUIRES: not empty.
void set_weights(std::vector<Candidate>& candidates);

/// The smallest set of the most probable tokens whose mass is at least top_p
/// (Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration").
void keep_top_p(std::vector<Candidate>& candidates, double top_p, FilterScratch& scratch);

/// The smallest set, of mass at least typical_p, of the tokens whose information
/// is closest to the entropy (Meister et al. 2023, "Locally Typical Sampling").
void keep_typical(std::vector<Candidate>& candidates, double typical_p, FilterScratch& scratch);

/// Tokens at least min_p times as probable as the most probable one.
void keep_min_p(std::vector<Candidate>& candidates, double min_p);

/// Reorders `items`; the last item of the shortest prefix, in order, whose
/// weights sum to `mass` or more; the very last when none does. REQUIRES: not empty.
Ranked select_by_mass(std::span<Ranked> items, double mass);

}  // namespace ondol::engine
