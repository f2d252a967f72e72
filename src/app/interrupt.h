// Ctrl-C while something is going on. A handler only counts; whoever waits asks
// the count between steps. Other threads have SIGINT blocked (see load.h).
#pragma once

namespace ondol::app {

/// While alive, SIGINT is counted instead of ending the process. The count and
/// the pipe are the process's only global state: a signal handler can see
/// nothing else. One at a time.
class InterruptScope {
 public:
  InterruptScope();
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

  /// True when SIGINT has come since the last reset.
  bool requested() const;
  void reset();
  /// Becomes readable when SIGINT comes, until reset(): a wait for input that
  /// polls it too cannot miss a signal that came just before it began to wait.
  int wake_descriptor() const;
};

}  // namespace ondol::app
