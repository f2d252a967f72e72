// Tokenizers: text to token ids and back. One class for all of them: byte-level
// BPE (GPT-2, Llama 3, Qwen), SentencePiece BPE with byte fallback (Llama 2,
// Gemma) and unigram, read from a Hugging Face tokenizer.json or from the
// vocabulary of a GGUF file. Ids are those of Hugging Face `tokenizers`; the
// differential test in tests/text holds us to that.
//
// Text is UTF-8. Each maximal invalid part of an input is taken as one U+FFFD
// before anything else, as Python's errors="replace" would.
//
// Owner: shared_ptr<const Tokenizer>. Threads: immutable after load, every
// method may run on any thread at once. Errors: the loaders answer
// kInvalidFile (broken), kUnsupported (names the field and value) or kLimit;
// encode answers kLimit when a pattern of the file backtracks without end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace ondol::text {

using TokenId = std::int32_t;

inline constexpr std::size_t kMaxVocabulary = std::size_t{1} << 22;   // tokens
inline constexpr std::size_t kMaxTokenBytes = std::size_t{64} << 10;  // of one token
inline constexpr std::size_t kMaxMatchedBytes = 1024;  // of added tokens and unigram pieces
inline constexpr std::size_t kMaxSpmPieceBytes = 256;  // of pieces whose merges are derived
inline constexpr std::size_t kMaxTokenizerJson = std::size_t{256} << 20;  // bytes
inline constexpr std::size_t kMaxJsonDepth = 32;
inline constexpr std::size_t kMaxEncodeBytes = std::size_t{1} << 30;  // one call of encode

struct EncodeOptions {
  bool add_special = false;   // BOS, EOS and the like, as the file's post-processor says
  bool parse_special = true;  // false: "<|eot_id|>" in the text is ordinary text
};

/// Ids with a meaning of their own, where the source names them.
struct SpecialTokens {
  std::optional<TokenId> bos, eos, unk, pad;
  bool add_bos = false;
  bool add_eos = false;
};

/// Where a decoding stands; only the decoder looks inside.
struct DecodeState {
  bool at_start = true;
  std::size_t n_strip = 0;  // leading spaces still to drop
};

struct TokenizerParts;  // tokenizer_parts.h; only the loaders see it

class Tokenizer {
 public:
  explicit Tokenizer(std::unique_ptr<const TokenizerParts> parts);
  ~Tokenizer();
  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;

  Result<std::vector<TokenId>> encode(std::string_view text, EncodeOptions options = {}) const;

  /// The bytes of the text. They are valid UTF-8 unless a token sequence cuts a
  /// character; replace_invalid_utf8 then gives what Hugging Face prints. Ids
  /// outside the vocabulary contribute nothing.
  std::string decode(std::span<const TokenId> ids, bool skip_special) const;

  /// decode in steps: a fresh state, then one call a token, in order.
  DecodeState start_decode() const;
  void decode_next(TokenId id, bool skip_special, DecodeState& state, std::string& out) const;

  /// What a token adds to the text when it is not the first; empty for an id
  /// outside the vocabulary. Lives as long as the tokenizer.
  std::string_view token_bytes(TokenId id) const;
  /// The same for the first token of a text: SentencePiece drops a leading space.
  std::string_view first_token_bytes(TokenId id) const;
  /// The token as the file spells it ("Ġthe", "▁the", "<0x0A>").
  std::string_view piece(TokenId id) const;

  std::size_t n_vocab() const;
  std::optional<TokenId> id_of(std::string_view piece) const;
  bool is_special(TokenId id) const;

  const SpecialTokens& special() const;
  std::optional<TokenId> bos() const { return special().bos; }
  std::optional<TokenId> eos() const { return special().eos; }
  bool add_bos() const { return special().add_bos; }

  /// Ids that end a generation: eos, and the end-of-turn tokens known by name
  /// (<|eot_id|>, <|im_end|>, <end_of_turn>, ...). Sorted, no duplicates.
  std::span<const TokenId> eog_ids() const;

 private:
  std::unique_ptr<const TokenizerParts> parts_;
};

/// A Hugging Face tokenizer.json, with its tokenizer_config.json where there is
/// one (it names bos, eos and pad; may be empty). `where` names the file in errors.
Result<std::shared_ptr<const Tokenizer>> load_tokenizer_json(std::string_view json,
                                                             std::string_view config_json,
                                                             std::string_view where);

enum class GgufTokenType : std::int64_t {
  kUndefined = 0,
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6,
};

/// The tokenizer.ggml.* metadata of a GGUF file as plain data; views must
/// outlive the call of load_gguf_vocab only.
struct GgufVocab {
  std::string_view model;                // tokenizer.ggml.model: "gpt2", "llama", "t5"
  std::string_view pre;                  // tokenizer.ggml.pre; may be empty for "llama", "t5"
  std::vector<std::string_view> tokens;  // [n_vocab]
  std::vector<float> scores;             // [n_vocab] or empty
  std::vector<std::int64_t> types;       // [n_vocab] GgufTokenType, or empty
  std::vector<std::string_view> merges;  // "left right", by rank
  std::optional<std::int64_t> bos, eos, eot, eom, unk, pad;
  std::optional<bool> add_bos, add_eos, add_space_prefix, remove_extra_whitespaces;
};

/// Errors name the metadata key. A token string that occurs twice is tolerated
/// (such files are in use): text always encodes to the first of them.
Result<std::shared_ptr<const Tokenizer>> load_gguf_vocab(const GgufVocab& vocab,
                                                         std::string_view where);

}  // namespace ondol::text
