// Grammar's inside, for the compiler and the matcher; callers hold a pointer.
//
// Owner: shared_ptr<const Grammar>. Threads: the automaton is immutable; the
// masks are kept under `mutex`.
#pragma once

#include <memory>
#include <mutex>
#include <utility>

#include "text/grammar/automaton.h"
#include "text/grammar/grammar.h"
#include "text/grammar/mask_cache.h"

namespace ondol::text {

class Grammar {
 public:
  Grammar(grammar::Automaton automaton_in, std::shared_ptr<const GrammarVocabulary> vocabulary_in,
          std::size_t max_cache_bytes)
      : automaton(std::move(automaton_in)),
        vocabulary(std::move(vocabulary_in)),
        cache_bytes(max_cache_bytes),
        masks(automaton, *vocabulary) {}
  Grammar(const Grammar&) = delete;
  Grammar& operator=(const Grammar&) = delete;

  /// Of the automaton and the masks kept by now.
  std::size_t memory_bytes() const {
    const std::lock_guard lock(mutex);
    return automaton.memory_bytes() + masks.bytes();
  }

  const grammar::Automaton automaton;
  const std::shared_ptr<const GrammarVocabulary> vocabulary;
  const std::size_t cache_bytes;

  mutable std::mutex mutex;
  mutable grammar::MaskCache masks;  // under mutex
};

}  // namespace ondol::text
