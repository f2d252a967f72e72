// A rule's body as a nondeterministic automaton (Thompson 1968), and which calls
// are written out in place: small rules, rules with one caller, and recursion at
// the end of a rule, which is a loop and needs no stack.
//
// Owner: the construction of an Automaton. Threads: plain value.
#pragma once

#include <cstdint>
#include <vector>

#include "text/grammar/deadline.h"
#include "text/grammar/rules.h"

namespace ondol::text::grammar {

struct Nfa {
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;
  enum class EdgeKind : std::uint8_t { kEpsilon, kBytes, kToken, kCall };
  struct Edge {
    EdgeKind kind = EdgeKind::kEpsilon;
    std::uint8_t low = 0, high = 0;
    std::uint32_t symbol = 0;  // token, or an index of `calls`
    std::uint32_t to = 0;
    std::uint32_t next = kNone;  // of the same node
  };
  struct Call {
    RuleId rule = 0;
    std::uint32_t min = 1, max = 1;
    auto operator<=>(const Call&) const = default;
  };

  std::vector<std::uint32_t> nodes;  // first edge of each
  std::vector<Edge> edges;
  std::vector<Call> calls;
  std::uint32_t start = 0, end = 0;
};

/// What is known of the rules before any automaton is built.
class RuleFacts {
 public:
  explicit RuleFacts(const Rules& rules);
  bool nullable(RuleId rule) const { return nullable_[rule] != 0; }
  bool nullable_expr(ExprId id) const;
  /// True when each may reach the other by calls.
  bool same_cycle(RuleId a, RuleId b) const { return component_[a] == component_[b]; }
  bool written_out(RuleId rule) const { return written_out_[rule] != 0; }

 private:
  bool nullable_graph(const Graph& graph) const;
  void find_nullable();
  void choose_written_out();

  const Rules& rules_;
  std::vector<std::vector<RuleId>> callees_;          // by rule, with repeats
  std::vector<std::uint8_t> nullable_, written_out_;  // by rule
  std::vector<std::uint32_t> component_;
  std::vector<std::uint32_t> n_calls_;
};

/// False when it needs more than `max_nodes`, or the deadline has passed.
bool build_nfa(const Rules& rules, const RuleFacts& facts, RuleId rule, std::size_t max_nodes,
               Deadline& deadline, Nfa& out);

}  // namespace ondol::text::grammar
