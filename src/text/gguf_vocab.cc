// Tokenizers from GGUF metadata (ggml docs/gguf.md, "Tokenizer"): the same
// stages as tokenizer.json, chosen by tokenizer.ggml.model and .pre.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/utf8.h"
#include "text/bpe.h"
#include "text/byte_level.h"
#include "text/tokenizer_parts.h"
#include "text/unigram.h"

namespace ondol::text {
namespace {

constexpr std::string_view kLowLine = "\xE2\x96\x81";  // U+2581, SentencePiece's space

// llama-models, models/llama3/tokenizer.py
constexpr std::string_view kLlama3Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
// The tokenizer.json of Qwen 2, 2.5 and 3
constexpr std::string_view kQwen2Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
// The tokenizer.json of Mistral Nemo
constexpr std::string_view kTekkenPattern =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

struct PreRule {
  std::string_view name;
  std::string_view pattern;  // empty: GPT-2's, after `digits`
  bool digits = false;       // every digit is a word of its own
  bool nfc = false;
  bool ignore_merges = false;
};

constexpr PreRule kPreRules[] = {
    {"default", ""},
    {"gpt-2", ""},
    {"smollm", "", true},
    {"starcoder", "", true},
    {"refact", "", true},
    {"command-r", "", true},
    {"exaone", "", true},
    {"llama3", kLlama3Pattern, false, false, true},
    {"llama-v3", kLlama3Pattern, false, false, true},
    {"llama-bpe", kLlama3Pattern, false, false, true},
    {"qwen2", kQwen2Pattern, false, true},
    {"tekken", kTekkenPattern, false, false, true},
};

GgufTokenType type_of(const GgufVocab& vocab, std::size_t i) {
  return vocab.types.empty() ? GgufTokenType::kNormal : static_cast<GgufTokenType>(vocab.types[i]);
}

Result<void> check_arrays(const GgufVocab& vocab, std::string_view where) {
  const std::size_t n = vocab.tokens.size();
  if (n == 0) return fail(ErrorCode::kInvalidFile, where, "tokenizer.ggml.tokens", "no tokens");
  if (n > kMaxVocabulary) {
    return fail(ErrorCode::kLimit, where, "tokenizer.ggml.tokens", "more than kMaxVocabulary", n,
                kMaxVocabulary);
  }
  if (!vocab.scores.empty() && vocab.scores.size() != n) {
    return fail(ErrorCode::kInvalidFile, where, "tokenizer.ggml.scores", "not one a token",
                vocab.scores.size(), n);
  }
  if (!vocab.types.empty() && vocab.types.size() != n) {
    return fail(ErrorCode::kInvalidFile, where, "tokenizer.ggml.token_type", "not one a token",
                vocab.types.size(), n);
  }
  for (std::size_t i = 0; i < vocab.scores.size(); ++i) {
    if (std::isfinite(vocab.scores[i])) continue;
    return fail(ErrorCode::kInvalidFile, where, fmt::format("tokenizer.ggml.scores[{}]", i),
                "not a finite number");
  }
  constexpr auto kLastType = static_cast<std::int64_t>(GgufTokenType::kByte);
  for (std::size_t i = 0; i < vocab.types.size(); ++i) {
    if (vocab.types[i] >= 0 && vocab.types[i] <= kLastType) continue;
    return fail(ErrorCode::kInvalidFile, where, fmt::format("tokenizer.ggml.token_type[{}]", i),
                "unknown type", vocab.types[i], kLastType);
  }
  return {};
}

Result<void> load_tokens(const GgufVocab& vocab, std::string_view where, TokenizerParts& parts) {
  std::size_t n_bytes = 0;
  for (std::size_t i = 0; i < vocab.tokens.size(); ++i) {
    const std::string_view token = vocab.tokens[i];
    const auto field = [&] { return fmt::format("tokenizer.ggml.tokens[{}]", i); };
    if (token.size() > kMaxTokenBytes) {
      return fail(ErrorCode::kLimit, where, field(), "longer than kMaxTokenBytes", token.size(),
                  kMaxTokenBytes);
    }
    if (!is_valid_utf8(token)) {
      return fail(ErrorCode::kInvalidFile, where, field(), "not UTF-8");
    }
    n_bytes += token.size();
    if (n_bytes > kMaxTokenizerJson) {
      return fail(ErrorCode::kLimit, where, "tokenizer.ggml.tokens", "more bytes than allowed",
                  n_bytes, kMaxTokenizerJson);
    }
  }
  parts.tokens.reserve(vocab.tokens.size(), n_bytes);
  for (std::size_t i = 0; i < vocab.tokens.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    parts.tokens.set(id, vocab.tokens[i]);
    if (!vocab.tokens[i].empty()) parts.tokens.index(id);  // a later double is never found
  }
  return {};
}

Result<std::optional<TokenId>> checked_id(const std::optional<std::int64_t>& id, std::size_t n,
                                          std::string_view key, std::string_view where) {
  if (!id) return std::optional<TokenId>();
  // Some converters write -1 (as 2^32 - 1) for "none".
  if (*id == -1 || *id == 0xFFFFFFFF) return std::optional<TokenId>();
  if (*id < 0 || static_cast<std::size_t>(*id) >= n) {
    return fail(ErrorCode::kInvalidFile, where, key, "outside the vocabulary", std::to_string(*id),
                std::to_string(n));
  }
  return std::optional(static_cast<TokenId>(*id));
}

Result<void> load_special(const GgufVocab& vocab, std::string_view where, TokenizerParts& parts) {
  const std::size_t n = vocab.tokens.size();
  SpecialTokens& special = parts.special;
  ONDOL_TRY(special.bos, checked_id(vocab.bos, n, "tokenizer.ggml.bos_token_id", where));
  ONDOL_TRY(special.eos, checked_id(vocab.eos, n, "tokenizer.ggml.eos_token_id", where));
  ONDOL_TRY(special.unk, checked_id(vocab.unk, n, "tokenizer.ggml.unknown_token_id", where));
  ONDOL_TRY(special.pad, checked_id(vocab.pad, n, "tokenizer.ggml.padding_token_id", where));
  ONDOL_TRY(const auto eot, checked_id(vocab.eot, n, "tokenizer.ggml.eot_token_id", where));
  ONDOL_TRY(const auto eom, checked_id(vocab.eom, n, "tokenizer.ggml.eom_token_id", where));
  if (eot) parts.eog.push_back(*eot);
  if (eom) parts.eog.push_back(*eom);

  const bool is_spm = vocab.model == "llama";
  const bool is_llama3 = vocab.pre == "llama-bpe" || vocab.pre == "llama3" ||
                         vocab.pre == "llama-v3" || vocab.pre == "tekken";
  special.add_bos = vocab.add_bos.value_or(is_spm || is_llama3) && special.bos.has_value();
  special.add_eos = vocab.add_eos.value_or(vocab.model == "t5") && special.eos.has_value();
  if (special.add_bos) parts.prefix.push_back(*special.bos);
  if (special.add_eos) parts.suffix.push_back(*special.eos);
  return {};
}

// Control and user tokens are found in the text first.
Result<void> load_added(const GgufVocab& vocab, std::string_view where, TokenizerParts& parts) {
  std::vector<AddedToken> added;
  parts.is_special.resize(vocab.tokens.size());
  for (std::size_t i = 0; i < vocab.tokens.size(); ++i) {
    const GgufTokenType type = type_of(vocab, i);
    const bool special = type == GgufTokenType::kControl || type == GgufTokenType::kUnknown;
    parts.is_special[i] = special;
    if (!special && type != GgufTokenType::kUserDefined) continue;
    const auto id = static_cast<TokenId>(i);
    if (parts.tokens.find(vocab.tokens[i]) != id) continue;
    AddedToken token;
    token.id = id;
    token.content = vocab.tokens[i];
    token.special = special;
    added.push_back(std::move(token));
  }
  return parts.add_matchers(added, where);
}

// Half a million lookups of strings: most of the time of loading a large
// vocabulary, spent waiting for memory if they are made one after the other.
class MergeLoader {
 public:
  MergeLoader(const GgufVocab& vocab, const TokenTable& tokens, std::string_view where)
      : vocab_(vocab), tokens_(tokens), where_(where) {}

  Result<MergeTable> load() {
    merges_.reserve(vocab_.merges.size());
    for (std::size_t begin = 0; begin < vocab_.merges.size(); begin += kBlock) {
      const std::size_t n = std::min(kBlock, vocab_.merges.size() - begin);
      ONDOL_TRY_VOID(split(begin, n));
      for (std::size_t i = 0; i < n; ++i) {
        tokens_.prefetch_text(block_[i].left_hash);
        tokens_.prefetch_text(block_[i].right_hash);
      }
      ONDOL_TRY_VOID(look_up(begin, n));
    }
    MergeTable table;
    table.insert_all(merges_);
    return table;
  }

 private:
  static constexpr std::size_t kBlock = 64;

  struct Pair {
    std::string_view left;
    std::string_view right;
    std::uint64_t left_hash = 0;
    std::uint64_t right_hash = 0;
  };

  tl::unexpected<Error> bad(std::size_t rank, std::string_view detail, std::string value) const {
    return fail(ErrorCode::kInvalidFile, where_, fmt::format("tokenizer.ggml.merges[{}]", rank),
                detail, std::move(value));
  }

  Result<void> split(std::size_t begin, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      const std::string_view line = vocab_.merges[begin + i];
      // A token may begin with a space, so the separator is sought from the second byte.
      const std::size_t space = line.find(' ', 1);
      if (space == std::string_view::npos) return bad(begin + i, "not \"left right\"", "");
      Pair& pair = block_[i];
      pair.left = line.substr(0, space);
      pair.right = line.substr(space + 1);
      pair.left_hash = TokenTable::hash(pair.left);
      pair.right_hash = TokenTable::hash(pair.right);
      tokens_.prefetch_slot(pair.left_hash);
      tokens_.prefetch_slot(pair.right_hash);
    }
    return {};
  }

  Result<void> look_up(std::size_t begin, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      const Pair& pair = block_[i];
      const auto left = tokens_.find(pair.left, pair.left_hash);
      const auto right = tokens_.find(pair.right, pair.right_hash);
      const auto merged = find_joined(pair);
      if (!left || !right || !merged) {
        return bad(begin + i, "names a token outside the vocabulary",
                   std::string(vocab_.merges[begin + i]));
      }
      merges_.push_back({*left, *right, *merged});
    }
    return {};
  }

  // Vocabularies list tokens in the order of their merges: mostly it is the one
  // of the merge before, or the next.
  std::optional<TokenId> find_joined(const Pair& pair) {
    const TokenId last = merges_.empty() ? 0 : merges_.back().merged;
    for (const TokenId id : {last, last + 1}) {
      const std::string_view text = tokens_.at(id);
      if (!tokens_.has_doubles() && text.size() == pair.left.size() + pair.right.size() &&
          text.starts_with(pair.left) && text.ends_with(pair.right)) {
        return id;
      }
    }
    joined_ = pair.left;
    joined_ += pair.right;
    return tokens_.find(joined_);
  }

  const GgufVocab& vocab_;
  const TokenTable& tokens_;
  std::string_view where_;
  std::array<Pair, kBlock> block_;
  std::vector<MergeTable::Merge> merges_;
  std::string joined_;
};

Result<void> build_byte_level(const GgufVocab& vocab, std::string_view where,
                              TokenizerParts& parts) {
  const auto* rule = std::find_if(std::begin(kPreRules), std::end(kPreRules),
                                  [&](const PreRule& r) { return r.name == vocab.pre; });
  if (rule == std::end(kPreRules)) {
    return fail(ErrorCode::kUnsupported, where, "tokenizer.ggml.pre", "unknown pre-tokenizer",
                std::string(vocab.pre));
  }
  if (rule->nfc) parts.normalizers.push_back(make_normal_form(NormalForm::kNfc));
  if (rule->digits) parts.pre_tokenizers.push_back(make_digits(true));
  if (!rule->pattern.empty()) {
    ONDOL_TRY(auto split, make_regex_split(rule->pattern, where, "tokenizer.ggml.pre"));
    parts.pre_tokenizers.push_back(std::move(split));
  }
  ByteLevelOptions byte_level;
  byte_level.use_regex = rule->pattern.empty();
  byte_level.add_prefix_space = vocab.add_space_prefix.value_or(false);
  parts.pre_tokenizers.push_back(make_byte_level(byte_level));

  ONDOL_TRY(MergeTable merges, MergeLoader(vocab, parts.tokens, where).load());
  // Only what text can spell enters the model; control tokens are matched before it.
  std::vector<bool> raw(vocab.tokens.size());
  parts.byte_tokens.reserve(vocab.tokens.size(), vocab.tokens.size() * 8);
  for (std::size_t i = 0; i < vocab.tokens.size(); ++i) {
    const GgufTokenType type = type_of(vocab, i);
    raw[i] = type == GgufTokenType::kControl || type == GgufTokenType::kUserDefined ||
             type == GgufTokenType::kUnknown;
    const auto bytes = chars_to_bytes(vocab.tokens[i]);
    parts.byte_tokens.set(static_cast<TokenId>(i), bytes.value_or(""));
    if (bytes && !bytes->empty()) parts.byte_tokens.index(static_cast<TokenId>(i));
  }
  BpeConfig config;
  config.byte_level = true;
  config.ignore_merges = rule->ignore_merges;
  parts.model = std::make_unique<Bpe>(parts.byte_tokens, std::move(merges), std::move(config));
  DecoderStep step;
  step.kind = DecoderStep::Kind::kByteLevel;
  ONDOL_TRY(parts.decoder, TokenDecoder::create(parts.tokens, {step}, raw, where));
  return {};
}

// SentencePiece: spaces become U+2581, one is put in front; no pre-tokenizer.
Result<void> build_sentence_piece(const GgufVocab& vocab, std::string_view where,
                                  TokenizerParts& parts) {
  if (vocab.scores.empty()) {
    return fail(ErrorCode::kInvalidFile, where, "tokenizer.ggml.scores", "missing");
  }
  const bool is_unigram = vocab.model == "t5";
  const bool prefix = vocab.add_space_prefix.value_or(true);
  if (vocab.remove_extra_whitespaces.value_or(false)) {
    ONDOL_TRY(auto collapse, make_replace_pattern(" {2,}", " ", where));
    parts.normalizers.push_back(make_strip_spaces());
    parts.normalizers.push_back(std::move(collapse));
  }
  if (prefix) parts.normalizers.push_back(make_prepend(" "));
  parts.normalizers.push_back(make_replace_all(" ", std::string(kLowLine)));

  std::vector<bool> usable(vocab.tokens.size());
  std::vector<bool> raw(vocab.tokens.size());
  bool has_bytes = false;
  for (std::size_t i = 0; i < vocab.tokens.size(); ++i) {
    const GgufTokenType type = type_of(vocab, i);
    usable[i] = (type == GgufTokenType::kNormal || type == GgufTokenType::kUserDefined) &&
                !vocab.tokens[i].empty();
    raw[i] = type == GgufTokenType::kControl || type == GgufTokenType::kUnknown;
    has_bytes |= type == GgufTokenType::kByte;
  }
  if (is_unigram) {
    Unigram::Config config{parts.special.unk, has_bytes, usable};
    const std::vector<double> scores(vocab.scores.begin(), vocab.scores.end());
    ONDOL_TRY(parts.model, Unigram::create(parts.tokens, scores, std::move(config), where));
  } else {
    for (std::size_t i = 0; i < vocab.tokens.size(); ++i) {
      if (!usable[i] || vocab.tokens[i].size() <= kMaxSpmPieceBytes) continue;
      return fail(ErrorCode::kLimit, where, fmt::format("tokenizer.ggml.tokens[{}]", i),
                  "longer than kMaxSpmPieceBytes", vocab.tokens[i].size(), kMaxSpmPieceBytes);
    }
    SpmMerges derived = spm_merges(parts.tokens, vocab.scores, usable);
    BpeConfig config;
    config.byte_fallback = true;
    config.unk = parts.special.unk;
    parts.model = std::make_unique<Bpe>(parts.tokens, std::move(derived.merges), std::move(config),
                                        std::move(derived.extra_chars));
  }
  std::vector<DecoderStep> steps(prefix ? 4 : 3);
  steps[0].kind = DecoderStep::Kind::kReplace;
  steps[0].from = kLowLine;
  steps[0].to = " ";
  steps[1].kind = DecoderStep::Kind::kByteFallback;
  if (prefix) {
    steps[3].kind = DecoderStep::Kind::kStrip;
    steps[3].from = " ";
    steps[3].n_start = 1;
  }
  ONDOL_TRY(parts.decoder, TokenDecoder::create(parts.tokens, steps, raw, where));
  return {};
}

}  // namespace

Result<std::shared_ptr<const Tokenizer>> load_gguf_vocab(const GgufVocab& vocab,
                                                         std::string_view where) {
  ONDOL_TRY_VOID(check_arrays(vocab, where));
  auto parts = std::make_unique<TokenizerParts>();
  ONDOL_TRY_VOID(load_tokens(vocab, where, *parts));
  ONDOL_TRY_VOID(load_special(vocab, where, *parts));
  if (vocab.model == "gpt2") {
    ONDOL_TRY_VOID(build_byte_level(vocab, where, *parts));
  } else if (vocab.model == "llama" || vocab.model == "t5") {
    ONDOL_TRY_VOID(build_sentence_piece(vocab, where, *parts));
  } else {
    return fail(ErrorCode::kUnsupported, where, "tokenizer.ggml.model", "unknown tokenizer",
                std::string(vocab.model));
  }
  ONDOL_TRY_VOID(load_added(vocab, where, *parts));
  parts->find_eog();
  return std::make_shared<const Tokenizer>(std::move(parts));
}

}  // namespace ondol::text
