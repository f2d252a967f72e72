// Compiled grammars that may be asked for again: an agent sends the same tools with every turn, a
// form the same schema with every answer, and compiling takes up to a second. A kept grammar brings
// the masks along that earlier answers computed.
//
// Owner: a served model, with whose vocabulary all of them are compiled. Threads: any.
// Memory: at most the limits below, counted at each call since masks grow in between; the least
// recently used leave first. A request that uses a grammar keeps it as long as it needs it.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "text/grammar/grammar.h"

namespace ondol::text {

struct GrammarCacheLimits {
  std::size_t n_grammars = 32;
  std::size_t bytes = std::size_t{64} << 20;  // of their texts, automata and masks together
};

class GrammarCache {
 public:
  explicit GrammarCache(const GrammarCacheLimits& limits = {}) : limits_(limits) {}

  /// `key` is structure_key of what was compiled. Null when it is not kept.
  std::shared_ptr<const Grammar> find(std::string_view key);
  void keep(std::string key, std::shared_ptr<const Grammar> grammar);

 private:
  struct Entry {
    std::string key;
    std::shared_ptr<const Grammar> grammar;
  };
  using Entries = std::list<Entry>;

  void shrink();

  const GrammarCacheLimits limits_;
  std::mutex mutex_;
  Entries entries_;  // latest first
  std::unordered_map<std::string_view, Entries::iterator> by_key_;
};

}  // namespace ondol::text
