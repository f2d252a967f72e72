// The merges of a BPE model: (left id, right id) -> (rank, merged id), in one
// flat hash. Threads: immutable after load.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "text/tokenizer.h"

namespace ondol::text {

class MergeTable {
 public:
  struct Entry {
    std::uint64_t pair = kFree;
    std::uint32_t rank = 0;
    TokenId merged = 0;
  };

  void reserve(std::size_t n_merges);
  /// A pair that is there already gets the new rank. REQUIRES: ids >= 0.
  void insert(TokenId left, TokenId right, std::uint32_t rank, TokenId merged);

  struct Merge {
    TokenId left = 0;
    TokenId right = 0;
    TokenId merged = 0;
  };
  /// insert() of each, the first with rank 0; faster than one by one.
  void insert_all(const std::vector<Merge>& merges);

  /// nullptr: the two do not merge.
  const Entry* find(TokenId left, TokenId right) const {
    const std::uint64_t pair = key(left, right);
    for (std::size_t slot = slot_of(pair);; slot = (slot + 1) & mask_) {
      if (slots_[slot].pair == pair) return &slots_[slot];
      if (slots_[slot].pair == kFree) return nullptr;
    }
  }

  std::size_t size() const { return n_entries_; }

  template <class F>
  void for_each(F&& f) const {
    for (const Entry& e : slots_) {
      if (e.pair != kFree) f(e);
    }
  }

 private:
  static constexpr std::uint64_t kFree = ~std::uint64_t{0};

  static std::uint64_t key(TokenId left, TokenId right) {
    return (std::uint64_t{static_cast<std::uint32_t>(left)} << 32) |
           static_cast<std::uint32_t>(right);
  }
  std::size_t slot_of(std::uint64_t pair) const {
    std::uint64_t h = pair * 0x9E3779B97F4A7C15ULL;
    h ^= h >> 32;
    return static_cast<std::size_t>(h * 0xD6E8FEB86659FD93ULL >> 28) & mask_;
  }
  void rehash(std::size_t n_slots);

  std::vector<Entry> slots_ = std::vector<Entry>(16);
  std::size_t mask_ = 15;
  std::size_t n_entries_ = 0;
};

}  // namespace ondol::text
