#include <algorithm>
#include <bitset>

#include "text/grammar/mask_cache.h"

namespace ondol::text::grammar {

LocalSets::LocalSets(const Automaton& automaton)
    : automaton_(automaton), stacks_(automaton, kMaxLocalDepth, false) {
  number({});  // kDead
}

std::size_t LocalSets::Hash::operator()(const ConfigurationSet& set) const {
  std::uint64_t h = set.at_bottom ? 1 : 2;
  for (const Configuration& at : set.members) {
    h = (h ^ at.state) * 0x9E3779B97F4A7C15U;
    h = (h ^ at.frame) * 0xBF58476D1CE4E5B9U;
  }
  return h ^ (h >> 29);
}

LocalSets::SetId LocalSets::number(ConfigurationSet set) {
  const auto [at, is_new] = ids_.try_emplace(std::move(set), static_cast<SetId>(sets_.size()));
  if (is_new) {
    sets_.push_back(&at->first);
    rows_.emplace_back();
    bytes_ += at->first.members.size() * sizeof(Configuration) + 128;
  }
  return at->second;
}

const LocalSets::Row& LocalSets::row(SetId set) {
  if (rows_[set] == nullptr) build_row(set);
  return *rows_[set];
}

// Bytes between two cuts lead to the same set.
void LocalSets::build_row(SetId set) {
  rows_[set] = std::make_unique<Row>();
  rows_[set]->fill(kDead);
  bytes_ += sizeof(Row);
  const std::vector<Configuration> all = stacks_.expand(*sets_[set]);
  work_ += all.size() + 1;
  std::bitset<257> cuts;
  for (const Configuration& at : all) {
    for (const auto& edge : automaton_.bytes(automaton_.states[at.state])) {
      cuts.set(edge.low);
      cuts.set(edge.high + 1U);
    }
  }
  for (unsigned low = 0, high = 0; low < 256; low = high) {
    high = low + 1;
    if (!cuts[low]) continue;
    while (high < 256 && !cuts[high]) ++high;
    ConfigurationSet next;
    for (const Configuration& at : all) {
      for (const auto& edge : automaton_.bytes(automaton_.states[at.state])) {
        if (edge.low <= low && low <= edge.high) stacks_.arrive(edge.to, at.frame, next);
      }
    }
    Stacks::settle(next);
    work_ += next.members.size();
    const SetId id = number(std::move(next));
    std::fill(rows_[set]->begin() + low, rows_[set]->begin() + high, id);
  }
}

}  // namespace ondol::text::grammar
