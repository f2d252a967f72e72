#include "text/grammar/nfa.h"

#include <unordered_map>
#include <utility>

namespace ondol::text::grammar {
namespace {

class Builder {
 public:
  Builder(const Rules& rules, const RuleFacts& facts, RuleId rule, std::size_t max_nodes,
          Deadline& deadline, Nfa& out)
      : rules_(rules),
        facts_(facts),
        rule_(rule),
        max_nodes_(max_nodes),
        deadline_(deadline),
        nfa_(out) {}

  bool run() {
    nfa_.end = node();
    nfa_.start = entry_of(rule_);
    while (!pending_.empty() && !failed_) {
      const auto [rule, entry] = pending_.back();
      pending_.pop_back();
      build(rules_.rule(rule).body, entry, nfa_.end, true);
    }
    return !failed_;
  }

 private:
  std::uint32_t node() {
    if (nfa_.nodes.size() >= max_nodes_ || deadline_.passed()) failed_ = true;
    nfa_.nodes.push_back(Nfa::kNone);
    return static_cast<std::uint32_t>(nfa_.nodes.size() - 1);
  }

  void edge(std::uint32_t from, Nfa::Edge edge) {
    edge.next = nfa_.nodes[from];
    nfa_.nodes[from] = static_cast<std::uint32_t>(nfa_.edges.size());
    nfa_.edges.push_back(edge);
  }

  void epsilon(std::uint32_t from, std::uint32_t to) {
    edge(from, {Nfa::EdgeKind::kEpsilon, 0, 0, 0, to});
  }

  /// Where a rule begins that is run inside this automaton, to its end.
  std::uint32_t entry_of(RuleId rule) {
    const auto [at, is_new] = entries_.try_emplace(rule, 0);
    if (is_new) {
      at->second = node();
      pending_.emplace_back(rule, at->second);
    }
    return at->second;
  }

  void build(ExprId id, std::uint32_t from, std::uint32_t to, bool at_end) {
    if (failed_) return;
    const Expr& e = rules_.expr(id);
    switch (e.kind) {
      case Expr::Kind::kNothing:
        break;
      case Expr::Kind::kEmpty:
        epsilon(from, to);
        break;
      case Expr::Kind::kBytes:
        build_set(rules_.set(e), from, to);
        break;
      case Expr::Kind::kLiteral:
        build_literal(rules_.text(e), from, to);
        break;
      case Expr::Kind::kToken:
        edge(from, {Nfa::EdgeKind::kToken, 0, 0, e.a, to});
        break;
      case Expr::Kind::kSeq:
        build_seq(rules_.parts(e), from, to, at_end);
        break;
      case Expr::Kind::kAlt:
        for (const ExprId part : rules_.parts(e)) build(part, from, to, at_end);
        break;
      case Expr::Kind::kStar: {
        const std::uint32_t loop = node();
        epsilon(from, loop);
        build(e.a, loop, loop, false);
        epsilon(loop, to);
        break;
      }
      case Expr::Kind::kGraph:
        build_graph(rules_.graph_of(e), from, to);
        break;
      case Expr::Kind::kCall:
        build_call(e, from, to, at_end);
        break;
    }
  }

  void build_set(const ByteSet& set, std::uint32_t from, std::uint32_t to) {
    for (unsigned low = 0; low < 256; ++low) {
      if (!set[low]) continue;
      unsigned high = low;
      while (high + 1 < 256 && set[high + 1]) ++high;
      edge(from, {Nfa::EdgeKind::kBytes, static_cast<std::uint8_t>(low),
                  static_cast<std::uint8_t>(high), 0, to});
      low = high;
    }
  }

  void build_literal(std::string_view text, std::uint32_t from, std::uint32_t to) {
    for (std::size_t i = 0; i < text.size() && !failed_; ++i) {
      const std::uint32_t next = i + 1 == text.size() ? to : node();
      const auto byte = static_cast<std::uint8_t>(text[i]);
      edge(from, {Nfa::EdgeKind::kBytes, byte, byte, 0, next});
      from = next;
    }
  }

  void build_seq(std::span<const ExprId> parts, std::uint32_t from, std::uint32_t to, bool at_end) {
    for (std::size_t i = 0; i < parts.size() && !failed_; ++i) {
      const bool last = i + 1 == parts.size();
      const std::uint32_t next = last ? to : node();
      build(parts[i], from, next, at_end && last);
      from = next;
    }
  }

  void build_graph(const Graph& graph, std::uint32_t from, std::uint32_t to) {
    std::vector<std::uint32_t> nodes(graph.n_nodes);
    for (std::uint32_t& n : nodes) n = node();
    epsilon(from, nodes[graph.start]);
    for (const Graph::Edge& edge : graph.edges)
      build(edge.what, nodes[edge.from], nodes[edge.to], false);
    for (const std::uint32_t end : graph.ends) epsilon(nodes[end], to);
  }

  void build_call(const Expr& e, std::uint32_t from, std::uint32_t to, bool at_end) {
    const bool once = e.min == 1 && e.max == 1;
    if (once && facts_.written_out(e.a)) {
      build(rules_.rule(e.a).body, from, to, at_end);
    } else if (once && at_end && !rules_.rule(e.a).shared && facts_.same_cycle(e.a, rule_)) {
      epsilon(from, entry_of(e.a));
    } else {
      // A call takes at least one byte; that it may take none is said here.
      const bool nullable = facts_.nullable(e.a);
      nfa_.calls.push_back({e.a, nullable ? 1 : e.min, e.max});
      edge(from,
           {Nfa::EdgeKind::kCall, 0, 0, static_cast<std::uint32_t>(nfa_.calls.size() - 1), to});
      if (nullable) epsilon(from, to);
    }
  }

  const Rules& rules_;
  const RuleFacts& facts_;
  RuleId rule_;
  std::size_t max_nodes_;
  Deadline& deadline_;
  Nfa& nfa_;
  std::unordered_map<RuleId, std::uint32_t> entries_;
  std::vector<std::pair<RuleId, std::uint32_t>> pending_;
  bool failed_ = false;
};

}  // namespace

bool build_nfa(const Rules& rules, const RuleFacts& facts, RuleId rule, std::size_t max_nodes,
               Deadline& deadline, Nfa& out) {
  return Builder(rules, facts, rule, max_nodes, deadline, out).run();
}

}  // namespace ondol::text::grammar
