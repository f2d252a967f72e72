// For tests only: how long something took, as processor time of this process.
// Unlike wall time it does not count what other programs run meanwhile, so a
// limit can be close without failing on a busy machine.
#pragma once

#include <chrono>
#include <ctime>

namespace ondol {

class CpuTimer {
 public:
  std::chrono::milliseconds elapsed() const { return now() - start_; }

 private:
  static std::chrono::milliseconds now() {
    timespec time{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
  }

  std::chrono::milliseconds start_ = now();
};

}  // namespace ondol
