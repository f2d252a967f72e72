// Which pages of the KV cache are free and which belong to a sequence: pure
// bookkeeping, no bytes. Every page has one owner at a time. (A prefix cache
// will share full pages by the hash of their tokens; it will count owners here,
// and page tables stay plain vectors.)
//
// Owner: the scheduler. Threads: the engine thread only.
#pragma once

#include <cstdint>
#include <vector>

namespace ondol::engine {

class KvPages {
 public:
  /// REQUIRES: both positive.
  KvPages(std::int64_t n_pages, std::int64_t page_tokens);

  std::int64_t n_pages() const { return static_cast<std::int64_t>(in_use_.size()); }
  std::int64_t n_free() const { return static_cast<std::int64_t>(free_.size()); }
  std::int64_t n_used() const { return n_pages() - n_free(); }
  std::int64_t page_tokens() const { return page_tokens_; }
  std::int64_t pages_for(std::int64_t n_tokens) const;

  /// Appends pages until `table` has room for n_tokens. All or nothing: false,
  /// and no change, when too few are free.
  [[nodiscard]] bool grow(std::vector<std::int32_t>& table, std::int64_t n_tokens);

  /// Frees the pages of `table` behind those that n_tokens need.
  void shrink(std::vector<std::int32_t>& table, std::int64_t n_tokens);

  /// Frees all pages of `table` and empties it.
  void release(std::vector<std::int32_t>& table);

 private:
  std::int64_t page_tokens_;
  std::vector<std::int32_t> free_;  // the last one is handed out next
  std::vector<bool> in_use_;        // [n_pages]
};

}  // namespace ondol::engine
