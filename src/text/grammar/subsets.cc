#include "text/grammar/subsets.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <map>
#include <unordered_map>

namespace ondol::text::grammar {
namespace {

using Members = std::vector<std::uint32_t>;  // NFA nodes, sorted

struct HashMembers {
  std::size_t operator()(const Members& members) const {
    std::uint64_t h = members.size();
    for (const std::uint32_t m : members) h = (h ^ m) * 0x9E3779B97F4A7C15U;
    return h ^ (h >> 29);
  }
};

class Construction {
 public:
  Construction(const Nfa& nfa, const SubsetLimits& limits, std::size_t& n_members,
               Deadline& deadline, std::string_view where, Automaton& out)
      : nfa_(nfa),
        limits_(limits),
        n_members_(n_members),
        deadline_(deadline),
        where_(where),
        out_(out),
        first_(out.states.size()),
        mark_(nfa.nodes.size()) {}

  Result<StateId> run() {
    const StateId start = state_of({nfa_.start});
    while (next_ < subsets_.size()) {
      if (out_.states.size() > limits_.n_states) {
        return fail(ErrorCode::kLimit, where_, "", "the grammar needs too many states",
                    out_.states.size(), limits_.n_states);
      }
      if (n_members_ > limits_.n_members) {
        return fail(ErrorCode::kLimit, where_, "",
                    "the grammar is too ambiguous to be made deterministic", n_members_,
                    limits_.n_members);
      }
      if (deadline_.passed())
        return fail(ErrorCode::kLimit, where_, "", "the grammar takes too long to compile");
      expand(static_cast<StateId>(first_ + next_), *subsets_[next_]);
      ++next_;
    }
    return start;
  }

 private:
  // The nodes reachable without input that matter: those with other edges, and the end.
  Members closure(std::vector<std::uint32_t> open) {
    ++epoch_;
    Members members;
    for (const std::uint32_t node : open) mark_[node] = epoch_;
    while (!open.empty()) {
      const std::uint32_t node = open.back();
      open.pop_back();
      bool matters = node == nfa_.end;
      for (std::uint32_t e = nfa_.nodes[node]; e != Nfa::kNone; e = nfa_.edges[e].next) {
        const Nfa::Edge& edge = nfa_.edges[e];
        if (edge.kind != Nfa::EdgeKind::kEpsilon) {
          matters = true;
        } else if (mark_[edge.to] != epoch_) {
          mark_[edge.to] = epoch_;
          open.push_back(edge.to);
        }
      }
      if (matters) members.push_back(node);
    }
    std::ranges::sort(members);
    const auto [end, last] = std::ranges::unique(members);
    members.erase(end, last);
    return members;
  }

  StateId state_of(std::vector<std::uint32_t> targets) {
    Members members = closure(std::move(targets));
    const auto [at, is_new] =
        ids_.try_emplace(std::move(members), static_cast<StateId>(out_.states.size()));
    if (is_new) {
      n_members_ += at->first.size() + 4;
      Automaton::State state;
      state.final = std::ranges::binary_search(at->first, nfa_.end);
      out_.states.push_back(state);
      subsets_.push_back(&at->first);
    }
    return at->second;
  }

  void expand(StateId id, const Members& members) {
    std::vector<Nfa::Edge> bytes;
    std::map<std::uint32_t, std::vector<std::uint32_t>> tokens;
    std::map<Nfa::Call, std::vector<std::uint32_t>> calls;
    for (const std::uint32_t node : members) {
      for (std::uint32_t e = nfa_.nodes[node]; e != Nfa::kNone; e = nfa_.edges[e].next) {
        const Nfa::Edge& edge = nfa_.edges[e];
        if (edge.kind == Nfa::EdgeKind::kBytes) bytes.push_back(edge);
        if (edge.kind == Nfa::EdgeKind::kToken) tokens[edge.symbol].push_back(edge.to);
        if (edge.kind == Nfa::EdgeKind::kCall) calls[nfa_.calls[edge.symbol]].push_back(edge.to);
      }
    }
    out_.states[id].first_byte = static_cast<std::uint32_t>(out_.byte_edges.size());
    add_byte_edges(bytes);
    out_.states[id].n_bytes =
        static_cast<std::uint32_t>(out_.byte_edges.size()) - out_.states[id].first_byte;
    out_.states[id].first_token = static_cast<std::uint32_t>(out_.token_edges.size());
    for (auto& [token, to] : tokens) {
      out_.token_edges.push_back({static_cast<TokenId>(token), state_of(std::move(to))});
    }
    out_.states[id].n_tokens = static_cast<std::uint32_t>(tokens.size());
    out_.states[id].first_call = static_cast<std::uint32_t>(out_.call_edges.size());
    for (auto& [call, to] : calls) {
      out_.call_edges.push_back({call.rule, 0, state_of(std::move(to)), call.min, call.max});
    }
    out_.states[id].n_calls = static_cast<std::uint32_t>(calls.size());
  }

  // Cuts the ranges where any begins or ends; each piece has one set of targets.
  void add_byte_edges(const std::vector<Nfa::Edge>& edges) {
    std::bitset<257> cuts;
    for (const Nfa::Edge& edge : edges) {
      cuts.set(edge.low);
      cuts.set(edge.high + 1U);
    }
    std::array<std::vector<std::uint32_t>, 256> targets;  // by the first byte of a piece
    for (const Nfa::Edge& edge : edges) {
      for (unsigned b = edge.low; b <= edge.high; ++b) {
        if (cuts[b]) targets[b].push_back(edge.to);
      }
    }
    for (unsigned low = 0; low < 256; ++low) {
      if (targets[low].empty()) continue;
      unsigned high = low;
      while (!cuts[high + 1]) ++high;
      const StateId to = state_of(std::move(targets[low]));
      const auto low8 = static_cast<std::uint8_t>(low);
      const auto high8 = static_cast<std::uint8_t>(high);
      Automaton::ByteEdge* last =
          low == 0 || out_.byte_edges.empty() ? nullptr : &out_.byte_edges.back();
      if (last_of_state_ == out_.byte_edges.size() && last != nullptr && last->to == to &&
          last->high + 1U == low) {
        last->high = high8;
      } else {
        out_.byte_edges.push_back({low8, high8, to});
      }
      last_of_state_ = out_.byte_edges.size();
    }
    last_of_state_ = 0;
  }

  const Nfa& nfa_;
  const SubsetLimits& limits_;
  std::size_t& n_members_;
  Deadline& deadline_;
  std::string_view where_;
  Automaton& out_;
  std::size_t first_;
  std::size_t next_ = 0;
  std::size_t last_of_state_ = 0;  // end of byte_edges after the last edge of this state
  std::vector<std::uint32_t> mark_;
  std::uint32_t epoch_ = 0;
  std::unordered_map<Members, StateId, HashMembers> ids_;
  std::vector<const Members*> subsets_;  // by state; keys of ids_ stay where they are
};

}  // namespace

Result<StateId> append_rule(const Nfa& nfa, const SubsetLimits& limits, std::size_t& n_members,
                            Deadline& deadline, std::string_view where, Automaton& out) {
  return Construction(nfa, limits, n_members, deadline, where, out).run();
}

}  // namespace ondol::text::grammar
