#include "engine/prefix_disk.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/check.h"
#include "engine/page_sharing.h"

namespace ondol::engine {
namespace {

// Copied in a turn of the engine, each way: about a millisecond.
constexpr std::size_t kTurnBytes = std::size_t{8} << 20U;

}  // namespace

PrefixDisk::PrefixDisk(std::unique_ptr<PageMover> mover, device::Device& device,
                       device::KvCache& cache, Scheduler& scheduler)
    : mover_(std::move(mover)),
      device_(device),
      cache_(cache),
      scheduler_(scheduler),
      page_bytes_(device.kv_page_bytes(cache)),
      pages_a_turn_(static_cast<std::int64_t>(std::max<std::size_t>(1, kTurnBytes / page_bytes_))) {
}

void PrefixDisk::look_up(Sequence& sequence) const {
  const std::int64_t page_tokens = scheduler_.pages().page_tokens();
  const std::int64_t n = n_shareable_pages(sequence, page_tokens);
  if (n == 0) return;
  key_of_page(sequence, n - 1, page_tokens);
  sequence.n_stored_pages =
      mover_->store().count_first(std::span(sequence.page_keys).first(static_cast<std::size_t>(n)));
}

void PrefixDisk::start_loads() {
  const std::int64_t page_tokens = scheduler_.pages().page_tokens();
  for (Sequence* sequence : scheduler_.to_load()) {
    stop_loading(*sequence);  // of before it was a victim
    const auto n_pages = static_cast<std::size_t>(sequence->n_stored_pages);
    LoadJob job;
    job.ticket = ++last_ticket_;
    job.tenant = sequence->tenant;
    job.keys.assign(sequence->page_keys.begin(),
                    sequence->page_keys.begin() + static_cast<std::ptrdiff_t>(n_pages));
    job.tokens.assign(sequence->tokens.begin(),
                      sequence->tokens.begin() + sequence->n_stored_pages * page_tokens);
    job.first = static_cast<std::size_t>(sequence->n_computed / page_tokens);
    loading_[job.ticket] = sequence;
    mover_->load(std::move(job));
  }
}

void PrefixDisk::take_loaded() {
  for (std::int64_t i = 0; i < pages_a_turn_; ++i) {
    const std::optional<LoadedPage> loaded = mover_->take_loaded();
    if (!loaded) return;
    const auto it = loading_.find(loaded->ticket);
    if (it == loading_.end()) continue;
    Sequence& sequence = *it->second;
    if (sequence.state != Sequence::State::kLoading) {  // it was a victim meanwhile
      stop_loading(sequence);
    } else if (loaded->page) {
      const auto page = static_cast<std::size_t>(sequence.n_computed) /
                        static_cast<std::size_t>(scheduler_.pages().page_tokens());
      device_.write_kv_page(cache_, sequence.pages[page], loaded->page->kv());
      scheduler_.page_loaded(sequence);
    } else {
      scheduler_.finish_loading(sequence);
      loading_.erase(it);
    }
  }
}

bool PrefixDisk::spill() {
  for (const std::int32_t page : scheduler_.take_published()) {
    to_spill_.push_back({page, scheduler_.pages().serial(page)});
  }
  const KvPages& pages = scheduler_.pages();
  const auto is_stale = [&](const Published& p) { return pages.serial(p.page) != p.serial; };
  for (std::int64_t i = 0; i < pages_a_turn_ && !to_spill_.empty();) {
    const PageMover::Room room = mover_->room();
    if (room == PageMover::Room::kPaused) to_spill_.clear();
    if (room != PageMover::Room::kFree) break;
    const Published next = to_spill_.front();
    to_spill_.pop_front();
    if (is_stale(next) || mover_->store().has(pages.key(next.page))) continue;
    copy_out(next.page);
    ++i;
  }
  // While the disk is slow the line holds each page once, and some that are gone.
  if (std::ssize(to_spill_) > 2 * pages.n_pages()) std::erase_if(to_spill_, is_stale);
  return !to_spill_.empty() && mover_->room() == PageMover::Room::kFree;
}

void PrefixDisk::copy_out(std::int32_t page) {
  const KvPages& pages = scheduler_.pages();
  SpillJob job;
  job.key = pages.key(page);
  job.tenant = pages.tenant(page);
  job.tokens = pages.tokens_up_to(page);
  job.kv.resize(page_bytes_);
  device_.read_kv_page(cache_, page, job.kv);
  mover_->spill(std::move(job));
}

void PrefixDisk::leave(Sequence& sequence) {
  stop_loading(sequence);
  if (!sequence.page_keys.empty()) mover_->touch(sequence.page_keys);
}

void PrefixDisk::stop_loading(const Sequence& sequence) {
  const auto it = std::find_if(loading_.begin(), loading_.end(),
                               [&](const auto& entry) { return entry.second == &sequence; });
  if (it == loading_.end()) return;
  mover_->cancel(it->first);
  loading_.erase(it);
}

}  // namespace ondol::engine
