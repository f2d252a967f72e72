#include "text/grammar/mask_cache.h"

#include <algorithm>

namespace ondol::text::grammar {
namespace {

// Of one walk; a grammar that is not made to be costly needs a hundredth. Short
// tokens come first, so what is left out when it is used up are long ones.
constexpr std::size_t kMaxWorkPerWalk = 200'000;

}  // namespace

std::size_t MaskCache::HashKey::operator()(const Key& key) const {
  std::uint64_t h = key.entry * 0x9E3779B97F4A7C15U;
  h = (h ^ key.call) * 0xBF58476D1CE4E5B9U;
  h = (h ^ key.count) * 0x94D049BB133111EBU;
  return h ^ (h >> 31);
}

MaskCache::MaskCache(const Automaton& automaton, const GrammarVocabulary& vocabulary)
    : automaton_(automaton),
      vocabulary_(vocabulary),
      sets_(std::make_unique<LocalSets>(automaton)) {}

const MaskCache::Entry& MaskCache::in_state(StateId state) {
  if (const auto at = by_state_.find(state); at != by_state_.end()) return entries_[at->second];
  ConfigurationSet set;
  set.members.push_back({state, 0});
  Entry entry;
  for (const Configuration& at : sets_->stacks().expand(set)) {
    for (const auto& edge : automaton_.tokens(automaton_.states[at.state]))
      entry.tokens.push_back(edge.token);
  }
  walk({{0, sets_->number(std::move(set))}}, entry);
  const Entry& kept = keep(std::move(entry));
  by_state_.emplace(state, kept.id);
  return kept;
}

const MaskCache::Entry& MaskCache::in_frame(const Entry& below, std::uint32_t call,
                                            std::uint32_t count) {
  const Key key{below.id, call, representative(call, count)};
  if (const auto at = by_frame_.find(key); at != by_frame_.end()) return entries_[at->second];
  ConfigurationSet set;
  sets_->stacks().come_back(0, call, key.count, set);
  Stacks::settle(set);
  const LocalSets::SetId id = sets_->number(std::move(set));
  std::vector<Place> open;
  for (const std::uint32_t node : below.exits) open.push_back({node, id});
  Entry entry;
  walk(std::move(open), entry);
  const Entry& kept = keep(std::move(entry));
  by_frame_.emplace(key, kept.id);
  return kept;
}

// Each repetition takes at least one byte, so counts that are farther from both
// bounds than a token is long all behave like one of them.
std::uint32_t MaskCache::representative(std::uint32_t call, std::uint32_t count) const {
  const Automaton::CallEdge& edge = automaton_.call_edges[call];
  const auto reach = static_cast<std::uint32_t>(vocabulary_.max_token_bytes()) + 1;
  if (edge.max != kNoBound && edge.max - count <= reach) return count;
  if (count >= edge.min) return edge.min;
  return edge.min - count > reach ? 0 : count;
}

// Breadth first: the order in which the trie lies in memory.
void MaskCache::walk(std::vector<Place> open, Entry& out) {
  const std::span<const GrammarVocabulary::Node> nodes = vocabulary_.nodes();
  const std::span<const TokenId> ids = vocabulary_.sorted_ids();
  const std::size_t work_end = sets_->work() + kMaxWorkPerWalk;
  for (std::size_t i = 0; i < open.size(); ++i) {
    const Place place = open[i];
    const GrammarVocabulary::Node& node = nodes[place.node];
    if (sets_->at_bottom(place.set) && place.node != 0) out.exits.push_back(place.node);
    if (!sets_->goes_on(place.set) || sets_->work() > work_end) continue;
    const LocalSets::Row& row = sets_->row(place.set);
    for (std::uint32_t child = node.first_child; child < node.first_child + node.n_children;
         ++child) {
      const LocalSets::SetId set = row[nodes[child].byte];
      if (set == LocalSets::kDead) continue;
      const std::span<const TokenId> own =
          ids.subspan(nodes[child].first_token, nodes[child].n_tokens);
      out.tokens.insert(out.tokens.end(), own.begin(), own.end());
      if (nodes[child].n_children > 0) open.push_back({child, set});
    }
  }
  work_ += open.size() / 16;  // a visit is that much cheaper than a step
}

const MaskCache::Entry& MaskCache::keep(Entry entry) {
  if (entry.tokens.size() > vocabulary_.n_mask_words()) {
    entry.words.resize(vocabulary_.n_mask_words());
    for (const TokenId token : entry.tokens) {
      entry.words[static_cast<std::size_t>(token) / 32] |=
          1U << (static_cast<std::uint32_t>(token) % 32);
    }
    entry.tokens.clear();
  }
  entry.tokens.shrink_to_fit();
  entry.exits.shrink_to_fit();
  entry.id = static_cast<std::uint32_t>(entries_.size());
  bytes_ +=
      (entry.tokens.size() + entry.words.size() + entry.exits.size()) * 4 + sizeof(Entry) + 64;
  return entries_.emplace_back(std::move(entry));
}

void MaskCache::add_to(const Entry& entry, std::span<std::uint32_t> bits) {
  for (std::size_t i = 0; i < entry.words.size(); ++i) bits[i] |= entry.words[i];
  for (const TokenId token : entry.tokens) {
    bits[static_cast<std::size_t>(token) / 32] |= 1U << (static_cast<std::uint32_t>(token) % 32);
  }
}

void MaskCache::clear() {
  work_ += sets_->work();
  sets_ = std::make_unique<LocalSets>(automaton_);
  entries_.clear();
  by_state_.clear();
  by_frame_.clear();
  bytes_ = 0;
}

}  // namespace ondol::text::grammar
