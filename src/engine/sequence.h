// One sequence of tokens on its way through the engine. Tokens are known (the
// prompt, then what was picked) or, further, computed (their keys and values lie
// in the sequence's pages); a step moves computed towards known.
//
// Owner: the engine. Threads: the engine thread only.
// Invariants: 0 <= n_computed <= tokens.size(); pages cover at least n_computed
// tokens; a waiting sequence has no pages and n_computed == 0.
#pragma once

#include <cstdint>
#include <vector>

namespace ondol::engine {

struct Sequence {
  enum class State : std::uint8_t { kIdle, kWaiting, kRunning };

  std::uint64_t id = 0;       // in order of arrival, unique
  std::int32_t priority = 0;  // higher goes first
  std::vector<std::int32_t> tokens;
  std::int64_t n_computed = 0;
  std::vector<std::int32_t> pages;  // page of token t: pages[t / page_tokens]
  State state = State::kIdle;       // kept by the scheduler

  std::int64_t n_known() const { return static_cast<std::int64_t>(tokens.size()); }
  std::int64_t n_pending() const { return n_known() - n_computed; }
};

/// Who goes first: the higher priority, then the earlier arrival. A total order.
struct GoesFirst {
  bool operator()(const Sequence* a, const Sequence* b) const {
    if (a->priority != b->priority) return a->priority > b->priority;
    return a->id < b->id;
  }
};

}  // namespace ondol::engine
