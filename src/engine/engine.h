// The engine: many requests, one model, one thread.
//
// submit() may be called from any thread; it validates, hands the request over
// and returns a Stream. The engine thread alone owns sequences, KV pages,
// scheduler and random states. There is no prefill or decode phase: every
// sequence has known and computed tokens, and a step computes up to a budget of
// the difference. Each request ends in exactly one kFinish event, whatever
// happens; a Stream that is dropped cancels its request.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "engine/request.h"
#include "engine/speculation.h"
#include "model/model.h"

namespace ondol::engine {

struct EngineOptions {
  std::int64_t max_context = 0;  // tokens of one sequence; 0: as trained, at most kv_tokens
  std::int64_t kv_tokens = 0;    // tokens in all KV pages together; 0: one max_context
  std::int64_t page_tokens = 32;
  std::int64_t max_batch_tokens = 512;  // of one step; max_sequences or more, at most the model's
  std::int64_t max_sequences = 16;      // running together; the others wait
  std::int64_t max_waiting = 1024;      // submit answers kLimit beyond these and max_sequences
  DType kv_dtype = DType::kF16;
  Speculation speculation = Speculation::kOff;
  bool prefix_cache = true;  // full pages are kept and shared by later requests of the tenant

  /// While answers are under way, a step takes so few prompt tokens that it lasts
  /// about this long at most; 0: as long as it takes.
  double max_step_ms = 0;

  // The prefix cache on disk. The folder belongs to this engine alone, while it runs.
  std::string spill_path;             // empty: none
  std::uint64_t spill_max_bytes = 0;  // of files in the folder
  std::string fingerprint;            // of the model's weights: pages of another are never used
};

struct EngineStats {
  std::int64_t n_running = 0;
  std::int64_t n_waiting = 0;
  std::int64_t n_pages = 0;
  std::int64_t n_pages_used = 0;
  std::int64_t n_cached_pages = 0;  // hold tokens that a later prompt may share
  std::uint64_t n_preemptions = 0;
  std::uint64_t kv_bytes = 0;  // a draft model's among them
  // Since the start:
  std::uint64_t n_prompt_tokens = 0;  // of prompts that were computed to their end
  std::uint64_t n_generated_tokens = 0;
  std::uint64_t prefix_queries = 0;   // tokens of those prompts that might have been cached
  std::uint64_t prefix_hits = 0;      // and were
  std::uint64_t n_pages_spilled = 0;  // written to disk
  std::uint64_t n_pages_loaded = 0;   // read from disk and used
  std::uint64_t n_spill_errors = 0;   // files that could not be written, or were not to be trusted
  std::uint64_t spill_bytes = 0;      // on disk now
};

class EngineCore;
class EventQueue;

/// The answer to one request. One consumer thread; outliving the engine is
/// fine (the rest is one kFinish with kCancelled).
class Stream {
 public:
  Stream(Stream&&) noexcept;
  Stream& operator=(Stream&&) noexcept;
  ~Stream();  // cancels if unfinished

  /// Blocks for the next event; nullopt after kFinish has been taken.
  std::optional<Event> next();
  /// As next, but waits at most this long; nullopt also on time-out (see done()).
  std::optional<Event> next_for(std::int64_t timeout_ms);
  /// The next event if one lies there; never blocks.
  std::optional<Event> try_next();
  /// `wake` is called when an event came to where none lay (and at once if one lies there
  /// already): on the engine thread, without locks held, so it must be quick, and never
  /// after this Stream is gone, whose end waits for a call under way. At most one a Stream.
  void on_event(std::function<void()> wake);
  /// kFinish has been taken.
  bool done() const;
  /// Asks for an early end; honoured between steps, answered by kFinish.
  void cancel();
  std::uint64_t id() const;

 private:
  friend class Engine;
  explicit Stream(std::shared_ptr<EventQueue> events);
  std::shared_ptr<EventQueue> events_;  // null once moved from
};

class Engine {
 public:
  /// Takes the model; the device must outlive the engine. Allocates the KV
  /// cache. A draft model, if there is one, helps speculation; it must be of the
  /// same device and know the same tokens: their number is checked here, what they
  /// mean by those who have the tokenizers.
  /// Errors: kInvalidArgument names the option, kOutOfMemory.
  static Result<std::unique_ptr<Engine>> start(std::unique_ptr<model::Model> model,
                                               device::Device& device, const EngineOptions& options,
                                               std::unique_ptr<model::Model> draft_model = nullptr);
  /// Ends every request with kCancelled and joins the thread.
  ~Engine();

  /// Any thread. Errors: kInvalidArgument (a parameter outside its range, an id
  /// outside the vocabulary, an empty prompt), kLimit (prompt + 1 exceeds the
  /// context: value and limit are the two counts; the queue is full).
  Result<Stream> submit(GenerationRequest request);

  EngineStats stats() const;                   // any thread
  const model::ModelInfo& model_info() const;  // any thread
  const EngineOptions& options() const;        // defaults filled in

 private:
  explicit Engine(std::unique_ptr<EngineCore> core);
  std::unique_ptr<EngineCore> core_;
};

}  // namespace ondol::engine
