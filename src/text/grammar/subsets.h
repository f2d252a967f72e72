// The subset construction: a rule's nondeterministic automaton made
// deterministic over bytes, tokens and calls, appended to an Automaton.
//
// Owner: the construction of an Automaton. Threads: plain value.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/error.h"
#include "text/grammar/automaton.h"
#include "text/grammar/nfa.h"

namespace ondol::text::grammar {

struct SubsetLimits {
  std::size_t n_states = 0;   // of the whole automaton
  std::size_t n_members = 0;  // NFA nodes in all subsets together
};

/// Returns the rule's start state. Calls lead to rules still; `members` counts
/// across rules. Errors: kLimit.
Result<StateId> append_rule(const Nfa& nfa, const SubsetLimits& limits, std::size_t& n_members,
                            Deadline& deadline, std::string_view where, Automaton& out);

}  // namespace ondol::text::grammar
