// What a Stream and the engine thread share: the events of one request that
// nobody has taken yet. The engine pushes and never waits: the queue holds at
// most max_tokens tokens and one finish, so it needs no other bound.
//
// Owner: both, by shared_ptr; either may go first. Threads: one producer, one
// consumer; every function locks.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>

#include "engine/inbox.h"
#include "engine/request.h"

namespace ondol::engine {

class EventQueue {
 public:
  EventQueue(std::uint64_t id, std::weak_ptr<Inbox> inbox);

  /// Engine thread. REQUIRES: no kFinish was pushed before.
  void push(Event event);

  /// The consumer; see Stream::next and next_for. No timeout waits without end.
  std::optional<Event> pop(std::optional<std::int64_t> timeout_ms);
  bool is_done() const;
  /// Asks the engine, if it still lives, to end the request; no effect after
  /// kFinish was pushed.
  void cancel();

  std::uint64_t id() const { return id_; }

 private:
  const std::uint64_t id_;
  const std::weak_ptr<Inbox> inbox_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Event> events_;
  bool is_finished_ = false;  // kFinish was pushed
  bool is_done_ = false;      // kFinish was taken
};

}  // namespace ondol::engine
