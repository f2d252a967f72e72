// Tokens to text, one at a time, for streaming: what push returns is complete
// UTF-8; the beginning of a character waits for its rest.
//
// Owner: one per stream. Threads: one. Invariant: the pushes and the finish
// together are replace_invalid_utf8(tokenizer.decode(ids, skip_special)), but for
// special tokens that are to be shown whatever skip_special says.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "text/tokenizer.h"

namespace ondol::text {

class StreamingDetokenizer {
 public:
  explicit StreamingDetokenizer(std::shared_ptr<const Tokenizer> tokenizer,
                                bool skip_special = true, std::vector<TokenId> shown = {})
      : tokenizer_(std::move(tokenizer)),
        skip_special_(skip_special),
        shown_(std::move(shown)),
        state_(tokenizer_->start_decode()) {}

  /// Text that is now certain; often empty in the middle of a character.
  std::string push(TokenId id);

  /// The rest; an incomplete character becomes U+FFFD. The object then starts anew.
  std::string finish();

 private:
  std::shared_ptr<const Tokenizer> tokenizer_;
  bool skip_special_;
  std::vector<TokenId> shown_;  // a handful
  DecodeState state_;
  std::string held_;  // the incomplete end of what came so far
};

}  // namespace ondol::text
