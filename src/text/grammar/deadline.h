// The time a compilation may take. Asking is cheap: the clock is read every few
// hundred questions.
//
// Owner: one compilation. Threads: plain value.
#pragma once

#include <chrono>
#include <cstdint>

namespace ondol::text::grammar {

class Deadline {
 public:
  explicit Deadline(double seconds)
      : end_(Clock::now() +
             std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds))) {}

  bool passed() { return passed_ || ((++n_asked_ & kMask) == 0 && passed_now()); }

  /// For questions that are rare already.
  bool passed_now() {
    passed_ = passed_ || Clock::now() >= end_;
    return passed_;
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::uint32_t kMask = 0xFF;

  Clock::time_point end_;
  std::uint32_t n_asked_ = 0;
  bool passed_ = false;
};

}  // namespace ondol::text::grammar
