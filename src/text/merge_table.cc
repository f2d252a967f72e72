#include "text/merge_table.h"

#include <bit>
#include <utility>

namespace ondol::text {

void MergeTable::reserve(std::size_t n_merges) {
  const std::size_t n_slots = std::bit_ceil(n_merges + n_merges / 2 + 16);
  if (n_slots > slots_.size()) rehash(n_slots);
}

void MergeTable::insert(TokenId left, TokenId right, std::uint32_t rank, TokenId merged) {
  if (n_entries_ + n_entries_ / 2 >= slots_.size()) rehash(slots_.size() * 2);
  const std::uint64_t pair = key(left, right);
  std::size_t slot = slot_of(pair);
  while (slots_[slot].pair != kFree && slots_[slot].pair != pair) slot = (slot + 1) & mask_;
  if (slots_[slot].pair == kFree) ++n_entries_;
  slots_[slot] = {pair, rank, merged};
}

void MergeTable::insert_all(const std::vector<Merge>& merges) {
  constexpr std::size_t kAhead = 16;  // slots on their way from memory
  reserve(merges.size());
  for (std::size_t i = 0; i < merges.size(); ++i) {
    if (i + kAhead < merges.size()) {
      const Merge& later = merges[i + kAhead];
      __builtin_prefetch(&slots_[slot_of(key(later.left, later.right))], 1);
    }
    insert(merges[i].left, merges[i].right, static_cast<std::uint32_t>(i), merges[i].merged);
  }
}

void MergeTable::rehash(std::size_t n_slots) {
  const std::vector<Entry> old = std::exchange(slots_, std::vector<Entry>(n_slots));
  mask_ = n_slots - 1;
  for (const Entry& entry : old) {
    if (entry.pair == kFree) continue;
    std::size_t slot = slot_of(entry.pair);
    while (slots_[slot].pair != kFree) slot = (slot + 1) & mask_;
    slots_[slot] = entry;
  }
}

}  // namespace ondol::text
