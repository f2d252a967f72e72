// The engine thread's side: it alone owns sequences, pages, scheduler and random
// states. One turn: take the mail (new requests, cancellations), plan, run the
// model once, pick tokens, hand out events. A turn without work sleeps in the inbox.
// A part of a deep prompt, one that would hold up answers for long, runs after that by
// itself, and turns of the answers between its layers (engine_aside.cc).
//
// Every request that came in leaves by close(), which is where its one kFinish
// is made.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/event_queue.h"
#include "engine/inbox.h"
#include "engine/pacer.h"
#include "engine/prefix_disk.h"
#include "engine/prompt_watch.h"
#include "engine/sampler.h"
#include "engine/scheduler.h"
#include "engine/speculator.h"

namespace ondol::engine {

class EngineCore {
 public:
  /// REQUIRES: options from complete_options(), a cache of that shape. `store` and
  /// `draft_model` may be null.
  EngineCore(std::unique_ptr<model::Model> model, device::Device& device,
             std::unique_ptr<device::KvCache> cache, std::unique_ptr<PageStore> store,
             const EngineOptions& options, std::uint64_t kv_bytes,
             std::unique_ptr<Drafter> draft_model);
  ~EngineCore();  // ends all requests, joins the thread
  EngineCore(const EngineCore&) = delete;
  EngineCore& operator=(const EngineCore&) = delete;

  Inbox& inbox() { return *inbox_; }
  const EngineOptions& options() const { return options_; }
  const model::ModelInfo& model_info() const { return model_->info(); }

 private:
  // A request from the mail until its finish.
  struct Open {
    explicit Open(Submission submission);

    Sequence sequence;
    std::optional<PromptWatch> watch;  // until the prompt is computed
    Sampler sampler;
    std::shared_ptr<EventQueue> events;
    std::vector<std::int32_t> stop_tokens;
    std::int64_t max_tokens;
    std::int64_t n_prompt;
    std::int64_t n_said = 0;
    const bool speculates;
    std::vector<std::int32_t> guesses;  // of this step: rows behind its known tokens
    std::int64_t n_draft = 0;
    std::int64_t n_draft_accepted = 0;
    Clock::time_point submitted_at;
    std::optional<Clock::time_point> started_at;  // its first step began
    std::optional<Clock::time_point> first_at;    // first token out
    Clock::time_point last_at;                    // latest token out
    Timings timings() const;
  };

  // What the model computes at once. [n_tokens] but where said.
  struct StepBatch {
    std::vector<std::int32_t> tokens;
    std::vector<std::int32_t> positions;
    std::vector<std::int32_t> slots;
    std::vector<device::AttentionSequence> sequences;  // [n_work]
    // The last known token of each that has them all computed, and its guesses behind it.
    std::vector<std::int32_t> logit_rows;
    std::vector<Open*> worked;  // [n_work]
  };

  void run();
  bool turn(bool may_wait, bool takes_prompts);
  void accept(Mail mail);
  bool step(bool takes_prompts);
  bool hand_out();
  std::int64_t max_aside_tokens() const;  // engine_aside.cc
  void compute_aside(const Work& work);   // engine_aside.cc
  std::span<const float> run_model(const StepBatch& batch,
                                   const model::BetweenLayers* between_layers);
  void take_results(StepBatch& batch, std::span<const float> logits);
  void count_prompts(const StepBatch& batch);
  EngineStats stats() const;
  void guess(std::span<const Work> work);                     // engine_guesses.cc
  void take_rows(Open& open, std::span<const float> logits);  // engine_guesses.cc
  void fill_batch(std::span<const Work> work, StepBatch& batch);
  void take_watched(Open& open, const device::AttentionSequence& rows);
  std::optional<std::int32_t> take_logits(Open& open, std::span<const float> logits);
  void close(Open& open, FinishReason reason, std::optional<Error> error = std::nullopt);
  void deliver();

  const EngineOptions options_;
  const std::unique_ptr<model::Model> model_;
  device::Device& device_;
  const std::unique_ptr<device::KvCache> cache_;
  const std::uint64_t kv_bytes_;
  std::shared_ptr<Inbox> inbox_;
  Scheduler scheduler_;
  Pacer pacer_;
  std::optional<PrefixDisk> disk_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Open>> open_;
  SamplerScratch scratch_;
  Speculator speculator_;
  std::vector<GuessJob> guess_jobs_;
  std::int64_t n_guesses_ = 0;  // of this step

  StepBatch batch_;           // of this step
  StepBatch aside_batch_;     // of what runs beside the steps
  std::int64_t n_aside_ = 0;  // tokens of it, while it runs
  bool is_stopping_ = false;

  struct Totals {
    std::uint64_t n_prompt_tokens = 0;
    std::uint64_t n_generated_tokens = 0;
    std::uint64_t prefix_queries = 0;
    std::uint64_t prefix_hits = 0;
  } totals_;

  // Events of this turn, delivered when its effects are visible in stats().
  std::vector<std::pair<std::shared_ptr<EventQueue>, Event>> outbox_;
  std::int64_t n_closed_ = 0;

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace ondol::engine
