#include "engine/page_mover.h"

#include <span>
#include <utility>

namespace ondol::engine {

PageMover::PageMover(std::unique_ptr<PageStore> store, std::function<void()> wake)
    : store_(std::move(store)), wake_(std::move(wake)) {
  writer_ = std::thread([this] { write_pages(); });
  reader_ = std::thread([this] { read_pages(); });
}

PageMover::~PageMover() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  changed_.notify_all();
  writer_.join();
  reader_.join();
}

PageMoverStats PageMover::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

PageMover::Room PageMover::room() const {
  const std::lock_guard lock(mutex_);
  if (Clock::now() < paused_until_) return Room::kPaused;
  return spill_bytes_ < kAheadBytes ? Room::kFree : Room::kFull;
}

void PageMover::spill(SpillJob job) {
  {
    const std::lock_guard lock(mutex_);
    spill_bytes_ += job.kv.size();
    spills_.push_back(std::move(job));
  }
  changed_.notify_all();
}

void PageMover::touch(std::vector<std::uint64_t> keys) {
  constexpr std::size_t kMost = 256;
  {
    const std::lock_guard lock(mutex_);
    if (touches_.size() >= kMost) return;
    touches_.push_back(std::move(keys));
  }
  changed_.notify_all();
}

void PageMover::write_pages() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return is_stopping_ || !spills_.empty() || !touches_.empty(); });
    if (is_stopping_) return;
    if (!spills_.empty()) {
      const SpillJob job = std::move(spills_.front());
      spills_.pop_front();
      lock.unlock();
      write_page(job);
      lock.lock();
      const bool was_full = spill_bytes_ >= kAheadBytes;
      spill_bytes_ -= job.kv.size();
      if (!was_full || spill_bytes_ >= kAheadBytes) continue;
      lock.unlock();
      wake_();
      lock.lock();
    } else {
      const std::vector<std::uint64_t> keys = std::move(touches_.front());
      touches_.pop_front();
      lock.unlock();
      store_->touch(keys);
      lock.lock();
    }
  }
}

void PageMover::write_page(const SpillJob& job) {
  if (room() == Room::kPaused) return;
  const Result<void> written = store_->write({job.key, job.tenant, job.tokens}, job.kv);
  const std::lock_guard lock(mutex_);
  if (written) {
    ++stats_.n_spilled;
  } else {
    ++stats_.n_errors;
    paused_until_ = Clock::now() + kPause;
  }
}

void PageMover::load(LoadJob job) {
  {
    const std::lock_guard lock(mutex_);
    loads_.push_back(std::move(job));
  }
  changed_.notify_all();
}

void PageMover::cancel(std::uint64_t ticket) {
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(loads_, [&](const LoadJob& job) { return job.ticket == ticket; });
    if (reading_ == ticket) reading_ = 0;
  }
  changed_.notify_all();
}

std::optional<LoadedPage> PageMover::take_loaded() {
  std::optional<LoadedPage> loaded;
  {
    const std::lock_guard lock(mutex_);
    if (loaded_.empty()) return std::nullopt;
    loaded = std::move(loaded_.front());
    loaded_.pop_front();
    if (loaded->page) loaded_bytes_ -= loaded->page->kv().size();
  }
  changed_.notify_all();
  return loaded;
}

void PageMover::read_pages() {
  for (;;) {
    LoadJob job;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return is_stopping_ || !loads_.empty(); });
      if (is_stopping_) return;
      job = std::move(loads_.front());
      loads_.pop_front();
      reading_ = job.ticket;
    }
    read_job(job);
  }
}

void PageMover::read_job(const LoadJob& job) {
  const std::size_t page_tokens = job.tokens.size() / job.keys.size();
  for (std::size_t i = job.first; i < job.keys.size(); ++i) {
    const StoredPage page = {job.keys[i], job.tenant,
                             std::span(job.tokens).first((i + 1) * page_tokens)};
    Result<PageBytes> bytes = store_->read(page);
    if (!bytes) {
      const std::lock_guard lock(mutex_);
      ++stats_.n_errors;
      break;
    }
    if (!deliver({job.ticket, std::move(*bytes)})) return;
  }
  deliver({job.ticket, std::nullopt});
}

// Waits for room. False when nobody wants the rest.
bool PageMover::deliver(LoadedPage loaded) {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] {
      return is_stopping_ || reading_ != loaded.ticket || loaded_bytes_ < kAheadBytes;
    });
    if (is_stopping_ || reading_ != loaded.ticket) return false;
    if (loaded.page) {
      ++stats_.n_loaded;
      loaded_bytes_ += loaded.page->kv().size();
    }
    loaded_.push_back(std::move(loaded));
  }
  wake_();
  return true;
}

}  // namespace ondol::engine
