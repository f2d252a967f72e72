// Reading a Hugging Face tokenizer.json. The format is that of the
// `tokenizers` library's serialization:
//   { added_tokens: [..], normalizer, pre_tokenizer, model, post_processor, decoder }
// where each stage is an object with a "type", or null.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/utf8.h"
#include "text/byte_level.h"
#include "text/json_model.h"
#include "text/post_processor.h"
#include "text/tokenizer_parts.h"

namespace ondol::text {
namespace {

namespace json = boost::json;

Result<json::value> parse_json(std::string_view text, std::string_view where,
                               json::storage_ptr storage) {
  if (text.size() > kMaxTokenizerJson) {
    return fail(ErrorCode::kLimit, where, "", "longer than kMaxTokenizerJson", text.size(),
                kMaxTokenizerJson);
  }
  json::parse_options options;
  options.max_depth = kMaxJsonDepth;
  json::error_code error;
  json::value value = json::parse(text, error, std::move(storage), options);
  if (error) {
    return fail(ErrorCode::kInvalidFile, where, "", "not valid JSON: " + error.message());
  }
  return value;
}

Result<std::vector<AddedToken>> parse_added_tokens(const JsonNode& root) {
  std::vector<AddedToken> out;
  const auto list = root.find("added_tokens");
  if (!list) return out;
  ONDOL_TRY(const std::vector<JsonNode> items, list->elements());
  for (const JsonNode& item : items) {
    AddedToken token;
    ONDOL_TRY(const std::int64_t id, item.integer("id"));
    if (id < 0 || id >= static_cast<std::int64_t>(kMaxVocabulary)) {
      return item.invalid("id outside 0 .. kMaxVocabulary", std::to_string(id));
    }
    token.id = static_cast<TokenId>(id);
    ONDOL_TRY(token.content, item.string("content"));
    if (token.content.size() > kMaxTokenBytes) {
      return item.invalid("content longer than kMaxTokenBytes",
                          std::to_string(token.content.size()));
    }
    ONDOL_TRY(token.special, item.boolean_or("special", false));
    ONDOL_TRY(token.single_word, item.boolean_or("single_word", false));
    ONDOL_TRY(token.lstrip, item.boolean_or("lstrip", false));
    ONDOL_TRY(token.rstrip, item.boolean_or("rstrip", false));
    ONDOL_TRY(token.normalized, item.boolean_or("normalized", !token.special));
    if (!token.content.empty()) out.push_back(std::move(token));
  }
  return out;
}

// Gives added tokens their ids. One that the model knows keeps the model's id;
// of two with the same content the later one counts.
Result<std::vector<AddedToken>> place_added_tokens(std::vector<AddedToken> added,
                                                   TokenizerParts& parts, std::string_view where) {
  std::vector<AddedToken> placed;
  std::map<std::string, std::size_t, std::less<>> by_content;
  for (AddedToken& token : added) {
    const auto model_id = parts.tokens.find(token.content);
    if (model_id) token.id = *model_id;
    const auto known = by_content.find(token.content);
    if (known != by_content.end()) {
      token.id = placed[known->second].id;
      placed[known->second] = std::move(token);
      continue;
    }
    if (!model_id) {
      if (parts.tokens.has(token.id)) {
        return fail(ErrorCode::kInvalidFile, where, "added_tokens", "the id is another token's",
                    fmt::format("{} for {}", token.id, token.content));
      }
      parts.tokens.set(token.id, token.content);
    }
    by_content.emplace(token.content, placed.size());
    placed.push_back(std::move(token));
  }
  for (const AddedToken& token : placed) parts.added_ids.emplace(token.content, token.id);
  return placed;
}

// A string that has several ids is special under all of them.
void mark_doubles(TokenizerParts& parts) {
  if (parts.tokens.n_indexed() == parts.tokens.size()) return;
  for (std::size_t i = 0; i < parts.tokens.size(); ++i) {
    const auto id = parts.tokens.find(parts.tokens.at(static_cast<TokenId>(i)));
    if (id && parts.is_special[static_cast<std::size_t>(*id)]) parts.is_special[i] = true;
  }
}

// A name in tokenizer_config.json: a string, or an object with "content".
std::optional<TokenId> named_token(const TokenizerParts& parts, const JsonNode& config,
                                   std::string_view key) {
  auto node = config.find(key);
  if (node && node->value().is_object()) node = node->find("content");
  if (!node) return std::nullopt;
  const auto text = node->string();
  if (!text) return std::nullopt;
  const auto added = parts.added_ids.find(*text);
  return added != parts.added_ids.end() ? added->second : parts.tokens.find(*text);
}

Result<void> read_config(std::string_view text, std::string_view where, TokenizerParts& parts) {
  SpecialTokens& special = parts.special;
  special.add_bos = !parts.prefix.empty();
  special.add_eos = !parts.suffix.empty();
  if (!text.empty()) {
    const std::string name = std::string(where) + " (tokenizer_config)";
    ONDOL_TRY(const json::value document, parse_json(text, name, {}));
    const JsonNode config(document, "", name);
    ONDOL_TRY_VOID(config.object());
    special.bos = named_token(parts, config, "bos_token");
    special.eos = named_token(parts, config, "eos_token");
    special.unk = named_token(parts, config, "unk_token");
    special.pad = named_token(parts, config, "pad_token");
    ONDOL_TRY(special.add_bos, config.boolean_or("add_bos_token", special.add_bos));
    ONDOL_TRY(special.add_eos, config.boolean_or("add_eos_token", special.add_eos));
  }
  if (!special.bos && !parts.prefix.empty()) special.bos = parts.prefix.front();
  return {};
}

Result<std::unique_ptr<TokenizerParts>> build(const JsonNode& root, std::string_view config_json,
                                              std::string_view where) {
  ONDOL_TRY_VOID(root.object());
  auto parts = std::make_unique<TokenizerParts>();
  ONDOL_TRY(std::vector<AddedToken> added, parse_added_tokens(root));
  if (const auto node = root.find("normalizer")) {
    ONDOL_TRY(parts->normalizers, parse_normalizers(*node));
  }
  ONDOL_TRY(const JsonNode model, root.at("model"));
  ONDOL_TRY(const bool byte_model, load_model_vocab(model, added.size(), *parts));
  ParsedPreTokenizers pre;
  if (const auto node = root.find("pre_tokenizer")) {
    ONDOL_TRY(pre, parse_pre_tokenizers(*node, byte_model));
  }
  parts->pre_tokenizers = std::move(pre.steps);
  ONDOL_TRY(parts->model, load_model(model, pre.byte_words, *parts));

  const std::size_t n_known = parts->tokens.size() + added.size();
  for (const AddedToken& token : added) {
    if (static_cast<std::size_t>(token.id) > 2 * n_known + kMaxIdGap) {
      return fail(ErrorCode::kInvalidFile, where, "added_tokens", "id far beyond the vocabulary",
                  std::to_string(token.id), fmt::format("{} tokens", n_known));
    }
  }
  ONDOL_TRY(added, place_added_tokens(std::move(added), *parts, where));
  parts->is_special.resize(parts->tokens.size());
  for (const AddedToken& token : added) {
    parts->is_special[static_cast<std::size_t>(token.id)] = token.special;
  }
  mark_doubles(*parts);
  ONDOL_TRY_VOID(parts->add_matchers(added, where));

  if (const auto node = root.find("post_processor")) {
    ONDOL_TRY(Frame frame, parse_post_processor(*node, parts->tokens.size()));
    parts->prefix = std::move(frame.prefix);
    parts->suffix = std::move(frame.suffix);
  }
  std::vector<DecoderStep> steps;
  if (const auto node = root.find("decoder")) {
    ONDOL_TRY(steps, parse_decoder(*node));
  }
  ONDOL_TRY(parts->decoder, TokenDecoder::create(parts->tokens, steps, {}, where));
  ONDOL_TRY_VOID(read_config(config_json, where, *parts));
  parts->find_eog();
  return parts;
}

}  // namespace

Result<std::shared_ptr<const Tokenizer>> load_tokenizer_json(std::string_view json_text,
                                                             std::string_view config_json,
                                                             std::string_view where) {
  json::monotonic_resource arena;
  ONDOL_TRY(const json::value document, parse_json(json_text, where, &arena));
  ONDOL_TRY(auto parts, build(JsonNode(document, "", where), config_json, where));
  return std::make_shared<const Tokenizer>(std::move(parts));
}

}  // namespace ondol::text
