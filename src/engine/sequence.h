// One sequence of tokens on its way through the engine. Tokens are known (the
// prompt, then what was picked) or, further, computed (their keys and values lie
// in the sequence's pages); a step moves computed towards known. Pages that were
// found in a cache count as computed.
//
// Owner: the engine. Threads: the engine thread only.
// Invariants: 0 <= n_computed <= tokens.size(); pages cover at least n_computed
// tokens; a waiting sequence has no pages and n_computed == 0.
#pragma once

#include <cstdint>
#include <vector>

namespace ondol::engine {

struct Sequence {
  enum class State : std::uint8_t {
    kIdle,
    kWaiting,  // in line
    kRunning,
    kLoading,  // running, but its next pages are on their way from disk
  };

  std::uint64_t id = 0;       // in order of arrival, unique
  std::uint64_t tenant = 0;   // whose it is
  std::int32_t priority = 0;  // higher goes first
  bool shares_pages = true;   // takes pages with its own beginning, and leaves its own
  std::vector<std::int32_t> tokens;
  std::int64_t n_computed = 0;
  std::vector<std::int32_t> pages;  // page of token t: pages[t / page_tokens]
  std::int64_t n_stored_pages = 0;  // of its first pages, those that lie on disk

  // Kept by the scheduler.
  State state = State::kIdle;
  std::uint64_t rank = 0;                // order of first admission; 0: not yet
  std::vector<std::uint64_t> page_keys;  // of its first pages, as far as they were needed
  std::int64_t n_reached = 0;            // n_computed at its highest
  std::int64_t n_reused = 0;             // tokens that were found and never computed
  bool is_begun = false;                 // some of it was computed since its admission
  bool is_long = false;                  // and then it had more to compute than a short prompt

  std::int64_t n_known() const { return static_cast<std::int64_t>(tokens.size()); }
  std::int64_t n_pending() const { return n_known() - n_computed; }
  bool has_pages() const { return state == State::kRunning || state == State::kLoading; }
};

}  // namespace ondol::engine
