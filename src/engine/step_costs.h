// What a step takes on this machine, as measured while it runs: milliseconds by
// the number of sequences and of guesses. Sizes that were not measured lie
// on a line between those that were; beyond the largest they cost no more than it,
// so that they are tried once. What was measured long ago is forgotten: contexts
// grow and neighbours come and go.
//
// Pure bookkeeping, no clock. Owner: the speculator. Threads: the engine thread only.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <unordered_map>

#include "engine/speculation.h"

namespace ondol::engine {

class StepCosts {
 public:
  /// Samples after which a cost is forgotten, and sooner when it was seen less than kSamples times.
  static constexpr std::int64_t kKeep = 1024;
  static constexpr std::int64_t kKeepFew = 256;
  static constexpr int kSamples = 3;

  /// REQUIRES: 0 <= n_guesses <= kMaxStepGuesses.
  void add(std::int64_t n_sequences, std::int64_t n_guesses, double ms);

  /// nullopt as long as nothing is known of so many sequences without guesses.
  std::optional<double> of(std::int64_t n_sequences, std::int64_t n_guesses) const;

 private:
  struct Cost {
    std::array<double, kSamples> ms{};  // the last ones, in a ring
    std::int64_t n_seen = 0;
    std::int64_t seen_at = 0;
    double median() const;  // the lower one of two
  };
  using Row = std::array<Cost, kMaxStepGuesses + 1>;
  bool is_known(const Cost& cost) const;

  std::unordered_map<std::int64_t, Row> rows_;  // by n_sequences
  std::int64_t n_added_ = 0;
};

}  // namespace ondol::engine
