#include "engine/prompt_lookup.h"

#include <algorithm>
#include <utility>

#include "engine/random.h"

namespace ondol::engine {
namespace {

constexpr std::size_t kFirstSlots = 64;
constexpr std::size_t kLongMatch = 8;  // as Evidence::kMatch8 says

Evidence evidence_of(std::size_t n_matched) {
  if (n_matched >= kLongMatch) return Evidence::kMatch8;
  constexpr std::array kByLength = {Evidence::kMatch1, Evidence::kMatch2, Evidence::kMatch3,
                                    Evidence::kMatch4};
  return kByLength[std::min(n_matched, kByLength.size()) - 1];
}

// How many tokens before position `end` equal the last ones of the text.
std::size_t match_length(std::span<const std::int32_t> text, std::size_t end) {
  std::size_t n = 0;
  while (n < kLongMatch && n < end && text[end - 1 - n] == text[text.size() - 1 - n]) ++n;
  return n;
}

}  // namespace

std::size_t NgramIndex::home(std::span<const std::int32_t> text, std::size_t end) const {
  std::uint64_t hash = n_;
  for (const std::int32_t token : text.subspan(end - n_, n_)) {
    hash = mix64(hash * kGoldenGamma + static_cast<std::uint32_t>(token) + 1);
  }
  return static_cast<std::size_t>(hash) & (slots_.size() - 1);
}

bool NgramIndex::equal(std::span<const std::int32_t> text, std::size_t a, std::size_t b) const {
  return std::ranges::equal(text.subspan(a - n_, n_), text.subspan(b - n_, n_));
}

// The slot that holds this run, else a free one, else the first that it may take.
std::size_t NgramIndex::slot_of(std::span<const std::int32_t> text, std::size_t end) const {
  const std::size_t first = home(text, end);
  for (std::size_t i = 0; i < kMaxProbes; ++i) {
    const std::size_t slot = (first + i) & (slots_.size() - 1);
    if (slots_[slot] == 0 || equal(text, slots_[slot], end)) return slot;
  }
  return first;
}

void NgramIndex::insert(std::span<const std::int32_t> text, std::size_t end) {
  if (2 * n_used_ >= slots_.size()) grow(text);
  std::uint32_t& slot = slots_[slot_of(text, end)];
  if (slot == 0) ++n_used_;
  slot = static_cast<std::uint32_t>(end);
}

void NgramIndex::grow(std::span<const std::int32_t> text) {
  const std::size_t n_slots = std::max(kFirstSlots, 2 * slots_.size());
  const auto ends = std::exchange(slots_, std::vector<std::uint32_t>(n_slots));
  n_used_ = 0;
  for (const std::uint32_t end : ends) {
    if (end == 0) continue;
    std::uint32_t& slot = slots_[slot_of(text, end)];
    if (slot == 0) ++n_used_;
    slot = end;
  }
}

std::size_t NgramIndex::find(std::span<const std::int32_t> text) const {
  if (slots_.empty()) return 0;
  const std::size_t end = slots_[slot_of(text, text.size())];
  return end != 0 && equal(text, end, text.size()) ? end : 0;
}

void PromptLookup::propose(std::span<DraftRequest> requests) {
  for (DraftRequest& request : requests) {
    request.guesses.clear();
    if (request.n_wanted == 0) continue;
    Text& text = texts_[request.id];
    update(text, request.tokens);
    propose(text, request);
  }
}

// A run is noted once something is known to follow it: that which ends the text
// would only find itself.
void PromptLookup::update(Text& text, std::span<const std::int32_t> tokens) {
  while (text.n_indexed + 1 < tokens.size()) {
    const std::size_t end = ++text.n_indexed;
    for (std::size_t n = 1; n <= std::min(kMaxMatch, end); ++n) {
      text.indices[n - 1].insert(tokens, end);
    }
  }
}

void PromptLookup::propose(const Text& text, DraftRequest& request) {
  const std::span<const std::int32_t> tokens = request.tokens;
  std::size_t end = 0;
  for (std::size_t n = std::min(kMaxMatch, tokens.size()); n > 0 && end == 0; --n) {
    end = text.indices[n - 1].find(tokens);
  }
  if (end == 0) return;
  request.evidence = evidence_of(match_length(tokens, end));
  const auto n_wanted = static_cast<std::size_t>(request.n_wanted);
  while (request.guesses.size() < n_wanted) {
    // Beyond the text's end its continuation is what was guessed just now: a
    // repetition shorter than n_wanted goes round.
    const std::size_t at = end + request.guesses.size();
    request.guesses.push_back(at < tokens.size() ? tokens[at]
                                                 : request.guesses[at - tokens.size()]);
  }
}

}  // namespace ondol::engine
