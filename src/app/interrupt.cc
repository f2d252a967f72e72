#include "app/interrupt.h"

#include <signal.h>

#include <atomic>

namespace ondol::app {
namespace {

std::atomic<int> interrupts{0};
static_assert(std::atomic<int>::is_always_lock_free);
struct sigaction before{};

extern "C" void on_interrupt(int) { interrupts.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

InterruptScope::InterruptScope() {
  interrupts = 0;
  struct sigaction action{};
  action.sa_handler = &on_interrupt;
  sigemptyset(&action.sa_mask);
  // No SA_RESTART: a blocking read at the prompt comes back with EINTR.
  sigaction(SIGINT, &action, &before);
}

InterruptScope::~InterruptScope() { sigaction(SIGINT, &before, nullptr); }

bool InterruptScope::requested() const { return interrupts.load(std::memory_order_relaxed) > 0; }

void InterruptScope::reset() { interrupts = 0; }

}  // namespace ondol::app
