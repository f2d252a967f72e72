#include <algorithm>
#include <chrono>
#include <utility>

#include "base/check.h"
#include "engine/engine.h"
#include "engine/event_queue.h"

namespace ondol::engine {

EventQueue::EventQueue(std::uint64_t id, std::weak_ptr<Inbox> inbox)
    : id_(id), inbox_(std::move(inbox)) {}

void EventQueue::push(Event event) {
  {
    std::unique_lock lock(mutex_);
    ONDOL_CHECK(!is_finished_);
    is_finished_ = event.kind == Event::Kind::kFinish;
    events_.push_back(std::move(event));
    if (events_.size() == 1) wake(lock);
  }
  changed_.notify_all();
}

// Calls wake_ without the lock. Two threads never do so at once: the engine's waits
// for that of set_wake().
void EventQueue::wake(std::unique_lock<std::mutex>& lock) {
  changed_.wait(lock, [this] { return waking_ == std::thread::id(); });
  const std::shared_ptr<const std::function<void()>> wake = wake_;
  if (!wake) return;
  waking_ = std::this_thread::get_id();
  lock.unlock();
  (*wake)();
  lock.lock();
  waking_ = {};
  changed_.notify_all();
}

void EventQueue::set_wake(std::function<void()> wake_fn) {
  std::unique_lock lock(mutex_);
  wake_ = std::make_shared<const std::function<void()>>(std::move(wake_fn));
  if (!events_.empty()) wake(lock);
}

void EventQueue::abandon() {
  {
    std::unique_lock lock(mutex_);
    wake_ = nullptr;
    changed_.wait(lock, [this] {  // unless it is the call itself that ends the stream
      return waking_ == std::thread::id() || waking_ == std::this_thread::get_id();
    });
  }
  cancel();
}

std::optional<Event> EventQueue::pop(std::optional<std::int64_t> timeout_ms) {
  std::unique_lock lock(mutex_);
  const auto is_ready = [this] { return !events_.empty() || is_done_; };
  if (timeout_ms) {
    // A day is as good as for ever, and the deadline cannot overflow.
    constexpr std::int64_t kDayMs = 86'400'000;
    const std::chrono::milliseconds wait(std::clamp<std::int64_t>(*timeout_ms, 0, kDayMs));
    changed_.wait_for(lock, wait, is_ready);
  } else {
    changed_.wait(lock, is_ready);
  }
  return pop_locked();
}

std::optional<Event> EventQueue::try_pop() {
  const std::lock_guard lock(mutex_);
  return pop_locked();
}

std::optional<Event> EventQueue::pop_locked() {
  if (events_.empty()) return std::nullopt;
  Event event = std::move(events_.front());
  events_.pop_front();
  is_done_ = event.kind == Event::Kind::kFinish;
  return event;
}

bool EventQueue::is_done() const {
  const std::lock_guard lock(mutex_);
  return is_done_;
}

void EventQueue::cancel() {
  {
    const std::lock_guard lock(mutex_);
    if (is_finished_) return;
  }
  if (const std::shared_ptr<Inbox> inbox = inbox_.lock()) inbox->cancel(id_);
}

Stream::Stream(std::shared_ptr<EventQueue> events) : events_(std::move(events)) {}
Stream::Stream(Stream&&) noexcept = default;

Stream& Stream::operator=(Stream&& other) noexcept {
  if (this != &other) {
    if (events_) events_->abandon();
    events_ = std::move(other.events_);
  }
  return *this;
}

Stream::~Stream() {
  if (events_) events_->abandon();
}

std::optional<Event> Stream::next() { return events_->pop(std::nullopt); }
std::optional<Event> Stream::next_for(std::int64_t timeout_ms) { return events_->pop(timeout_ms); }
std::optional<Event> Stream::try_next() { return events_->try_pop(); }
void Stream::on_event(std::function<void()> wake) {
  const std::shared_ptr<EventQueue> events = events_;  // `wake` may end this Stream
  events->set_wake(std::move(wake));
}
bool Stream::done() const { return events_->is_done(); }
void Stream::cancel() { events_->cancel(); }
std::uint64_t Stream::id() const { return events_->id(); }

}  // namespace ondol::engine
