#include "text/grammar/byte_dfa.h"

#include <algorithm>
#include <unordered_map>

#include "text/grammar/automaton.h"
#include "text/grammar/nfa.h"
#include "text/grammar/subsets.h"

namespace ondol::text::grammar {
namespace {

constexpr std::size_t kMaxNodes = ByteDfa::kMaxStates * 16;
constexpr std::size_t kMaxCopies = kMaxNodes + 1;  // more would be refused anyway

// A copy of an expression in which counted calls are written out.
ExprId unrolled(const Rules& from, ExprId id, Rules& to) {
  const Expr e = from.expr(id);
  switch (e.kind) {
    case Expr::Kind::kEmpty:
      return to.empty();
    case Expr::Kind::kNothing:
    case Expr::Kind::kToken:
      return to.nothing();
    case Expr::Kind::kBytes:
      return to.bytes(from.set(e));
    case Expr::Kind::kLiteral:
      return to.literal(from.text(e));
    case Expr::Kind::kStar:
      return to.star(unrolled(from, e.a, to));
    case Expr::Kind::kSeq:
    case Expr::Kind::kAlt: {
      std::vector<ExprId> parts;
      for (const ExprId part : from.parts(e)) parts.push_back(unrolled(from, part, to));
      return e.kind == Expr::Kind::kSeq ? to.seq(parts) : to.alt(parts);
    }
    case Expr::Kind::kGraph: {
      Graph graph = from.graph_of(e);
      for (Graph::Edge& edge : graph.edges) edge.what = unrolled(from, edge.what, to);
      return to.graph(std::move(graph));
    }
    case Expr::Kind::kCall:
      break;
  }
  const ExprId body = unrolled(from, from.rule(e.a).body, to);
  if (to.over_limit()) return body;
  Graph graph;  // a chain of copies
  const std::uint32_t n_copies = e.max == kNoBound ? e.min : e.max;
  graph.node();
  for (std::uint32_t i = 0; i < n_copies && i < kMaxCopies; ++i) {
    if (i >= e.min) graph.ends.push_back(i);
    graph.edge(i, body, graph.node());
  }
  graph.ends.push_back(n_copies);
  if (e.max == kNoBound) graph.edge(n_copies, body, n_copies);
  return to.graph(std::move(graph));
}

}  // namespace

Result<ByteDfa> ByteDfa::of(const Rules& rules, ExprId expr, Deadline& deadline,
                            std::string_view where, std::string_view field) {
  Rules plain;
  const RuleId rule = plain.declare();
  plain.define(rule, unrolled(rules, expr, plain));
  Nfa nfa;
  if (plain.over_limit() || !build_nfa(plain, RuleFacts(plain), rule, kMaxNodes, deadline, nfa)) {
    return fail(ErrorCode::kLimit, where, field,
                "the strings allowed here take too long to work out");
  }
  Automaton automaton;
  std::size_t n_members = 0;
  ONDOL_TRY(const StateId start,
            append_rule(nfa, {kMaxStates, kMaxStates * 64}, n_members, deadline, where, automaton));
  ByteDfa out;
  out.states_.resize(automaton.states.size() + 1);
  for (std::size_t i = 0; i < automaton.states.size(); ++i) {
    State& state = out.states_[i + 1];
    state.final = automaton.states[i].final;
    for (const auto& edge : automaton.bytes(automaton.states[i])) {
      std::fill(state.next.begin() + edge.low, state.next.begin() + edge.high + 1, edge.to + 1);
    }
  }
  out.start_ = start + 1;
  return out;
}

Result<ByteDfa> ByteDfa::combine(const ByteDfa& other, bool both, Deadline& deadline,
                                 std::string_view where, std::string_view field) const {
  ByteDfa out;
  std::unordered_map<std::uint64_t, std::uint32_t> ids;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> pairs = {{kDead, kDead}};
  const auto id_of = [&](std::uint32_t a, std::uint32_t b) {
    if (a == kDead || (both && b == kDead)) return kDead;
    const auto [at, is_new] =
        ids.try_emplace(std::uint64_t{a} << 32 | b, static_cast<std::uint32_t>(pairs.size()));
    if (is_new) pairs.emplace_back(a, b);
    return at->second;
  };
  out.start_ = id_of(start_, other.start_);
  for (std::size_t i = 1; i < pairs.size(); ++i) {
    if (pairs.size() > kMaxStates || deadline.passed()) {
      return fail(ErrorCode::kLimit, where, field,
                  "the strings allowed here take too long to work out");
    }
    const auto [a, b] = pairs[i];
    State state;
    state.final = states_[a].final && other.states_[b].final == both;
    for (unsigned byte = 0; byte < 256; ++byte) {
      state.next[byte] = id_of(states_[a].next[byte], other.states_[b].next[byte]);
    }
    out.states_.push_back(state);
  }
  return out;
}

bool ByteDfa::matches(std::string_view text) const {
  std::uint32_t at = start_;
  for (const char byte : text) at = states_[at].next[static_cast<std::uint8_t>(byte)];
  return states_[at].final;
}

std::vector<bool> ByteDfa::useful() const {
  std::vector<std::vector<std::uint32_t>> into(states_.size());
  std::vector<std::uint32_t> open;
  std::vector<bool> useful(states_.size());
  for (std::uint32_t i = 0; i < states_.size(); ++i) {
    for (const std::uint32_t to : states_[i].next) {
      if (into[to].empty() || into[to].back() != i) into[to].push_back(i);
    }
    if (states_[i].final) {
      useful[i] = true;
      open.push_back(i);
    }
  }
  while (!open.empty()) {
    const std::uint32_t at = open.back();
    open.pop_back();
    for (const std::uint32_t from : into[at]) {
      if (useful[from]) continue;
      useful[from] = true;
      open.push_back(from);
    }
  }
  return useful;
}

bool ByteDfa::empty() const { return !useful()[start_]; }

ExprId ByteDfa::expr(Rules& rules) const {
  const std::vector<bool> keep = useful();
  if (!keep[start_]) return rules.nothing();
  Graph graph;
  graph.n_nodes = static_cast<std::uint32_t>(states_.size());
  graph.start = start_;
  for (std::uint32_t i = 1; i < states_.size(); ++i) {
    if (!keep[i]) continue;
    if (states_[i].final) graph.ends.push_back(i);
    std::unordered_map<std::uint32_t, ByteSet> by_target;
    for (unsigned byte = 0; byte < 256; ++byte) {
      const std::uint32_t to = states_[i].next[byte];
      if (to != kDead && keep[to]) by_target[to].set(byte);
    }
    for (const auto& [to, set] : by_target) graph.edge(i, rules.bytes(set), to);
  }
  return rules.graph(std::move(graph));
}

}  // namespace ondol::text::grammar
