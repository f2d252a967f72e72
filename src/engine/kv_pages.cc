#include "engine/kv_pages.h"

#include "base/check.h"
#include "base/checked.h"

namespace ondol::engine {

KvPages::KvPages(std::int64_t n_pages, std::int64_t page_tokens) : page_tokens_(page_tokens) {
  ONDOL_CHECK(n_pages > 0 && n_pages <= INT32_MAX && page_tokens > 0);
  in_use_.assign(static_cast<std::size_t>(n_pages), false);
  free_.reserve(in_use_.size());
  // Low pages go out first, so a short run touches little of the cache's memory.
  for (auto page = static_cast<std::int32_t>(n_pages); page-- > 0;) free_.push_back(page);
}

std::int64_t KvPages::pages_for(std::int64_t n_tokens) const {
  return ceil_div(n_tokens, page_tokens_);
}

bool KvPages::grow(std::vector<std::int32_t>& table, std::int64_t n_tokens) {
  const std::int64_t n_missing = pages_for(n_tokens) - static_cast<std::int64_t>(table.size());
  if (n_missing > n_free()) return false;
  for (std::int64_t i = 0; i < n_missing; ++i) {
    const std::int32_t page = free_.back();
    free_.pop_back();
    in_use_[static_cast<std::size_t>(page)] = true;
    table.push_back(page);
  }
  return true;
}

void KvPages::shrink(std::vector<std::int32_t>& table, std::int64_t n_tokens) {
  const auto n_kept = static_cast<std::size_t>(pages_for(n_tokens));
  while (table.size() > n_kept) {
    const auto page = static_cast<std::size_t>(table.back());
    ONDOL_CHECK(page < in_use_.size() && in_use_[page]);
    in_use_[page] = false;
    free_.push_back(table.back());
    table.pop_back();
  }
}

void KvPages::release(std::vector<std::int32_t>& table) { shrink(table, 0); }

}  // namespace ondol::engine
