#include "text/tokenizer.h"

#include <algorithm>

#include "base/utf8.h"
#include "text/tokenizer_parts.h"

namespace ondol::text {
namespace {

// One stretch of text between added tokens. first: nothing stands before it.
Result<void> encode_words(const TokenizerParts& parts, std::string_view text, bool first,
                          std::vector<TokenId>& out) {
  if (text.empty()) return {};
  Words words(text, first);
  for (const auto& step : parts.pre_tokenizers) ONDOL_TRY_VOID(step->apply(words));
  for (const Words::Word& word : words.words()) {
    ONDOL_TRY_VOID(parts.model->tokenize(words.text_of(word), out));
  }
  return {};
}

Result<void> encode_stretch(const TokenizerParts& parts, std::string_view text, bool first,
                            bool parse_special, std::vector<TokenId>& out) {
  Normalized normalized;
  if (!parts.normalizers.empty()) {
    normalized.text = text;
    ONDOL_TRY_VOID(apply_all(parts.normalizers, normalized));
    text = normalized.text;
    first = first && !normalized.front_cut;
  }
  if (parts.normalized_matcher.empty()) return encode_words(parts, text, first, out);
  for (const AddedSplit& split : parts.normalized_matcher.split(text, parse_special)) {
    if (split.token != nullptr) {
      out.push_back(split.token->id);
    } else {
      ONDOL_TRY_VOID(encode_words(parts, text.substr(split.begin, split.end - split.begin),
                                  first && split.begin == 0, out));
    }
  }
  return {};
}

constexpr std::string_view kEndNames[] = {
    "<|eot_id|>",      "<|eom_id|>",
    "<|end_of_text|>", "<|endoftext|>",
    "<|im_end|>",      "<|end|>",
    "<|eot|>",         "<|return|>",
    "<|call|>",        "<end_of_turn>",
    "<turn|>",         "[|endofturn|]",
    "<|endofturn|>",   "<|end_of_turn|>",
    "<|stop|>",        "<|END_OF_TURN_TOKEN|>",
    "<EOT>",           "<\uFF5Cend\u2581of\u2581sentence\uFF5C>",
};

}  // namespace

Result<void> TokenizerParts::add_matchers(const std::vector<AddedToken>& added,
                                          std::string_view where) {
  for (const AddedToken& token : added) {
    Normalized form{token.content};
    if (token.normalized) ONDOL_TRY_VOID(apply_all(normalizers, form));
    const std::string& pattern = form.text;
    if (pattern.empty()) continue;
    if (pattern.size() > kMaxMatchedBytes) {
      return fail(ErrorCode::kLimit, where, "added_tokens", "token longer than kMaxMatchedBytes",
                  pattern.size(), kMaxMatchedBytes);
    }
    AddedTokenMatcher& matcher = token.normalized ? normalized_matcher : raw_matcher;
    if (!matcher.add(token, pattern)) {
      return fail(ErrorCode::kLimit, where, "added_tokens", "too many bytes", added.size(),
                  ByteTrie::kMaxNodes);
    }
  }
  return {};
}

void TokenizerParts::find_eog() {
  if (special.eos) eog.push_back(*special.eos);
  for (std::size_t i = 0; i < is_special.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    if (!is_special[i]) continue;
    if (std::find(std::begin(kEndNames), std::end(kEndNames), tokens.at(id)) !=
        std::end(kEndNames)) {
      eog.push_back(id);
    }
  }
  std::sort(eog.begin(), eog.end());
  eog.erase(std::unique(eog.begin(), eog.end()), eog.end());
}

Tokenizer::Tokenizer(std::unique_ptr<const TokenizerParts> parts) : parts_(std::move(parts)) {}
Tokenizer::~Tokenizer() = default;

Result<std::vector<TokenId>> Tokenizer::encode(std::string_view text, EncodeOptions options) const {
  if (text.size() > kMaxEncodeBytes) {
    return fail(ErrorCode::kLimit, "tokenizer", "text", "longer than kMaxEncodeBytes", text.size(),
                kMaxEncodeBytes);
  }
  std::string repaired;
  if (!is_valid_utf8(text)) {
    repaired = replace_invalid_utf8(text);
    text = repaired;
  }
  std::vector<TokenId> out;
  out.reserve(text.size() / 4 + 8);
  if (options.add_special) out = parts_->prefix;
  for (const AddedSplit& split : parts_->raw_matcher.split(text, options.parse_special)) {
    if (split.token != nullptr) {
      out.push_back(split.token->id);
    } else {
      ONDOL_TRY_VOID(encode_stretch(*parts_, text.substr(split.begin, split.end - split.begin),
                                    split.begin == 0, options.parse_special, out));
    }
  }
  if (options.add_special) out.insert(out.end(), parts_->suffix.begin(), parts_->suffix.end());
  return out;
}

std::string Tokenizer::decode(std::span<const TokenId> ids, bool skip_special) const {
  std::string out;
  DecodeState state = start_decode();
  for (const TokenId id : ids) decode_next(id, skip_special, state, out);
  return out;
}

DecodeState Tokenizer::start_decode() const { return parts_->decoder.start(); }

void Tokenizer::decode_next(TokenId id, bool skip_special, DecodeState& state,
                            std::string& out) const {
  if (!parts_->tokens.has(id) || (skip_special && is_special(id))) return;
  parts_->decoder.append(id, state, out);
}

std::string_view Tokenizer::token_bytes(TokenId id) const { return parts_->decoder.bytes(id); }

std::string_view Tokenizer::first_token_bytes(TokenId id) const {
  return parts_->decoder.first_bytes(id);
}

std::string_view Tokenizer::piece(TokenId id) const { return parts_->tokens.at(id); }

std::size_t Tokenizer::n_vocab() const { return parts_->tokens.size(); }

std::optional<TokenId> Tokenizer::id_of(std::string_view piece) const {
  const auto added = parts_->added_ids.find(piece);
  if (added != parts_->added_ids.end()) return added->second;
  return parts_->tokens.find(piece);
}

bool Tokenizer::is_special(TokenId id) const {
  return id >= 0 && static_cast<std::size_t>(id) < parts_->is_special.size() &&
         parts_->is_special[static_cast<std::size_t>(id)];
}

const SpecialTokens& Tokenizer::special() const { return parts_->special; }

std::span<const TokenId> Tokenizer::eog_ids() const { return parts_->eog; }

}  // namespace ondol::text
