// How many guesses are worth their rows. Pure functions and plain data: the
// numbers come from speculator.h, so that decisions are tested without a clock.
//
// With a chance p that a guess is right, and each guess of a sequence counting
// only if those before it are, the j-th adds p^j tokens to a step (Leviathan et
// al. 2023, section 3.1). A step is chosen that gives the most tokens a millisecond.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/speculation.h"

namespace ondol::engine {

/// The share of guesses that turned out right, of one sequence, by evidence. The
/// last steps count most; what is long past gives way to what is usual, so
/// that guesses which failed are tried again after a while.
class Acceptance {
 public:
  double of(Evidence evidence) const;
  /// A step of the sequence has passed.
  void fade();
  /// n_accepted of n_guesses were right: the first wrong one is the last that says anything.
  void add(Evidence evidence, std::int64_t n_guesses, std::int64_t n_accepted);

 private:
  std::array<double, kEvidenceKinds> n_right_{};
  std::array<double, kEvidenceKinds> n_tried_{};
};

/// What could be guessed for one sequence of a step.
struct Chance {
  double acceptance = 0;      // of each guess, given those before it
  std::int64_t n_tokens = 0;  // there are so many
};

struct Choice {
  std::vector<std::int64_t> n_guesses;  // [n_chances]
  double tokens_per_ms = 0;             // as expected
};

/// REQUIRES: budget >= 0; step_ms(n) > 0 is what a step with n guesses in all takes.
/// No guess is chosen unless the gain is a few per cent.
Choice choose_guesses(std::span<const Chance> chances, std::int64_t budget,
                      const std::function<double(std::int64_t)>& step_ms);

}  // namespace ondol::engine
