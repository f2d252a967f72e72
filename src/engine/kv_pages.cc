#include "engine/kv_pages.h"

#include <algorithm>

#include "base/check.h"
#include "base/checked.h"

namespace ondol::engine {

KvPages::KvPages(std::int64_t n_pages, std::int64_t page_tokens) : page_tokens_(page_tokens) {
  ONDOL_CHECK(n_pages > 0 && n_pages <= INT32_MAX && page_tokens > 0);
  pages_.resize(static_cast<std::size_t>(n_pages));
  blank_.reserve(pages_.size());
  // Low pages go out first, so a short run touches little of the cache's memory.
  for (auto page = static_cast<std::int32_t>(n_pages); page-- > 0;) blank_.push_back(page);
}

const KvPages::Page& KvPages::at(std::int32_t page) const {
  ONDOL_CHECK(page >= 0 && page < n_pages());
  return pages_[static_cast<std::size_t>(page)];
}

KvPages::Page& KvPages::at(std::int32_t page) {
  return const_cast<Page&>(static_cast<const KvPages*>(this)->at(page));
}

std::int64_t KvPages::pages_for(std::int64_t n_tokens) const {
  return ceil_div(n_tokens, page_tokens_);
}

bool KvPages::grow(std::vector<std::int32_t>& table, std::int64_t n_tokens) {
  const std::int64_t n_missing = pages_for(n_tokens) - static_cast<std::int64_t>(table.size());
  if (n_missing > n_free()) return false;
  for (std::int64_t i = 0; i < n_missing; ++i) table.push_back(take_free());
  return true;
}

std::int32_t KvPages::take_free() {
  std::int32_t page;
  if (!blank_.empty()) {
    page = blank_.back();
    blank_.pop_back();
  } else {
    page = left_.front();
    left_.pop_front();
    forget(at(page));
  }
  at(page).n_owners = 1;
  return page;
}

void KvPages::forget(Page& page) {
  by_key_.erase(page.key);
  page.serial = 0;
  page.tokens = {};
}

void KvPages::shrink(std::vector<std::int32_t>& table, std::int64_t n_tokens) {
  const auto n_kept = static_cast<std::size_t>(pages_for(n_tokens));
  while (table.size() > n_kept) {
    release(table.back());
    table.pop_back();
  }
}

void KvPages::release(std::vector<std::int32_t>& table) { shrink(table, 0); }

void KvPages::release(std::int32_t page) {
  Page& it = at(page);
  ONDOL_CHECK(it.n_owners > 0);
  if (--it.n_owners > 0) return;
  if (it.serial == 0) {
    blank_.push_back(page);
  } else {
    it.place = left_.insert(left_.end(), page);
  }
}

bool KvPages::holds(const Page& page, const PageContent& content) const {
  return page.tenant == content.tenant && page.parent == content.parent &&
         (page.parent == kNoPage || page.parent_serial == serial(content.parent)) &&
         std::equal(page.tokens.begin(), page.tokens.end(), content.tokens.begin(),
                    content.tokens.end());
}

std::int32_t KvPages::find(const PageContent& content) const {
  const auto it = by_key_.find(content.key);
  if (it == by_key_.end() || !holds(at(it->second), content)) return kNoPage;
  return it->second;
}

void KvPages::share(std::int32_t page) {
  Page& it = at(page);
  ONDOL_CHECK(it.serial != 0);
  if (it.n_owners++ == 0) left_.erase(it.place);
}

std::int32_t KvPages::publish(std::int32_t page, const PageContent& content) {
  Page& it = at(page);
  ONDOL_CHECK(it.n_owners == 1 && it.serial == 0);
  ONDOL_CHECK(std::ssize(content.tokens) == page_tokens_);
  if (content.parent != kNoPage && !is_published(content.parent)) return page;
  const auto [entry, is_new] = by_key_.try_emplace(content.key, page);
  if (!is_new) {
    const std::int32_t other = entry->second;
    if (!holds(at(other), content)) return page;
    share(other);
    release(page);
    return other;
  }
  it.serial = ++last_serial_;
  it.key = content.key;
  it.tenant = content.tenant;
  it.parent = content.parent;
  it.parent_serial = content.parent == kNoPage ? 0 : serial(content.parent);
  it.tokens.assign(content.tokens.begin(), content.tokens.end());
  return page;
}

std::vector<std::int32_t> KvPages::tokens_up_to(std::int32_t page) const {
  std::vector<const Page*> chain;
  for (std::int32_t i = page; i != kNoPage; i = chain.back()->parent) {
    ONDOL_CHECK(is_published(i));
    chain.push_back(&at(i));
  }
  std::vector<std::int32_t> tokens;
  tokens.reserve(chain.size() * static_cast<std::size_t>(page_tokens_));
  for (auto it = chain.rbegin(); it != chain.rend(); ++it) {
    tokens.insert(tokens.end(), (*it)->tokens.begin(), (*it)->tokens.end());
  }
  return tokens;
}

}  // namespace ondol::engine
