// The unigram model: of all ways to cut a word into pieces, the one with the
// best sum of scores (Kudo 2018, "Subword Regularization", section 3.1), by
// Viterbi over a trie; linear in the length of the word. A character no piece
// covers costs the worst score less kUnkPenalty.
//
// Owner: a tokenizer. Threads: as Model.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "text/byte_trie.h"
#include "text/model.h"
#include "text/token_table.h"

namespace ondol::text {

class Unigram final : public Model {
 public:
  struct Config {
    std::optional<TokenId> unk;
    bool byte_fallback = false;
    std::vector<bool> usable;  // by id, empty: all; the others never match text
  };

  /// `vocab` must outlive the model. Errors: kLimit when the trie grows too large.
  static Result<std::unique_ptr<Unigram>> create(const TokenTable& vocab,
                                                 std::vector<double> scores, Config config,
                                                 std::string_view where);

  Result<void> tokenize(std::string_view word, std::vector<TokenId>& out) const override;

 private:
  Unigram(const TokenTable& vocab, std::vector<double> scores, Config config);
  void emit_unknown(std::string_view text, std::vector<TokenId>& out) const;

  const TokenTable& vocab_;
  std::vector<double> scores_;  // by id
  Config config_;
  double unk_score_;
  ByteTrie trie_;
  std::array<TokenId, 256> byte_token_;  // <0x00>..<0xFF>; -1: none
};

}  // namespace ondol::text
