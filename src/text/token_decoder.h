// The last stage: tokens to bytes. The chain of decoders a file names is
// applied to every token once, at load; what is left for run time is what
// depends on a token's place: the start of the text.
//
// Owner: a tokenizer. Threads: immutable after load.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "text/json_node.h"
#include "text/token_table.h"

namespace ondol::text {

/// One step of a chain as tokenizer.json has it.
struct DecoderStep {
  enum class Kind { kByteLevel, kByteFallback, kReplace, kStrip, kMetaspace, kFuse };
  Kind kind = Kind::kFuse;
  std::string from;         // kReplace: what; kStrip, kMetaspace: the character
  std::string to;           // kReplace: by what
  std::size_t n_start = 0;  // kStrip
  std::size_t n_stop = 0;
  bool drop_first = false;  // kMetaspace: the first token loses its spaces
};

Result<std::vector<DecoderStep>> parse_decoder(const JsonNode& node);

class TokenDecoder {
 public:
  /// Without steps tokens are joined by spaces. raw: by id, tokens whose text
  /// is taken as it is (GGUF control and user tokens); may be empty.
  /// Errors: kUnsupported for a chain whose result depends on more than a token.
  static Result<TokenDecoder> create(const TokenTable& tokens,
                                     const std::vector<DecoderStep>& steps,
                                     const std::vector<bool>& raw, std::string_view where);

  DecodeState start() const { return {true, n_strip_}; }
  void append(TokenId id, DecodeState& state, std::string& out) const;
  std::string_view bytes(TokenId id) const { return bytes_.at(id); }
  std::string_view first_bytes(TokenId id) const;

 private:
  TokenTable bytes_;        // by id
  TokenTable first_bytes_;  // by id, where it differs
  std::string separator_;
  std::string strip_char_;
  std::size_t n_strip_ = 0;
};

}  // namespace ondol::text
