#include "text/grammar/grammar_cache.h"

#include "text/grammar/grammar_impl.h"

namespace ondol::text {

std::shared_ptr<const Grammar> GrammarCache::find(std::string_view key) {
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  auto grammar = entries_.front().grammar;
  shrink();
  return grammar;
}

void GrammarCache::keep(std::string key, std::shared_ptr<const Grammar> grammar) {
  const std::lock_guard lock(mutex_);
  if (by_key_.contains(key)) return;  // another request compiled it at the same time
  entries_.push_front({std::move(key), std::move(grammar)});
  by_key_.emplace(entries_.front().key, entries_.begin());
  shrink();
}

// Masks grow while a grammar is used, so all are counted again each time.
void GrammarCache::shrink() {
  std::size_t n_kept = 0;
  std::size_t bytes = 0;
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    bytes += entry->key.size() + entry->grammar->memory_bytes();
    if (++n_kept <= limits_.n_grammars && bytes <= limits_.bytes) {
      ++entry;
      continue;
    }
    by_key_.erase(entry->key);
    entry = entries_.erase(entry);
  }
}

}  // namespace ondol::text
