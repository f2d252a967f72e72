// Which pages of the KV cache are blank, which belong to sequences, and which full
// ones can be found again by their tokens: pure bookkeeping, no bytes.
//
// A page has any number of owners. One that is full may be published: from then on it
// is read only, and whoever begins with the same tokens may share it. Without an owner
// it stays findable until its room is needed; the page that was left longest ago goes
// first. Since a page is never used without those before it and a table is given back
// from its end, a page is never forgotten before those that follow it.
//
// A page is found by its key, but what counts is equality: of the tenant, of its own
// tokens, and of the page before it, which has been found in the same way.
//
// Owner: the scheduler. Threads: the engine thread only.
#pragma once

#include <cstdint>
#include <list>
#include <span>
#include <unordered_map>
#include <vector>

namespace ondol::engine {

constexpr std::int32_t kNoPage = -1;

/// What a full page holds.
struct PageContent {
  std::uint64_t key = 0;  // page_key() of all tokens up to its end
  std::uint64_t tenant = 0;
  std::int32_t parent = kNoPage;         // the page before it; kNoPage: it is the first
  std::span<const std::int32_t> tokens;  // [page_tokens]
};

class KvPages {
 public:
  /// REQUIRES: both positive.
  KvPages(std::int64_t n_pages, std::int64_t page_tokens);

  std::int64_t n_pages() const { return static_cast<std::int64_t>(pages_.size()); }
  /// Pages without an owner, published ones too: what grow() can hand out.
  std::int64_t n_free() const { return static_cast<std::int64_t>(blank_.size() + left_.size()); }
  std::int64_t n_used() const { return n_pages() - n_free(); }
  std::int64_t n_published() const { return static_cast<std::int64_t>(by_key_.size()); }
  std::int64_t page_tokens() const { return page_tokens_; }
  std::int64_t pages_for(std::int64_t n_tokens) const;

  /// Appends pages until `table` has room for n_tokens. All or nothing: false,
  /// and no change, when too few are free.
  [[nodiscard]] bool grow(std::vector<std::int32_t>& table, std::int64_t n_tokens);

  /// Gives up the pages of `table` behind those that n_tokens need.
  void shrink(std::vector<std::int32_t>& table, std::int64_t n_tokens);

  /// Gives up all pages of `table` and empties it.
  void release(std::vector<std::int32_t>& table);
  void release(std::int32_t page);

  /// The published page with this content, or kNoPage.
  std::int32_t find(const PageContent& content) const;
  /// One owner more. REQUIRES: published.
  void share(std::int32_t page);

  /// Makes an owned page findable. Answers the page to go on with: if another with
  /// this content can be found already, that one, and its owner has taken it in exchange. A
  /// page whose key is taken by other content, or whose parent is not published, stays private.
  std::int32_t publish(std::int32_t page, const PageContent& content);

  bool is_published(std::int32_t page) const { return at(page).serial != 0; }
  /// Changes with each content that is published: 0 for none.
  std::uint64_t serial(std::int32_t page) const { return at(page).serial; }
  std::uint64_t key(std::int32_t page) const { return at(page).key; }
  std::uint64_t tenant(std::int32_t page) const { return at(page).tenant; }
  /// All tokens from the beginning to the end of a published page.
  std::vector<std::int32_t> tokens_up_to(std::int32_t page) const;

 private:
  struct Page {
    std::int64_t n_owners = 0;
    std::list<std::int32_t>::iterator place;  // in left_, if published and without owner
    // Of published ones:
    std::uint64_t serial = 0;
    std::uint64_t key = 0;
    std::uint64_t tenant = 0;
    std::int32_t parent = kNoPage;
    std::uint64_t parent_serial = 0;
    std::vector<std::int32_t> tokens;
  };
  Page& at(std::int32_t page);
  const Page& at(std::int32_t page) const;
  bool holds(const Page& page, const PageContent& content) const;
  std::int32_t take_free();
  void forget(Page& page);

  std::int64_t page_tokens_;
  std::vector<Page> pages_;
  std::vector<std::int32_t> blank_;  // the last one is handed out next
  std::list<std::int32_t> left_;     // published, without owner; left longest ago first
  std::unordered_map<std::uint64_t, std::int32_t> by_key_;
  std::uint64_t last_serial_ = 0;
};

}  // namespace ondol::engine
