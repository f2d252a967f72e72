// Tokens that are found in the text before any other rule applies: special
// tokens (<|eot_id|>) and what a model's makers added. At each position the
// longest token wins; the first position wins over later ones.
//
// Owner: a tokenizer. Threads: immutable after load.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "text/byte_trie.h"
#include "text/tokenizer.h"

namespace ondol::text {

struct AddedToken {
  TokenId id = 0;
  std::string content;
  bool special = false;
  bool single_word = false;  // only where no word character touches it
  bool lstrip = false;       // takes the white space before it
  bool rstrip = false;       // and after it
  bool normalized = false;   // looked for after normalization
};

/// A piece of text between tokens (token: nullptr), or a token.
struct AddedSplit {
  std::size_t begin = 0;
  std::size_t end = 0;
  const AddedToken* token = nullptr;
};

class AddedTokenMatcher {
 public:
  /// `pattern` is what to look for: the content, or its normalized form. False
  /// when there are too many. REQUIRES: pattern is not empty, at most kMaxMatchedBytes.
  [[nodiscard]] bool add(const AddedToken& token, std::string_view pattern);

  bool empty() const { return trie_.empty(); }

  /// Cuts the text; special tokens are passed over unless parse_special.
  std::vector<AddedSplit> split(std::string_view text, bool parse_special) const;

 private:
  struct Match {
    std::size_t n_bytes = 0;  // 0: no match
    const AddedToken* token = nullptr;
  };
  Match longest_at(std::string_view text, std::size_t at) const;

  ByteTrie trie_;  // -> index in tokens_
  std::vector<AddedToken> tokens_;
};

}  // namespace ondol::text
