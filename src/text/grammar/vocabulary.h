// A tokenizer's tokens as a byte trie, the form in which grammars are matched
// against a whole vocabulary at once. Special tokens stand apart: no byte string
// spells them, a grammar names them.
//
// Owner: shared_ptr, one a tokenizer. Threads: immutable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace ondol::text {

class GrammarVocabulary {
 public:
  /// Longer tokens are never offered.
  static constexpr std::size_t kMaxTokenBytes = 256;

  /// Takes about 100 ms for 128k tokens; do it once, when the model is loaded.
  static std::shared_ptr<const GrammarVocabulary> build(std::shared_ptr<const Tokenizer> tokenizer);

  std::size_t n_vocab() const { return tokenizer_->n_vocab(); }
  /// Words of a mask: bit i % 32 of word i / 32 is token i.
  std::size_t n_mask_words() const { return (n_vocab() + 31) / 32; }
  const Tokenizer& tokenizer() const { return *tokenizer_; }

  /// Empty for special tokens and ids outside the vocabulary: no text is made of them.
  std::string_view bytes(TokenId id) const;
  bool is_end(TokenId id) const;  // ends a generation
  std::span<const TokenId> end_ids() const { return tokenizer_->eog_ids(); }
  std::optional<TokenId> special_id(std::string_view piece) const;
  std::size_t max_token_bytes() const { return max_token_bytes_; }

  /// A byte string that begins some token. Children of a node lie side by side,
  /// in the order of their bytes; node 0 is the empty string.
  struct Node {
    std::uint32_t first_child = 0;
    std::uint32_t first_token = 0;  // in sorted_ids()
    std::uint16_t n_children = 0;
    std::uint8_t byte = 0;
    std::uint8_t n_tokens = 0;  // tokens that are this string; more than one is rare
  };
  std::span<const Node> nodes() const { return nodes_; }
  std::span<const TokenId> sorted_ids() const { return sorted_ids_; }

 private:
  /// The tokens sorted_ids_[begin, end) begin with the same `depth` bytes, those of `node`.
  struct Group {
    std::uint32_t node, begin, end, depth;
  };

  explicit GrammarVocabulary(std::shared_ptr<const Tokenizer> tokenizer);
  void sort_tokens();
  void build_nodes();
  void add_children(const Group& group, std::vector<Group>& next);

  std::shared_ptr<const Tokenizer> tokenizer_;
  std::vector<bool> textual_;        // [n_vocab] tokens that stand in the trie
  std::vector<TokenId> sorted_ids_;  // by bytes, then id
  std::vector<Node> nodes_;
  std::size_t max_token_bytes_ = 0;
};

}  // namespace ondol::text
