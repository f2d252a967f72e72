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
#include <memory>
#include <optional>

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
};

struct EngineStats {
  std::int64_t n_running = 0;
  std::int64_t n_waiting = 0;
  std::int64_t n_pages = 0;
  std::int64_t n_pages_used = 0;
  std::uint64_t n_preemptions = 0;
  std::uint64_t kv_bytes = 0;  // a draft model's among them
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
