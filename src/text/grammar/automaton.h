// A pushdown automaton over bytes: each rule is a deterministic automaton whose
// edges are byte ranges, special tokens and calls of rules. A call pushes a frame
// and pops it when its rule has ended, having taken at least one byte: empty
// rules were resolved when the automaton was built, and no rule calls itself
// before it has taken a byte, so closures end.
//
// Owner: a Grammar. Threads: immutable after build_automaton.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "text/grammar/deadline.h"
#include "text/grammar/rules.h"

namespace ondol::text::grammar {

using StateId = std::uint32_t;

struct Automaton {
  struct ByteEdge {
    std::uint8_t low = 0, high = 0;
    StateId to = 0;
  };
  struct TokenEdge {
    TokenId token = 0;
    StateId to = 0;
  };
  struct CallEdge {
    std::uint32_t rule = 0;  // resolved to `start` when all rules are built
    StateId start = 0;       // of the called rule
    StateId to = 0;          // when it has been called `min` to `max` times
    std::uint32_t min = 1, max = 1;
    std::uint32_t depth = 0;  // frames that the called rule needs at least, above its own
  };
  struct State {
    std::uint32_t first_byte = 0, n_bytes = 0;
    std::uint32_t first_token = 0, n_tokens = 0;
    std::uint32_t first_call = 0, n_calls = 0;
    std::uint32_t depth = 0;  // frames that the shortest way to the rule's end needs above this one
    bool final = false;       // the rule may end here
  };

  std::vector<State> states;
  std::vector<ByteEdge> byte_edges;  // by state, sorted, disjoint
  std::vector<TokenEdge> token_edges;
  std::vector<CallEdge> call_edges;
  StateId start = 0;
  std::uint32_t max_depth = 0;  // frames that the costliest edge needs at least
  bool empty_answer = false;    // nothing at all is an answer too

  std::span<const ByteEdge> bytes(const State& s) const {
    return std::span(byte_edges).subspan(s.first_byte, s.n_bytes);
  }
  std::span<const TokenEdge> tokens(const State& s) const {
    return std::span(token_edges).subspan(s.first_token, s.n_tokens);
  }
  std::span<const CallEdge> calls(const State& s) const {
    return std::span(call_edges).subspan(s.first_call, s.n_calls);
  }
  std::size_t memory_bytes() const {
    return states.size() * sizeof(State) + byte_edges.size() * sizeof(ByteEdge) +
           token_edges.size() * sizeof(TokenEdge) + call_edges.size() * sizeof(CallEdge);
  }
  /// Nothing follows: a call that returns here need not return at all.
  bool is_end(StateId id) const {
    const State& s = states[id];
    return s.final && s.n_bytes + s.n_tokens + s.n_calls == 0;
  }
};

/// Most frames between the base of an answer and the innermost rule.
inline constexpr std::uint32_t kMaxStackDepth = 256;
/// Frames that closures may push while one token is matched against cached masks.
inline constexpr std::uint32_t kMaxLocalDepth = 48;

/// Errors: kInvalidArgument when nothing matches the grammar, kUnsupported for
/// left recursion, kLimit for more than `max_states` or when time is over.
Result<Automaton> build_automaton(const Rules& rules, RuleId root, std::size_t max_states,
                                  Deadline& deadline, std::string_view where);

}  // namespace ondol::text::grammar
