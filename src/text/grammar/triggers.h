// Free text that becomes structure when a trigger has appeared: an automaton that
// finds strings (Aho and Corasick 1975), whose matches lead into what is to follow.
//
// Owner: one compilation. Threads: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "text/grammar/rules.h"

namespace ondol::text::grammar {

struct Trigger {
  std::string text;  // empty: the token
  TokenId token = -1;
  ExprId then = 0;
  bool only_at_start = false;
};

inline constexpr std::size_t kMaxTriggerBytes = 256;
inline constexpr std::size_t kMaxTriggers = 128;
inline constexpr std::uint32_t kMaxCountedTriggers = 16;  // each has its own copy of the automaton

/// Of several texts that end at the same byte the longest counts.
/// REQUIRES: texts of at most kMaxTriggerBytes, at most kMaxTriggers,
/// max_times at most kMaxCountedTriggers or kNoBound.
ExprId triggered_expr(Rules& rules, std::vector<Trigger> triggers, std::uint32_t max_times);

}  // namespace ondol::text::grammar
