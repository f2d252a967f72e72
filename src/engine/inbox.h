// The door between callers and the engine thread: new requests and cancellations
// go in, figures for callers come out. The engine thread sleeps here when there
// is nothing to compute.
//
// Owner: the engine by shared_ptr; streams hold weak ones. Threads: any; every
// function locks. Of several locks held at once this one is the last taken.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/engine.h"
#include "engine/request.h"

namespace ondol::engine {

using Clock = std::chrono::steady_clock;

inline double milliseconds(Clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

/// A request as it was handed in.
struct Submission {
  std::shared_ptr<EventQueue> events;
  GenerationRequest request;
  Clock::time_point submitted_at;
};

/// What lay in the inbox.
struct Mail {
  std::vector<Submission> submissions;  // in order of their ids
  std::vector<std::uint64_t> cancels;
  bool is_stopping = false;
};

class Inbox : public std::enable_shared_from_this<Inbox> {
 public:
  /// max_open: requests that have no kFinish yet.
  Inbox(std::int64_t max_open, const EngineStats& stats);

  /// Any thread. Errors: kLimit when max_open requests are open.
  Result<std::shared_ptr<EventQueue>> submit(GenerationRequest request);
  void cancel(std::uint64_t id);
  void stop();
  /// Ends the engine thread's wait, though there is no mail.
  void poke();
  EngineStats stats() const;

  /// Engine thread. Takes what lies there; waits for some, or a poke, if `may_wait`.
  Mail take(bool may_wait);
  /// Engine thread, before events are pushed: who sees an event sees its effect.
  void publish(const EngineStats& stats, std::int64_t n_closed);

 private:
  const std::int64_t max_open_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Mail mail_;
  bool is_poked_ = false;
  EngineStats stats_;
  std::int64_t n_open_ = 0;
  std::uint64_t last_id_ = 0;
};

}  // namespace ondol::engine
