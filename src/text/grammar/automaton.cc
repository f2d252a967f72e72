#include "text/grammar/automaton.h"

#include <algorithm>

#include "text/grammar/nfa.h"
#include "text/grammar/subsets.h"

namespace ondol::text::grammar {
namespace {

constexpr std::uint32_t kNever = 0xFFFFFFFF;
constexpr std::size_t kMembersPerState = 64;  // of subsets, on average

class Construction {
 public:
  Construction(const Rules& rules, std::size_t max_states, Deadline& deadline,
               std::string_view where)
      : rules_(rules), facts_(rules), max_states_(max_states), deadline_(deadline), where_(where) {}

  Result<Automaton> run(RuleId root) {
    ONDOL_TRY_VOID(add_rules(root));
    for (Automaton::CallEdge& call : out_.call_edges) call.start = start_of_[call.rule];
    out_.start = start_of_[root];
    out_.empty_answer = facts_.nullable(root);
    ONDOL_TRY_VOID(find_depths());
    drop_dead_edges();
    const std::uint32_t depth = out_.states[out_.start].depth;
    if (depth == kNever && !out_.empty_answer) {
      return fail(ErrorCode::kInvalidArgument, where_, "", "no finite answer matches the grammar");
    }
    ONDOL_TRY_VOID(check_left_calls());
    return std::move(out_);
  }

 private:
  // Only rules that some automaton calls are built.
  Result<void> add_rules(RuleId root) {
    start_of_.assign(rules_.n_rules(), kNever);
    const SubsetLimits limits{max_states_, max_states_ * kMembersPerState};
    std::size_t n_members = 0;
    std::vector<RuleId> open = {root};
    while (!open.empty()) {
      const RuleId rule = open.back();
      open.pop_back();
      if (start_of_[rule] != kNever) continue;
      Nfa nfa;
      if (!build_nfa(rules_, facts_, rule, max_states_ * kMembersPerState / 4, deadline_, nfa)) {
        return fail(ErrorCode::kLimit, where_, "",
                    "the grammar is too large, or takes too long to compile");
      }
      ONDOL_TRY(start_of_[rule], append_rule(nfa, limits, n_members, deadline_, where_, out_));
      for (const Nfa::Call& call : nfa.calls) open.push_back(call.rule);
    }
    return {};
  }

  // The frames that each state's shortest way to its rule's end needs; a state
  // without such a way keeps kNever. A start state counts ways of one byte or more.
  Result<void> find_depths() {
    const std::size_t n = out_.states.size();
    std::vector<std::uint32_t> onward(n, kNever);  // with at least one step
    for (Automaton::State& s : out_.states) s.depth = s.final ? 0 : kNever;
    // Edges lead to later states more often than not: from the end, passes are few.
    for (bool changed = true; changed;) {
      changed = false;
      for (std::size_t i = n; i-- > 0;) {
        if (deadline_.passed())
          return fail(ErrorCode::kLimit, where_, "", "the grammar takes too long to compile");
        const std::uint32_t best = step_depth(out_.states[i], onward);
        if (best >= onward[i]) continue;
        onward[i] = best;
        out_.states[i].depth = std::min(out_.states[i].depth, best);
        changed = true;
      }
    }
    onward_ = std::move(onward);
    for (const RuleId rule : rule_ids()) {
      if (onward_[start_of_[rule]] != kNever && onward_[start_of_[rule]] > kMaxStackDepth / 2) {
        return fail(ErrorCode::kLimit, where_, "", "rules nest too deep in every answer",
                    onward_[start_of_[rule]], kMaxStackDepth / 2);
      }
    }
    return {};
  }

  std::uint32_t step_depth(const Automaton::State& s,
                           const std::vector<std::uint32_t>& onward) const {
    std::uint32_t best = kNever;
    for (const auto& edge : out_.bytes(s)) best = std::min(best, out_.states[edge.to].depth);
    for (const auto& edge : out_.tokens(s)) best = std::min(best, out_.states[edge.to].depth);
    for (const auto& call : out_.calls(s)) {
      if (onward[call.start] == kNever) continue;
      best = std::min(best, std::max(onward[call.start] + 1, out_.states[call.to].depth));
    }
    return best;
  }

  std::vector<RuleId> rule_ids() const {
    std::vector<RuleId> ids;
    for (RuleId rule = 0; rule < start_of_.size(); ++rule) {
      if (start_of_[rule] != kNever) ids.push_back(rule);
    }
    return ids;
  }

  void drop_dead_edges() {
    Automaton kept;
    kept.states = out_.states;
    kept.start = out_.start;
    kept.empty_answer = out_.empty_answer;
    const auto alive = [&](StateId to) { return out_.states[to].depth != kNever; };
    for (Automaton::State& s : kept.states) {
      const Automaton::State old = s;
      if (old.depth != kNever) kept.max_depth = std::max(kept.max_depth, old.depth);
      s.first_byte = static_cast<std::uint32_t>(kept.byte_edges.size());
      for (const auto& edge : out_.bytes(old)) {
        if (alive(edge.to)) kept.byte_edges.push_back(edge);
      }
      s.n_bytes = static_cast<std::uint32_t>(kept.byte_edges.size()) - s.first_byte;
      s.first_token = static_cast<std::uint32_t>(kept.token_edges.size());
      for (const auto& edge : out_.tokens(old)) {
        if (alive(edge.to)) kept.token_edges.push_back(edge);
      }
      s.n_tokens = static_cast<std::uint32_t>(kept.token_edges.size()) - s.first_token;
      s.first_call = static_cast<std::uint32_t>(kept.call_edges.size());
      for (const auto& call : out_.calls(old)) {
        if (!alive(call.to) || onward_[call.start] == kNever) continue;
        kept.call_edges.push_back(call);
        kept.call_edges.back().depth = onward_[call.start];
        kept.max_depth = std::max(kept.max_depth, onward_[call.start] + 1);
      }
      s.n_calls = static_cast<std::uint32_t>(kept.call_edges.size()) - s.first_call;
    }
    out_ = std::move(kept);
  }

  // A rule that calls itself before it has taken a byte would push without end;
  // so, nearly, would a long chain of first calls.
  Result<void> check_left_calls() {
    std::vector<std::uint32_t> chain(out_.states.size(), kNever);  // by start state
    constexpr std::uint32_t kOpen = kNever - 1;
    std::vector<StateId> stack;
    for (const RuleId rule : rule_ids()) {
      stack.push_back(start_of_[rule]);
      while (!stack.empty()) {
        const StateId id = stack.back();
        if (chain[id] == kNever) {
          chain[id] = kOpen;
          for (const auto& call : out_.calls(out_.states[id])) {
            if (chain[call.start] == kOpen) {
              return fail(ErrorCode::kUnsupported, where_, "",
                          "left recursion: a rule begins with itself");
            }
            if (chain[call.start] == kNever) stack.push_back(call.start);
          }
          continue;
        }
        stack.pop_back();
        if (chain[id] != kOpen) continue;
        chain[id] = 0;
        for (const auto& call : out_.calls(out_.states[id]))
          chain[id] = std::max(chain[id], chain[call.start] + 1);
        if (chain[id] > kMaxLocalDepth / 2) {
          return fail(ErrorCode::kLimit, where_, "", "too many rules begin with one another",
                      chain[id], kMaxLocalDepth / 2);
        }
      }
    }
    return {};
  }

  const Rules& rules_;
  RuleFacts facts_;
  std::size_t max_states_;
  Deadline& deadline_;
  std::string_view where_;
  Automaton out_;
  std::vector<StateId> start_of_;      // by rule
  std::vector<std::uint32_t> onward_;  // by state: depth, when at least one step is taken
};

}  // namespace

Result<Automaton> build_automaton(const Rules& rules, RuleId root, std::size_t max_states,
                                  Deadline& deadline, std::string_view where) {
  if (rules.over_limit()) return fail(ErrorCode::kLimit, where, "", "the grammar is too large");
  return Construction(rules, max_states, deadline, where).run(root);
}

}  // namespace ondol::text::grammar
