// What this machine can do at most, measured, so that every speed can be said as
// a share of it: reading memory, multiplying int8 and f32 from registers. The
// figures are the best of several settings and tries: a limit is not a mean.
//
// Nothing is kept between calls; one thread count takes about a second.
// Threads: the caller's, and as many more as are asked for.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace ondol::device {

struct Limits {
  int n_threads = 0;
  std::string_view isa;

  double read_bytes_per_s = 0;
  int read_streams = 0;         // that a thread reads side by side, where this was best
  int read_prefetch_lines = 0;  // ahead of each stream; 0: none
  std::uint64_t read_buffer_bytes = 0;

  double int8_ops_per_s = 0;      // a multiplication and an addition are two
  std::string_view int8_product;  // which instructions did it
  double f32_ops_per_s = 0;
};

/// One entry a thread count. `isa` as in DeviceOptions. Errors: kUnsupported for
/// an ISA that this machine lacks, kInvalidArgument for a thread count out of
/// range, kOutOfMemory.
Result<std::vector<Limits>> measure_limits(std::string_view isa,
                                           std::span<const int> thread_counts);

/// Reads memory in the way that was best for `limits`, a pass at a time: what memory gives at this
/// moment, beside other work. Holds a buffer of limits.read_buffer_bytes and its threads.
class MemoryReader {
 public:
  /// Errors: kUnsupported where `limits` are of another machine, kOutOfMemory.
  static Result<MemoryReader> make(const Limits& limits);
  MemoryReader(MemoryReader&&) noexcept;
  ~MemoryReader();

  /// One pass over the buffer, some milliseconds.
  double bytes_per_s();

 private:
  struct Parts;
  explicit MemoryReader(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace ondol::device
