// Speculation: tokens are guessed ahead of the model, and one forward pass looks
// at several of them together. The sampler then picks token after token exactly
// as without guesses; a guess only decides whether the next row of logits is
// there already. So what a request says never depends on what was guessed, nor
// on whether anything was.
//
// A Drafter makes guesses. prompt_lookup.h finds them in the sequence itself,
// draft_model.h asks a smaller model; speculator.h decides how many to take.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ondol::engine {

enum class Speculation : std::uint8_t {
  kOff,
  kAlways,      // every guess that there is and room for
  kWhenItPays,  // as many as measured costs and acceptance make worth while
};

/// Guesses of one sequence in one step. More rarely pays: a chance of 0.8 for each
/// leaves 0.17 for the eighth.
inline constexpr std::int64_t kMaxGuesses = 8;
/// Of all sequences in one step: each is a row of logits, n_vocab floats.
inline constexpr std::int64_t kMaxStepGuesses = 32;

/// What a guess rests on; acceptance is measured for each apart.
enum class Evidence : std::uint8_t {
  kMatch1,  // the last token occurred before, the one before it differs
  kMatch2,
  kMatch3,
  kMatch4,  // 4 to 7 tokens in a row
  kMatch8,  // 8 or more
  kDraftModel,
};
inline constexpr std::size_t kEvidenceKinds = 6;

struct DraftRequest {
  // In.
  std::uint64_t id = 0;                  // of the sequence
  std::span<const std::int32_t> tokens;  // all that are known; not empty
  std::int64_t n_wanted = 0;             // 0 to kMaxGuesses
  // Out.
  std::vector<std::int32_t> guesses;  // what may follow `tokens`, n_wanted at most
  Evidence evidence = Evidence::kMatch1;
};

/// Keeps what it needs of each sequence by its id. Between two calls a sequence's
/// tokens only grow. Threads: the engine thread only.
class Drafter {
 public:
  virtual ~Drafter() = default;
  /// Fills in the guesses, none where there is nothing to go by. One request a sequence.
  virtual void propose(std::span<DraftRequest> requests) = 0;
  /// The sequence has ended. Ids that were never seen are fine.
  virtual void forget(std::uint64_t id) = 0;
};

}  // namespace ondol::engine
