// The engine's side of the prefix cache on disk. Pages that were published go out when
// the writer has room; a sequence whose beginning lies on disk waits (State::kLoading)
// while its pages come in. Both are copies of some pages a turn, on the engine thread; the
// disk itself is the mover's.
//
// Owner: the engine loop. Threads: the engine thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <unordered_map>

#include "device/device.h"
#include "engine/page_mover.h"
#include "engine/scheduler.h"

namespace ondol::engine {

class PrefixDisk {
 public:
  PrefixDisk(std::unique_ptr<PageMover> mover, device::Device& device, device::KvCache& cache,
             Scheduler& scheduler);

  /// Before a sequence is added: says how many of its pages lie on disk.
  void look_up(Sequence& sequence) const;
  /// After plan(): asks for the pages that sequences wait for.
  void start_loads();
  /// Puts pages that have come into the cache, a few.
  void take_loaded();
  /// Sends pages that were published since, a few. True if more could go at once.
  bool spill();
  /// Before a sequence is removed.
  void leave(Sequence& sequence);

  bool is_loading() const { return !loading_.empty(); }
  const PageMover& mover() const { return *mover_; }

 private:
  struct Published {
    std::int32_t page;
    std::uint64_t serial;  // as long as it is the same, so is the content
  };
  void copy_out(std::int32_t page);
  void stop_loading(const Sequence& sequence);

  std::unique_ptr<PageMover> mover_;
  device::Device& device_;
  device::KvCache& cache_;
  Scheduler& scheduler_;
  std::size_t page_bytes_;
  std::int64_t pages_a_turn_;
  std::deque<Published> to_spill_;
  std::unordered_map<std::uint64_t, Sequence*> loading_;  // by ticket
  std::uint64_t last_ticket_ = 0;
};

}  // namespace ondol::engine
