#include "api/compile_turns.h"

#include <condition_variable>
#include <mutex>

namespace ondol::api {
namespace {

struct Turns {
  std::mutex mutex;
  std::condition_variable freed;
  int n_compiling = 0;  // under mutex
  int n_waiting = 0;    // under mutex
};

Turns& turns() {
  static Turns all;
  return all;
}

}  // namespace

std::optional<CompileTurn> CompileTurn::take() {
  Turns& all = turns();
  std::unique_lock lock(all.mutex);
  if (all.n_compiling == kMaxCompiling) {
    if (all.n_waiting == kMaxWaitingToCompile) return std::nullopt;
    ++all.n_waiting;
    all.freed.wait(lock, [&] { return all.n_compiling < kMaxCompiling; });
    --all.n_waiting;
  }
  ++all.n_compiling;
  return CompileTurn();
}

CompileTurn::~CompileTurn() {
  if (!is_held_) return;
  Turns& all = turns();
  {
    const std::lock_guard lock(all.mutex);
    --all.n_compiling;
  }
  all.freed.notify_one();
}

}  // namespace ondol::api
