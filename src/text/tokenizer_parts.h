// What a Tokenizer is made of; the loaders fill it in.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "text/added_tokens.h"
#include "text/model.h"
#include "text/normalizer.h"
#include "text/pre_tokenizer.h"
#include "text/token_decoder.h"
#include "text/token_table.h"
#include "text/tokenizer.h"

namespace ondol::text {

struct TokenizerParts {
  TokenTable tokens;                                      // every token; the model's are indexed
  TokenTable byte_tokens;                                 // keyed by bytes, for a byte-level model
  std::map<std::string, TokenId, std::less<>> added_ids;  // go before the model's
  std::vector<bool> is_special;                           // by id
  AddedTokenMatcher raw_matcher;                          // before normalization
  AddedTokenMatcher normalized_matcher;                   // after it
  Normalizers normalizers;
  PreTokenizers pre_tokenizers;
  std::unique_ptr<Model> model;
  std::vector<TokenId> prefix, suffix;  // added around a text by add_special
  TokenDecoder decoder;
  SpecialTokens special;
  std::vector<TokenId> eog;

  /// Registers added tokens for matching. Errors: kLimit, and what a
  /// normalizer's pattern answers.
  Result<void> add_matchers(const std::vector<AddedToken>& added, std::string_view where);
  /// Collects the ids that end a generation. REQUIRES: tokens, is_special, special are set.
  void find_eog();
};

}  // namespace ondol::text
