// A tokenizer model: one pre-tokenized word to ids.
//
// Owner: a tokenizer. Threads: const methods run on any thread at once.
#pragma once

#include <string_view>
#include <vector>

#include "base/error.h"
#include "text/tokenizer.h"

namespace ondol::text {

class Model {
 public:
  virtual ~Model() = default;

  /// Appends the ids of one word. REQUIRES: word is valid UTF-8, not empty.
  virtual Result<void> tokenize(std::string_view word, std::vector<TokenId>& out) const = 0;
};

}  // namespace ondol::text
