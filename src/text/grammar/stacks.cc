#include "text/grammar/stacks.h"

#include <algorithm>

namespace ondol::text::grammar {

std::size_t Stacks::HashKey::operator()(const Key& key) const {
  std::uint64_t h = key.parent * 0x9E3779B97F4A7C15U;
  h = (h ^ key.call) * 0xBF58476D1CE4E5B9U;
  h = (h ^ key.count) * 0x94D049BB133111EBU;
  return h ^ (h >> 31);
}

Stacks::Stacks(const Automaton& automaton, std::uint32_t max_depth, bool count_rest)
    : automaton_(&automaton), max_depth_(max_depth), count_rest_(count_rest), frames_(1) {}

bool Stacks::push(FrameId parent, std::uint32_t call, std::uint32_t count, FrameId& out) {
  const std::uint32_t depth = frames_[parent].depth + 1;
  const Automaton::CallEdge& edge = automaton_->call_edges[call];
  std::uint32_t needed = depth;
  if (count_rest_) {
    // The called rule still has to come to its end, and so has what follows it.
    needed += edge.depth;
    needed = std::max(needed, depth - 1 + automaton_->states[edge.to].depth);
  }
  if (needed > max_depth_) return false;
  const auto [at, is_new] =
      ids_.try_emplace(Key{parent, call, count}, static_cast<FrameId>(frames_.size()));
  if (is_new) frames_.push_back({parent, call, count, depth});
  out = at->second;
  return true;
}

std::vector<Configuration> Stacks::expand(const ConfigurationSet& set) {
  std::vector<Configuration> all = set.members;
  for (std::size_t i = 0; i < all.size() && all.size() < 2 * kMaxConfigurations; ++i) {
    const Configuration at = all[i];
    const Automaton::State& state = automaton_->states[at.state];
    for (std::uint32_t c = state.first_call; c < state.first_call + state.n_calls; ++c) {
      const Automaton::CallEdge& edge = automaton_->call_edges[c];
      Configuration callee{edge.start, at.frame};
      const bool last_call = edge.max == 1 && automaton_->is_end(edge.to);
      if (last_call || push(at.frame, c, 0, callee.frame)) all.push_back(callee);
    }
  }
  std::ranges::sort(all);
  const auto [first, last] = std::ranges::unique(all);
  all.erase(first, last);
  return all;
}

void Stacks::add(StateId state, FrameId frame, ConfigurationSet& out) {
  const Automaton::State& s = automaton_->states[state];
  if (s.n_bytes + s.n_tokens + s.n_calls > 0) out.members.push_back({state, frame});
}

void Stacks::arrive(StateId state, FrameId frame, ConfigurationSet& out) {
  const Automaton::State& s = automaton_->states[state];
  if (count_rest_ && frames_[frame].depth + s.depth > max_depth_) return;
  add(state, frame, out);
  if (!s.final) return;
  if (frame == 0) {
    out.at_bottom = true;
  } else {
    const Frame& f = frames_[frame];
    come_back(f.parent, f.call, f.count, out);
  }
}

void Stacks::come_back(FrameId parent, std::uint32_t call, std::uint32_t count,
                       ConfigurationSet& out) {
  const Automaton::CallEdge& edge = automaton_->call_edges[call];
  const std::uint32_t done = edge.max == kNoBound ? std::min(count + 1, edge.min) : count + 1;
  FrameId again = 0;
  if (done < edge.max && push(parent, call, done, again)) add(edge.start, again, out);
  if (done >= edge.min) arrive(edge.to, parent, out);
}

void Stacks::settle(ConfigurationSet& set) {
  std::ranges::sort(set.members);
  const auto [first, last] = std::ranges::unique(set.members);
  set.members.erase(first, last);
  if (set.members.size() > kMaxConfigurations) set.members.resize(kMaxConfigurations);
}

ConfigurationSet Stacks::step_byte(const ConfigurationSet& set, std::uint8_t byte) {
  ConfigurationSet out;
  for (const Configuration& at : expand(set)) {
    for (const auto& edge : automaton_->bytes(automaton_->states[at.state])) {
      if (edge.low <= byte && byte <= edge.high) arrive(edge.to, at.frame, out);
    }
  }
  settle(out);
  return out;
}

ConfigurationSet Stacks::step_token(const ConfigurationSet& set, TokenId token) {
  ConfigurationSet out;
  for (const Configuration& at : expand(set)) {
    for (const auto& edge : automaton_->tokens(automaton_->states[at.state])) {
      if (edge.token == token) arrive(edge.to, at.frame, out);
    }
  }
  settle(out);
  return out;
}

void Stacks::compact(ConfigurationSet& set) {
  std::vector<bool> used(frames_.size());
  used[0] = true;
  for (const Configuration& at : set.members) {
    for (FrameId id = at.frame; !used[id]; id = frames_[id].parent) used[id] = true;
  }
  // A parent is older than its children, so it has its new number before them.
  std::vector<FrameId> renumbered(frames_.size());
  std::vector<Frame> kept;
  ids_.clear();
  for (FrameId id = 0; id < frames_.size(); ++id) {
    if (!used[id]) continue;
    renumbered[id] = static_cast<FrameId>(kept.size());
    Frame frame = frames_[id];
    frame.parent = renumbered[frame.parent];
    if (id != 0) ids_.emplace(Key{frame.parent, frame.call, frame.count}, renumbered[id]);
    kept.push_back(frame);
  }
  frames_ = std::move(kept);
  for (Configuration& at : set.members) at.frame = renumbered[at.frame];
  std::ranges::sort(set.members);
}

}  // namespace ondol::text::grammar
