// Strings by id and ids by string: the vocabulary of a tokenizer. All bytes lie
// in one arena; the hash is open addressing over ids.
//
// Owner: a tokenizer. Threads: immutable after load.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace ondol::text {

class TokenTable {
 public:
  void reserve(std::size_t n_tokens, std::size_t n_bytes);

  /// Gives `id` its string. Ids may come in any order; those never set read as
  /// empty strings and are found by nobody.
  /// REQUIRES: 0 <= id < kMaxVocabulary; all strings together below 4 GiB.
  void set(TokenId id, std::string_view text);

  /// Makes the string findable. False when it is so already: the first id stays.
  bool index(TokenId id);

  std::size_t n_indexed() const { return n_indexed_; }
  /// Whether index() has been given a string twice.
  bool has_doubles() const { return has_doubles_; }
  std::size_t size() const { return spans_.size(); }
  bool has(TokenId id) const;
  std::string_view at(TokenId id) const;  // empty outside [0, size)
  std::optional<TokenId> find(std::string_view text) const { return find(text, hash(text)); }

  // For many lookups in a row, whose cost is waiting for memory: hash a few
  // dozen strings and prefetch_slot each, prefetch_text each, then find each.
  static std::uint64_t hash(std::string_view text) { return std::hash<std::string_view>{}(text); }
  void prefetch_slot(std::uint64_t hash) const;
  void prefetch_text(std::uint64_t hash) const;
  std::optional<TokenId> find(std::string_view text, std::uint64_t hash) const;

 private:
  struct Span {
    std::uint32_t begin = 0;
    std::uint32_t size = 0;
    bool set = false;
  };
  void rehash(std::size_t n_slots);

  std::string arena_;
  std::vector<Span> spans_;           // by id
  std::vector<std::uint64_t> slots_;  // (hash high 32 bits, id + 1), 0: free; a power of two
  std::size_t n_indexed_ = 0;
  bool has_doubles_ = false;
};

}  // namespace ondol::text
