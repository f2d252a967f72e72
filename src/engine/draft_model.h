// A smaller model of the same vocabulary says what the large one may say next: its
// likeliest token, up to n_wanted in a row, for all sequences of a step together.
//
// It keeps keys and values of its own. What it computed for tokens that turned out
// otherwise is written over; a sequence that is new to it is caught up on in
// pieces, one a call, and gets no guesses until then. When pages run short, sequences
// that are not asked about lose theirs first; who then still finds none is not guessed for.
//
// Owner: the speculator. Threads: the engine thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "engine/kv_pages.h"
#include "engine/speculation.h"
#include "model/model.h"

namespace ondol::engine {

class DraftModel : public Drafter {
 public:
  struct Options {
    std::int64_t n_vocab = 0;    // of the model it guesses for
    std::int64_t kv_tokens = 0;  // room for so many, of all sequences
    DType kv_dtype = DType::kF16;
  };

  /// The device must outlive it. Allocates the KV cache. Errors: kInvalidArgument
  /// when the vocabularies differ in size, kUnsupported (kv_dtype), kOutOfMemory.
  static Result<std::unique_ptr<DraftModel>> create(std::unique_ptr<model::Model> model,
                                                    device::Device& device, const Options& options);

  void propose(std::span<DraftRequest> requests) override;
  void forget(std::uint64_t id) override;
  std::uint64_t kv_bytes() const { return kv_bytes_; }

 private:
  static constexpr std::int64_t kPageTokens = 32;
  static constexpr std::int64_t kCatchUpTokens = 256;  // of a call: it holds up the step

  struct State {
    std::vector<std::int32_t> tokens;  // computed
    std::vector<std::int32_t> pages;
    std::uint64_t asked_at = 0;  // the call
    std::int64_t n_known = 0;    // the first of `tokens` that were so in the last call
  };
  // A request that this call works on.
  struct Job {
    DraftRequest* request;
    State* state;
    std::int64_t n_wanted;
  };

  DraftModel(std::unique_ptr<model::Model> model, device::Device& device,
             std::unique_ptr<device::KvCache> cache, std::uint64_t kv_bytes, std::int64_t n_pages);
  bool prepare(DraftRequest& request, Job& job);
  bool make_room(State& state, std::int64_t n_tokens);
  void release(State& state);
  void catch_up(std::span<const Job> jobs);
  void extend();
  void append(State& state, std::span<const std::int32_t> tokens, bool wants_logits);
  std::span<const float> run();

  const std::unique_ptr<model::Model> model_;
  device::Device& device_;
  const std::unique_ptr<device::KvCache> cache_;
  const std::uint64_t kv_bytes_;
  KvPages pages_;
  std::unordered_map<std::uint64_t, State> states_;
  std::uint64_t n_calls_ = 0;
  std::vector<Job> ready_;  // whose next token the batch at hand will give

  // One pass's batch. [n_tokens] but where said.
  std::vector<std::int32_t> tokens_;
  std::vector<std::int32_t> positions_;
  std::vector<std::int32_t> slots_;
  std::vector<device::AttentionSequence> sequences_;  // [n_sequences]
  std::vector<std::int32_t> logit_rows_;
};

}  // namespace ondol::engine
