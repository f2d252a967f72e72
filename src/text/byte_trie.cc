#include "text/byte_trie.h"

#include <utility>

namespace ondol::text {
namespace {

constexpr int kChildBits = 28;
constexpr std::uint64_t kChildMask = (std::uint64_t{1} << kChildBits) - 1;

std::uint64_t edge_key(ByteTrie::Node node, char byte) {
  return (std::uint64_t{node} << 8) | static_cast<std::uint8_t>(byte);
}

std::size_t slot_of(std::uint64_t key, std::size_t n_slots) {
  return static_cast<std::size_t>((key * 0x9E3779B97F4A7C15ULL) >> 20) & (n_slots - 1);
}

}  // namespace

bool ByteTrie::insert(std::string_view key, std::int32_t value) {
  Node node = kRoot;
  for (const char byte : key) {
    Node next = child(node, byte);
    if (next == kNone) {
      if (values_.size() >= kMaxNodes) return false;
      if (values_.size() * 2 >= edges_.size()) grow();
      next = static_cast<Node>(values_.size());
      values_.push_back(kNoValue);
      if (node == kRoot) {
        first_[static_cast<std::uint8_t>(byte)] = next;
      } else {
        const std::uint64_t edge = edge_key(node, byte);
        std::size_t slot = slot_of(edge, edges_.size());
        while (edges_[slot] != 0) slot = (slot + 1) & (edges_.size() - 1);
        edges_[slot] = (edge << kChildBits) | next;
      }
    }
    node = next;
  }
  values_[node] = value;
  return true;
}

ByteTrie::Node ByteTrie::child(Node node, char byte) const {
  if (node == kRoot) {
    const Node next = first_[static_cast<std::uint8_t>(byte)];
    return next == 0 ? kNone : next;
  }
  const std::uint64_t edge = edge_key(node, byte);
  std::size_t slot = slot_of(edge, edges_.size());
  while (edges_[slot] != 0) {
    if (edges_[slot] >> kChildBits == edge) return static_cast<Node>(edges_[slot] & kChildMask);
    slot = (slot + 1) & (edges_.size() - 1);
  }
  return kNone;
}

void ByteTrie::grow() {
  const std::vector<std::uint64_t> old =
      std::exchange(edges_, std::vector<std::uint64_t>(edges_.empty() ? 64 : edges_.size() * 2));
  for (const std::uint64_t entry : old) {
    if (entry == 0) continue;
    std::size_t slot = slot_of(entry >> kChildBits, edges_.size());
    while (edges_[slot] != 0) slot = (slot + 1) & (edges_.size() - 1);
    edges_[slot] = entry;
  }
}

}  // namespace ondol::text
