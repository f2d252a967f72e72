// What a Stream and the engine thread share: the events of one request that
// nobody has taken yet. The engine pushes and never waits: the queue holds at
// most max_tokens tokens and two events more, so it needs no other bound.
//
// Owner: both, by shared_ptr; either may go first. Threads: one producer, one
// consumer; every function locks.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "engine/inbox.h"
#include "engine/request.h"

namespace ondol::engine {

class EventQueue {
 public:
  EventQueue(std::uint64_t id, std::weak_ptr<Inbox> inbox);

  /// Engine thread. REQUIRES: no kFinish was pushed before. May call the consumer's
  /// `wake`, without the lock.
  void push(Event event);

  /// The consumer; see Stream::next and next_for. No timeout waits without end.
  std::optional<Event> pop(std::optional<std::int64_t> timeout_ms);
  /// See Stream::try_next and on_event.
  std::optional<Event> try_pop();
  void set_wake(std::function<void()> wake);
  /// The consumer goes: its `wake` is not called any more when this returns, and
  /// the request is cancelled.
  void abandon();
  bool is_done() const;
  /// Asks the engine, if it still lives, to end the request; no effect after
  /// kFinish was pushed.
  void cancel();

  std::uint64_t id() const { return id_; }

 private:
  std::optional<Event> pop_locked();
  void wake(std::unique_lock<std::mutex>& lock);

  const std::uint64_t id_;
  const std::weak_ptr<Inbox> inbox_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Event> events_;
  std::shared_ptr<const std::function<void()>> wake_;  // may be null
  std::thread::id waking_;                             // the thread inside wake_; none: nobody
  bool is_finished_ = false;                           // kFinish was pushed
  bool is_done_ = false;                               // kFinish was taken
};

}  // namespace ondol::engine
