// How a sequence comes by pages that others have computed, and leaves its own to others.
// Only full pages are shared, and always one token is left to compute, for its logits.
// What is shared is what would have been computed, bit by bit, since a device's results
// depend neither on the batch nor on how a prompt is cut.
//
// Threads: the engine thread only.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/kv_pages.h"
#include "engine/sequence.h"

namespace ondol::engine {

/// The key of the sequence's i-th page. REQUIRES: its tokens are known to the page's end.
std::uint64_t key_of_page(Sequence& sequence, std::int64_t i, std::int64_t page_tokens);

/// Full pages of the sequence that may come from elsewhere: all but the last token.
std::int64_t n_shareable_pages(const Sequence& sequence, std::int64_t page_tokens);

/// Whether the next thing to compute is a page that might be found instead.
bool stands_at_shareable_page(const Sequence& sequence, std::int64_t page_tokens);

/// Takes published pages for as long as the next one can be found, in place of blank
/// ones that the table holds already. Computed advances.
void share_pages(KvPages& pages, Sequence& sequence);

/// Computed has advanced to n_computed: publishes pages that became full. Answers the
/// pages that can be found now and could not before.
std::vector<std::int32_t> publish_pages(KvPages& pages, Sequence& sequence,
                                        std::int64_t n_computed_before);

}  // namespace ondol::engine
