// Prompt lookup (Saxena 2023; Yang et al. 2023, "Inference with Reference"): what
// followed the last time when the text stood as it stands now. Answers that
// repeat, quote or edit their prompt are guessed well and at no cost.
//
// The last kMaxMatch tokens, or the most of them that occurred before, are looked
// up in a hash index of the sequence; the latest occurrence counts. The index
// grows with the sequence: O(1) a token in time and at most 64 bytes in memory.
// It holds positions only, the text itself is the key, so a collision of hashes
// never makes a match.
//
// Owner: the speculator. Threads: the engine thread only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/speculation.h"

namespace ondol::engine {

/// Where each run of n tokens in a text occurred last.
class NgramIndex {
 public:
  explicit NgramIndex(std::size_t n) : n_(n) {}

  /// Notes the run that ends before position `end`. REQUIRES: n <= end <= text.size(),
  /// and the text so far is that of earlier calls.
  void insert(std::span<const std::int32_t> text, std::size_t end);

  /// The end of the run that equals the last n tokens of the text; 0 when there is
  /// none. REQUIRES: as insert().
  std::size_t find(std::span<const std::int32_t> text) const;

 private:
  // Who fills slots near each other on purpose makes a lookup no slower than this;
  // a run that finds no slot takes that of another, which is then no longer found.
  static constexpr std::size_t kMaxProbes = 32;

  std::size_t home(std::span<const std::int32_t> text, std::size_t end) const;
  std::size_t slot_of(std::span<const std::int32_t> text, std::size_t end) const;
  bool equal(std::span<const std::int32_t> text, std::size_t a, std::size_t b) const;
  void grow(std::span<const std::int32_t> text);

  std::size_t n_;
  std::size_t n_used_ = 0;
  std::vector<std::uint32_t> slots_;  // open addressing, size a power of two: ends, 0 is free
};

class PromptLookup : public Drafter {
 public:
  static constexpr std::size_t kMaxMatch = 4;

  void propose(std::span<DraftRequest> requests) override;
  void forget(std::uint64_t id) override { texts_.erase(id); }

 private:
  struct Text {
    std::array<NgramIndex, kMaxMatch> indices = {NgramIndex(1), NgramIndex(2), NgramIndex(3),
                                                 NgramIndex(4)};
    std::size_t n_indexed = 0;  // runs that end here or before are noted
  };
  static void update(Text& text, std::span<const std::int32_t> tokens);
  static void propose(const Text& text, DraftRequest& request);

  std::unordered_map<std::uint64_t, Text> texts_;
};

}  // namespace ondol::engine
