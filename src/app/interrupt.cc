#include "app/interrupt.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>

#include "base/check.h"

namespace ondol::app {
namespace {

std::atomic<int> interrupts{0};
static_assert(std::atomic<int>::is_always_lock_free);
struct sigaction before{};
std::array<int, 2> wake_pipe = {-1, -1};

extern "C" void on_interrupt(int) {
  const int saved = errno;
  interrupts.fetch_add(1, std::memory_order_relaxed);
  // A full pipe is readable already.
  [[maybe_unused]] const ssize_t n = ::write(wake_pipe[1], "", 1);
  errno = saved;
}

}  // namespace

InterruptScope::InterruptScope() {
  interrupts = 0;
  ONDOL_CHECK(::pipe2(wake_pipe.data(), O_NONBLOCK | O_CLOEXEC) == 0);
  struct sigaction action{};
  action.sa_handler = &on_interrupt;
  sigemptyset(&action.sa_mask);
  // No SA_RESTART: a blocking read at the prompt comes back with EINTR.
  sigaction(SIGINT, &action, &before);
}

InterruptScope::~InterruptScope() {
  sigaction(SIGINT, &before, nullptr);
  for (const int fd : wake_pipe) ::close(fd);
}

bool InterruptScope::requested() const { return interrupts.load(std::memory_order_relaxed) > 0; }

void InterruptScope::reset() {
  char drained = 0;
  while (::read(wake_pipe[0], &drained, 1) > 0) {
  }
  interrupts = 0;
}

int InterruptScope::wake_descriptor() const { return wake_pipe[0]; }

}  // namespace ondol::app
