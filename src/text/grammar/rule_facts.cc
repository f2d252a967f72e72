#include <algorithm>

#include "text/grammar/nfa.h"

namespace ondol::text::grammar {
namespace {

constexpr std::uint32_t kMaxWrittenOut = 64;  // nodes of a rule that many others call
constexpr std::uint32_t kMaxNesting = 16;     // rules written out inside each other

// Calls of an expression, as often as its unrolled form holds them.
void collect_calls(const Rules& rules, ExprId root, std::vector<RuleId>& out) {
  std::vector<ExprId> open = {root};
  while (!open.empty()) {
    const Expr& e = rules.expr(open.back());
    open.pop_back();
    switch (e.kind) {
      case Expr::Kind::kSeq:
      case Expr::Kind::kAlt:
        for (const ExprId part : rules.parts(e)) open.push_back(part);
        break;
      case Expr::Kind::kGraph:
        for (const Graph::Edge& edge : rules.graph_of(e).edges) open.push_back(edge.what);
        break;
      case Expr::Kind::kStar:
        open.push_back(e.a);
        break;
      case Expr::Kind::kCall:
        out.push_back(e.a);
        break;
      default:
        break;
    }
  }
}

// Strongly connected components (Tarjan 1972) without recursion; those that are
// called come before their callers in `order`.
class Components {
 public:
  explicit Components(const std::vector<std::vector<RuleId>>& callees)
      : callees_(callees),
        index_(callees.size(), kNone),
        low_(callees.size()),
        next_(callees.size()),
        component(callees.size(), kNone) {
    for (RuleId rule = 0; rule < callees.size(); ++rule) {
      if (index_[rule] == kNone) visit(rule);
    }
  }

 private:
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;

  void open(RuleId rule) {
    index_[rule] = low_[rule] = n_seen_++;
    path_.push_back(rule);
    stack_.push_back(rule);
  }

  void visit(RuleId root) {
    open(root);
    while (!path_.empty()) {
      const RuleId rule = path_.back();
      if (next_[rule] < callees_[rule].size()) {
        const RuleId callee = callees_[rule][next_[rule]++];
        if (index_[callee] == kNone)
          open(callee);
        else if (component[callee] == kNone)
          low_[rule] = std::min(low_[rule], index_[callee]);
        continue;
      }
      path_.pop_back();
      if (!path_.empty()) low_[path_.back()] = std::min(low_[path_.back()], low_[rule]);
      if (low_[rule] == index_[rule]) close(rule);
    }
  }

  void close(RuleId root) {
    for (RuleId rule = kNone; rule != root;) {
      rule = stack_.back();
      stack_.pop_back();
      component[rule] = n_components_;
      order.push_back(rule);
    }
    ++n_components_;
  }

  const std::vector<std::vector<RuleId>>& callees_;
  std::vector<std::uint32_t> index_, low_;
  std::vector<std::size_t> next_;
  std::vector<RuleId> path_, stack_;
  std::uint32_t n_seen_ = 0, n_components_ = 0;

 public:
  std::vector<std::uint32_t> component;
  std::vector<RuleId> order;
};

}  // namespace

RuleFacts::RuleFacts(const Rules& rules)
    : rules_(rules),
      callees_(rules.n_rules()),
      nullable_(rules.n_rules()),
      written_out_(rules.n_rules()),
      n_calls_(rules.n_rules()) {
  for (RuleId rule = 0; rule < rules.n_rules(); ++rule) {
    collect_calls(rules, rules.rule(rule).body, callees_[rule]);
    for (const RuleId callee : callees_[rule]) ++n_calls_[callee];
  }
  find_nullable();
  choose_written_out();
}

bool RuleFacts::nullable_expr(ExprId id) const {
  const Expr& e = rules_.expr(id);
  switch (e.kind) {
    case Expr::Kind::kEmpty:
    case Expr::Kind::kStar:
      return true;
    case Expr::Kind::kSeq:
      return std::ranges::all_of(rules_.parts(e), [&](ExprId part) { return nullable_expr(part); });
    case Expr::Kind::kAlt:
      return std::ranges::any_of(rules_.parts(e), [&](ExprId part) { return nullable_expr(part); });
    case Expr::Kind::kCall:
      return nullable_[e.a] != 0;
    case Expr::Kind::kGraph:
      return nullable_graph(rules_.graph_of(e));
    default:
      return false;
  }
}

bool RuleFacts::nullable_graph(const Graph& graph) const {
  std::vector<bool> reached(graph.n_nodes);
  reached[graph.start] = true;
  for (bool changed = true; changed;) {
    changed = false;
    for (const Graph::Edge& edge : graph.edges) {
      if (!reached[edge.from] || reached[edge.to] || !nullable_expr(edge.what)) continue;
      reached[edge.to] = true;
      changed = true;
    }
  }
  return std::ranges::any_of(graph.ends, [&](std::uint32_t end) { return reached[end]; });
}

// A rule is asked again when one that it calls has turned out to be nullable.
void RuleFacts::find_nullable() {
  std::vector<std::vector<RuleId>> callers(rules_.n_rules());
  for (RuleId rule = 0; rule < callees_.size(); ++rule) {
    for (const RuleId callee : callees_[rule]) {
      if (callers[callee].empty() || callers[callee].back() != rule)
        callers[callee].push_back(rule);
    }
  }
  std::vector<RuleId> open(rules_.n_rules());
  for (RuleId rule = 0; rule < open.size(); ++rule) open[rule] = rule;
  while (!open.empty()) {
    const RuleId rule = open.back();
    open.pop_back();
    if (nullable_[rule] != 0 || !nullable_expr(rules_.rule(rule).body)) continue;
    nullable_[rule] = 1;
    open.insert(open.end(), callers[rule].begin(), callers[rule].end());
  }
}

void RuleFacts::choose_written_out() {
  Components found(callees_);
  component_ = std::move(found.component);
  std::vector<std::uint32_t> members(component_.size());
  for (const std::uint32_t component : component_) ++members[component];
  std::vector<std::uint64_t> size(component_.size());
  std::vector<std::uint32_t> nesting(component_.size());
  for (const RuleId rule : found.order) {
    size[rule] = rules_.expr(rules_.rule(rule).body).size;
    bool recursive = members[component_[rule]] > 1;
    for (const RuleId callee : callees_[rule]) {
      recursive = recursive || callee == rule;
      if (written_out_[callee] == 0) continue;
      size[rule] += size[callee];
      nesting[rule] = std::max(nesting[rule], nesting[callee] + 1);
    }
    written_out_[rule] = !recursive && !rules_.rule(rule).shared && nesting[rule] < kMaxNesting &&
                         (n_calls_[rule] == 1 || size[rule] <= kMaxWrittenOut);
  }
}

}  // namespace ondol::text::grammar
