#include "engine/page_sharing.h"

#include <algorithm>
#include <span>

#include "base/check.h"
#include "engine/page_key.h"

namespace ondol::engine {
namespace {

std::span<const std::int32_t> tokens_of_page(const Sequence& sequence, std::int64_t i,
                                             std::int64_t page_tokens) {
  return std::span(sequence.tokens)
      .subspan(static_cast<std::size_t>(i * page_tokens), static_cast<std::size_t>(page_tokens));
}

PageContent content_of_page(Sequence& sequence, std::int64_t i, std::int64_t page_tokens) {
  PageContent content;
  content.key = key_of_page(sequence, i, page_tokens);
  content.tenant = sequence.tenant;
  if (i > 0) content.parent = sequence.pages[static_cast<std::size_t>(i - 1)];
  content.tokens = tokens_of_page(sequence, i, page_tokens);
  return content;
}

}  // namespace

std::uint64_t key_of_page(Sequence& sequence, std::int64_t i, std::int64_t page_tokens) {
  ONDOL_CHECK((i + 1) * page_tokens <= sequence.n_known());
  std::vector<std::uint64_t>& keys = sequence.page_keys;
  while (std::ssize(keys) <= i) {
    const std::uint64_t parent = keys.empty() ? first_parent_key(sequence.tenant) : keys.back();
    keys.push_back(page_key(parent, tokens_of_page(sequence, std::ssize(keys), page_tokens)));
  }
  return keys[static_cast<std::size_t>(i)];
}

std::int64_t n_shareable_pages(const Sequence& sequence, std::int64_t page_tokens) {
  return sequence.shares_pages ? (sequence.n_known() - 1) / page_tokens : 0;
}

bool stands_at_shareable_page(const Sequence& sequence, std::int64_t page_tokens) {
  return sequence.n_computed % page_tokens == 0 &&
         sequence.n_computed / page_tokens < n_shareable_pages(sequence, page_tokens);
}

void share_pages(KvPages& pages, Sequence& sequence) {
  const std::int64_t page_tokens = pages.page_tokens();
  while (stands_at_shareable_page(sequence, page_tokens)) {
    const std::int64_t i = sequence.n_computed / page_tokens;
    const std::int32_t found = pages.find(content_of_page(sequence, i, page_tokens));
    if (found == kNoPage) return;
    pages.share(found);
    if (i < std::ssize(sequence.pages)) {
      std::int32_t& place = sequence.pages[static_cast<std::size_t>(i)];
      pages.release(place);
      place = found;
    } else {
      sequence.pages.push_back(found);
    }
    // What was computed before and is found again now is no gain.
    sequence.n_reused += std::max<std::int64_t>(
        0, sequence.n_computed + page_tokens - std::max(sequence.n_computed, sequence.n_reached));
    sequence.n_computed += page_tokens;
    sequence.n_reached = std::max(sequence.n_reached, sequence.n_computed);
  }
}

std::vector<std::int32_t> publish_pages(KvPages& pages, Sequence& sequence,
                                        std::int64_t n_computed_before) {
  std::vector<std::int32_t> published;
  if (!sequence.shares_pages) return published;
  const std::int64_t page_tokens = pages.page_tokens();
  const std::int64_t end = sequence.n_computed / page_tokens;
  for (std::int64_t i = n_computed_before / page_tokens; i < end; ++i) {
    std::int32_t& place = sequence.pages[static_cast<std::size_t>(i)];
    const std::int32_t before = place;
    place = pages.publish(before, content_of_page(sequence, i, page_tokens));
    if (place == before && pages.is_published(place)) published.push_back(place);
  }
  return published;
}

}  // namespace ondol::engine
