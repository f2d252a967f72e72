// Which tokens may come next in a state, whatever lies below it on the stack:
// computed once and kept, as XGrammar does (Dong et al. 2024, "XGrammar: Flexible
// and Efficient Structured Generation Engine", section 3.1). Tokens that leave
// the state's rule in their middle depend on the frame below: they are kept as
// the places in the vocabulary's trie where they leave it, and resolved by one
// more kept entry for each frame that they return to. So the mask of a stack is
// a short chain of entries.
//
// A walk over the vocabulary meets the same sets of configurations again and
// again; sets are numbered and their byte transitions tabled (LocalSets).
//
// Owner: a Grammar, which locks it. Memory: clear() when bytes() is too much.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "text/grammar/automaton.h"
#include "text/grammar/stacks.h"
#include "text/grammar/vocabulary.h"

namespace ondol::text::grammar {

class LocalSets {
 public:
  using SetId = std::uint32_t;
  static constexpr SetId kDead = 0;
  using Row = std::array<SetId, 256>;

  explicit LocalSets(const Automaton& automaton);

  SetId number(ConfigurationSet set);
  /// The set after one byte. Building a row costs work(), reading it does not.
  const Row& row(SetId set);
  bool at_bottom(SetId set) const { return sets_[set]->at_bottom; }
  bool goes_on(SetId set) const { return !sets_[set]->members.empty(); }
  Stacks& stacks() { return stacks_; }
  std::size_t bytes() const { return bytes_; }
  std::size_t work() const { return work_; }

 private:
  struct Hash {
    std::size_t operator()(const ConfigurationSet& set) const;
  };
  struct Equal {
    bool operator()(const ConfigurationSet& a, const ConfigurationSet& b) const {
      return a.at_bottom == b.at_bottom && a.members == b.members;
    }
  };

  void build_row(SetId set);

  const Automaton& automaton_;
  Stacks stacks_;
  std::unordered_map<ConfigurationSet, SetId, Hash, Equal> ids_;
  std::vector<const ConfigurationSet*> sets_;  // keys of ids_
  std::vector<std::unique_ptr<Row>> rows_;     // by set; null until asked for
  std::size_t bytes_ = 0;
  std::size_t work_ = 0;  // configurations stepped on
};

class MaskCache {
 public:
  struct Entry {
    std::uint32_t id = 0;
    std::vector<TokenId> tokens;       // allowed: a list, or
    std::vector<std::uint32_t> words;  // [n_mask_words] a mask when they are many
    std::vector<std::uint32_t> exits;  // trie nodes where tokens go on in the frame below
  };

  MaskCache(const Automaton& automaton, const GrammarVocabulary& vocabulary);

  /// Tokens that may follow when `state` is on top.
  const Entry& in_state(StateId state);
  /// Tokens that left what `below` describes and go on where frame (call, count) returns.
  const Entry& in_frame(const Entry& below, std::uint32_t call, std::uint32_t count);
  static void add_to(const Entry& entry, std::span<std::uint32_t> bits);

  std::size_t bytes() const { return bytes_ + sets_->bytes(); }
  /// Steps taken to compute entries, since the beginning.
  std::size_t work() const { return work_ + sets_->work(); }
  void clear();

 private:
  struct Place {
    std::uint32_t node = 0;
    LocalSets::SetId set = 0;
  };
  struct Key {
    std::uint32_t entry, call, count;
    bool operator==(const Key&) const = default;
  };
  struct HashKey {
    std::size_t operator()(const Key& key) const;
  };

  std::uint32_t representative(std::uint32_t call, std::uint32_t count) const;
  void walk(std::vector<Place> open, Entry& out);
  const Entry& keep(Entry entry);

  const Automaton& automaton_;
  const GrammarVocabulary& vocabulary_;
  std::unique_ptr<LocalSets> sets_;
  std::deque<Entry> entries_;
  std::unordered_map<StateId, std::uint32_t> by_state_;
  std::unordered_map<Key, std::uint32_t, HashKey> by_frame_;
  std::size_t bytes_ = 0;
  std::size_t work_ = 0;
};

}  // namespace ondol::text::grammar
