#include "text/grammar/triggers.h"

#include <array>
#include <map>
#include <utility>

namespace ondol::text::grammar {
namespace {

constexpr std::int32_t kNone = -1;

bool is_space(unsigned byte) { return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r'; }

// The strings that may begin anywhere: state 0 is "no beginning of any seen".
struct Finder {
  struct State {
    std::array<std::int32_t, 256> next;
    std::int32_t fallback = 0;
    std::int32_t match = kNone;  // trigger that ends here
    State() { next.fill(kNone); }
  };
  std::vector<State> states = std::vector<State>(1);

  void add(std::string_view text, std::int32_t trigger) {
    std::int32_t at = 0;
    for (const char c : text) {
      const auto byte = static_cast<std::uint8_t>(c);
      if (states[static_cast<std::size_t>(at)].next[byte] == kNone) {
        states[static_cast<std::size_t>(at)].next[byte] = static_cast<std::int32_t>(states.size());
        states.emplace_back();
      }
      at = states[static_cast<std::size_t>(at)].next[byte];
    }
    if (states[static_cast<std::size_t>(at)].match == kNone)
      states[static_cast<std::size_t>(at)].match = trigger;
  }

  // Adds what follows a mismatch. Without it the states are a plain trie.
  void link() {
    std::vector<std::int32_t> open = {0};
    for (std::size_t i = 0; i < open.size(); ++i) {
      const std::int32_t at = open[i];
      const std::int32_t fallback = states[static_cast<std::size_t>(at)].fallback;
      for (unsigned byte = 0; byte < 256; ++byte) {
        const std::int32_t on_mismatch =
            at == 0 ? 0 : states[static_cast<std::size_t>(fallback)].next[byte];
        std::int32_t& next = states[static_cast<std::size_t>(at)].next[byte];
        if (next == kNone) {
          next = on_mismatch;
          continue;
        }
        State& child = states[static_cast<std::size_t>(next)];
        child.fallback = on_mismatch;
        if (child.match == kNone) child.match = states[static_cast<std::size_t>(on_mismatch)].match;
        open.push_back(next);
      }
    }
  }
};

class Builder {
 public:
  Builder(Rules& rules, std::vector<Trigger> triggers)
      : rules_(rules), triggers_(std::move(triggers)) {
    for (std::size_t i = 0; i < triggers_.size(); ++i) {
      const Trigger& t = triggers_[i];
      if (!t.text.empty())
        (t.only_at_start ? at_start_ : anywhere_).add(t.text, static_cast<std::int32_t>(i));
    }
    anywhere_.link();
  }

  ExprId run(std::uint32_t max_times) {
    const bool counted = max_times != kNoBound;
    graph_.start = begin_round(true, max_times > 0);
    std::vector<std::uint32_t> open = std::exchange(after_, {});
    for (std::uint32_t round = 1; !open.empty(); ++round) {
      const std::uint32_t next = begin_round(false, !counted || round < max_times);
      for (const std::uint32_t node : open) graph_.edge(node, rules_.empty(), next);
      open = std::exchange(after_, {});
      if (counted) continue;
      for (const std::uint32_t node : open) graph_.edge(node, rules_.empty(), next);
      break;
    }
    return rules_.graph(std::move(graph_));
  }

 private:
  // Where the text stands: in the trie of triggers at the start (kNone: no
  // longer), and among those that may come anywhere.
  using Place = std::pair<std::int32_t, std::int32_t>;

  // The automaton of one stretch of free text; its triggers' ends go to after_.
  std::uint32_t begin_round(bool at_start, bool may_fire) {
    nodes_.clear();
    fired_.assign(triggers_.size(), kNoBound);
    open_.clear();
    const std::uint32_t start = node_of({at_start ? 0 : kNone, 0});
    while (!open_.empty()) {
      const Place place = open_.back();
      open_.pop_back();
      add_edges(place, may_fire);
    }
    return start;
  }

  std::uint32_t node_of(Place place) {
    const auto [at, is_new] = nodes_.try_emplace(place, graph_.n_nodes);
    if (is_new) {
      graph_.ends.push_back(graph_.node());
      open_.push_back(place);
    }
    return at->second;
  }

  void add_edges(Place place, bool may_fire) {
    const std::uint32_t from = nodes_.at(place);
    std::map<std::uint32_t, ByteSet> by_target;
    for (unsigned byte = 0; byte < 256; ++byte) {
      Place next = {kNone, anywhere_.states[static_cast<std::size_t>(place.second)].next[byte]};
      if (place.first != kNone) next.first = next_at_start(place.first, byte);
      std::int32_t match = anywhere_.states[static_cast<std::size_t>(next.second)].match;
      if (next.first != kNone &&
          at_start_.states[static_cast<std::size_t>(next.first)].match != kNone) {
        match = at_start_.states[static_cast<std::size_t>(next.first)].match;
      }
      if (match != kNone && !may_fire) continue;
      by_target[match == kNone ? node_of(next) : fired(static_cast<std::size_t>(match))].set(byte);
    }
    for (const auto& [to, set] : by_target) graph_.edge(from, rules_.bytes(set), to);
    if (!may_fire) return;
    for (std::size_t i = 0; i < triggers_.size(); ++i) {
      if (!triggers_[i].text.empty() || (triggers_[i].only_at_start && place.first != 0)) continue;
      graph_.edge(from, rules_.token(triggers_[i].token), fired(i));
    }
  }

  std::int32_t next_at_start(std::int32_t at, unsigned byte) const {
    const std::int32_t next = at_start_.states[static_cast<std::size_t>(at)].next[byte];
    return next == kNone && at == 0 && is_space(byte) ? 0 : next;
  }

  // The place behind trigger i, from where its structure leads to the next round.
  std::uint32_t fired(std::size_t i) {
    if (fired_[i] == kNoBound) {
      fired_[i] = graph_.node();
      const std::uint32_t done = graph_.node();
      graph_.edge(fired_[i], triggers_[i].then, done);
      after_.push_back(done);
    }
    return fired_[i];
  }

  Rules& rules_;
  std::vector<Trigger> triggers_;
  Finder anywhere_, at_start_;
  Graph graph_;
  std::map<Place, std::uint32_t> nodes_;
  std::vector<Place> open_;
  std::vector<std::uint32_t> fired_;  // by trigger, in this round; kNoBound: not yet
  std::vector<std::uint32_t> after_;  // ends of this round's triggered structures
};

}  // namespace

ExprId triggered_expr(Rules& rules, std::vector<Trigger> triggers, std::uint32_t max_times) {
  for (Trigger& trigger : triggers) {
    // Each round refers to it; as a rule it stands once.
    const RuleId rule = rules.declare();
    rules.define(rule, trigger.then);
    trigger.then = rules.call(rule);
  }
  return Builder(rules, std::move(triggers)).run(max_times);
}

}  // namespace ondol::text::grammar
