#include "engine/inbox.h"

#include <utility>

#include "engine/event_queue.h"

namespace ondol::engine {

Inbox::Inbox(std::int64_t max_open, const EngineStats& stats)
    : max_open_(max_open), stats_(stats) {}

Result<std::shared_ptr<EventQueue>> Inbox::submit(GenerationRequest request) {
  const Clock::time_point now = Clock::now();
  std::shared_ptr<EventQueue> events;
  {
    const std::lock_guard lock(mutex_);
    if (n_open_ >= max_open_) {
      return fail(ErrorCode::kLimit, "engine", "max_waiting", "too many requests at once",
                  n_open_ + 1, max_open_);
    }
    ++n_open_;
    events = std::make_shared<EventQueue>(++last_id_, weak_from_this());
    mail_.submissions.push_back({events, std::move(request), now});
  }
  changed_.notify_one();
  return events;
}

void Inbox::cancel(std::uint64_t id) {
  {
    const std::lock_guard lock(mutex_);
    mail_.cancels.push_back(id);
  }
  changed_.notify_one();
}

void Inbox::stop() {
  {
    const std::lock_guard lock(mutex_);
    mail_.is_stopping = true;
  }
  changed_.notify_one();
}

void Inbox::poke() {
  {
    const std::lock_guard lock(mutex_);
    is_poked_ = true;
  }
  changed_.notify_one();
}

EngineStats Inbox::stats() const {
  const std::lock_guard lock(mutex_);
  EngineStats stats = stats_;
  stats.n_waiting += static_cast<std::int64_t>(mail_.submissions.size());
  return stats;
}

Mail Inbox::take(bool may_wait) {
  std::unique_lock lock(mutex_);
  if (may_wait) {
    changed_.wait(lock, [this] {
      return is_poked_ || mail_.is_stopping || !mail_.submissions.empty() || !mail_.cancels.empty();
    });
  }
  is_poked_ = false;
  Mail mail = std::exchange(mail_, {});
  mail_.is_stopping = mail.is_stopping;
  stats_.n_waiting += static_cast<std::int64_t>(mail.submissions.size());
  return mail;
}

void Inbox::publish(const EngineStats& stats, std::int64_t n_closed) {
  const std::lock_guard lock(mutex_);
  stats_ = stats;
  n_open_ -= n_closed;
}

}  // namespace ondol::engine
