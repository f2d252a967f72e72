// Byte pair encoding: the symbols of a word merge two by two, the lowest rank
// first and the leftmost among equals, until no neighbours merge any more.
// O(n log n) in the length of the word.
//
// One class for byte-level BPE (words come as raw bytes), for character BPE
// with byte fallback, and for SentencePiece's BPE, whose merges follow from the
// scores of its pieces (spm_merges).
//
// Owner: a tokenizer. Threads: as Model; what it learns about whole words is
// kept in relaxed atomics.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/merge_table.h"
#include "text/model.h"
#include "text/token_table.h"

namespace ondol::text {

struct BpeConfig {
  bool byte_level = false;     // words are raw bytes; `vocab` is keyed by raw bytes too
  bool byte_fallback = false;  // a character outside the vocabulary becomes <0xNN> tokens
  bool fuse_unk = false;       // neighbouring unknown characters become one unk
  bool ignore_merges = false;  // a word that is a token is that token, whatever the merges say
  std::optional<TokenId> unk;
  std::string continuing_subword_prefix;
  std::string end_of_word_suffix;
};

class Bpe final : public Model {
 public:
  /// `vocab` must outlive the model; its index holds the model's tokens only.
  /// extra_chars: characters that are no token but merge (SentencePiece); the
  /// k-th has symbol id vocab.size() + k in `merges`.
  Bpe(const TokenTable& vocab, MergeTable merges, BpeConfig config,
      std::vector<char32_t> extra_chars = {});

  Result<void> tokenize(std::string_view word, std::vector<TokenId>& out) const override;

 private:
  void merge_word(std::string_view word, std::vector<TokenId>& out) const;
  void symbols_of(std::string_view word, std::vector<TokenId>& out) const;
  std::optional<TokenId> symbol_of(std::string_view character, bool first, bool last) const;
  bool push_bytes(std::string_view character, std::vector<TokenId>& out) const;
  void emit(TokenId symbol, std::vector<TokenId>& out) const;

  const TokenTable& vocab_;
  MergeTable merges_;
  BpeConfig config_;
  std::vector<char32_t> extra_chars_;
  TokenId first_extra_;
  std::vector<TokenId> bmp_;             // symbol by code point below 0x10000, or by byte; -1: none
  std::array<TokenId, 256> byte_token_;  // the tokens <0x00>..<0xFF>; -1: none

  // By token: does its own text encode to it alone? 0 not yet known, 1 yes, 2 no.
  std::unique_ptr<std::atomic<std::uint8_t>[]> is_stable_;
  std::size_t n_stable_ = 0;
};

/// The merges SentencePiece's BPE makes of scored pieces: two neighbours merge
/// when their concatenation is a piece, the best score first.
struct SpmMerges {
  MergeTable merges;
  std::vector<char32_t> extra_chars;
};
SpmMerges spm_merges(const TokenTable& vocab, const std::vector<float>& scores,
                     const std::vector<bool>& mergeable);

}  // namespace ondol::text
