// A set of byte strings with a value each, for "which of them start here?":
// the unigram model and the matching of added tokens. Edges live in one flat
// hash of (node, byte) -> node, so memory follows the bytes put in.
//
// Owner: a model or a matcher. Threads: immutable after load.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace ondol::text {

class ByteTrie {
 public:
  using Node = std::uint32_t;
  static constexpr Node kRoot = 0;
  static constexpr Node kNone = 0xFFFFFFFF;
  static constexpr std::int32_t kNoValue = -1;
  static constexpr std::size_t kMaxNodes = std::size_t{1} << 28;

  /// False when kMaxNodes is reached. A later value for the same key replaces
  /// the earlier. REQUIRES: value >= 0.
  [[nodiscard]] bool insert(std::string_view key, std::int32_t value);

  Node child(Node node, char byte) const;
  std::int32_t value(Node node) const { return values_[node]; }
  bool empty() const { return values_.size() == 1; }

 private:
  void grow();

  std::vector<std::int32_t> values_ = {kNoValue};  // by node
  std::vector<std::uint64_t> edges_;               // key << 28 | child; 0: free
  std::array<Node, 256> first_{};                  // the root's children, 0: none
};

}  // namespace ondol::text
