// Memory for the packed weights of a model: carved out of a few large pieces
// that begin at a multiple of 2 MiB, so that huge pages cover all of a piece
// and not only the middle of each weight.
//
// Small weights get memory of their own from the heap, where a sanitizer sees
// whoever reads past their end.
//
// A span keeps its piece alive; a piece goes back to the system with its last
// span. Owner: a device. Threads: one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/error.h"
#include "device/cpu/host_memory.h"

namespace ondol::device::cpu {

/// Bytes and what keeps them.
struct SharedBytes {
  std::span<std::uint8_t> bytes;
  std::shared_ptr<const void> owner;
};

class WeightArena {
 public:
  /// Zeroed, aligned to 64 bytes. Errors: kOutOfMemory.
  Result<SharedBytes> take(std::size_t size_bytes);

 private:
  std::shared_ptr<const HostMemory> piece_;
  std::size_t used_ = 0;  // of piece_
};

}  // namespace ondol::device::cpu
