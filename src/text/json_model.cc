#include "text/json_model.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <cmath>

#include "base/utf8.h"
#include "text/bpe.h"
#include "text/byte_level.h"
#include "text/unigram.h"

namespace ondol::text {
namespace {

namespace json = boost::json;

std::string_view view(const json::string& text) { return {text.data(), text.size()}; }

Result<void> check_count(const JsonNode& node, std::size_t n) {
  if (n <= kMaxVocabulary) return {};
  return fail(ErrorCode::kLimit, node.where(), node.path(), "more than kMaxVocabulary tokens", n,
              kMaxVocabulary);
}

Result<void> check_token(const JsonNode& node, std::string_view token) {
  if (token.size() <= kMaxTokenBytes) return {};
  return fail(ErrorCode::kLimit, node.where(), node.path(), "a token is longer than kMaxTokenBytes",
              token.size(), kMaxTokenBytes);
}

// {"token": id, ...}
Result<void> load_map(const JsonNode& node, std::size_t n_added, TokenTable& tokens) {
  ONDOL_TRY(const json::object* map, node.object());
  ONDOL_TRY_VOID(check_count(node, map->size()));
  const std::size_t max_id = 2 * (map->size() + n_added) + kMaxIdGap;
  tokens.reserve(map->size(), map->size() * 8);
  for (const auto& member : *map) {
    const std::string_view token(member.key().data(), member.key().size());
    const auto* id = member.value().if_int64();
    if (id == nullptr || *id < 0 || static_cast<std::size_t>(*id) > max_id) {
      return node.invalid(fmt::format("an id is no integer in 0 .. {}", max_id),
                          fmt::format("{}: {}", token, json::serialize(member.value())));
    }
    ONDOL_TRY_VOID(check_token(node, token));
    if (tokens.has(static_cast<TokenId>(*id))) {
      return node.invalid("two tokens have the same id", std::to_string(*id));
    }
    tokens.set(static_cast<TokenId>(*id), token);
    if (!token.empty()) tokens.index(static_cast<TokenId>(*id));
  }
  return {};
}

// [["token", score], ...]; a string that comes twice belongs to the later id.
Result<void> load_scored(const JsonNode& node, TokenTable& tokens) {
  ONDOL_TRY(const json::array* list, node.array());
  ONDOL_TRY_VOID(check_count(node, list->size()));
  tokens.reserve(list->size(), list->size() * 8);
  for (const json::value& item : *list) {
    const json::array* pair = item.if_array();
    if (pair == nullptr || pair->size() != 2 || !(*pair)[0].is_string() ||
        !(*pair)[1].is_number()) {
      return node.invalid("an entry is no [token, score]", std::to_string(tokens.size()));
    }
    const std::string_view token = view((*pair)[0].get_string());
    ONDOL_TRY_VOID(check_token(node, token));
    tokens.set(static_cast<TokenId>(tokens.size()), token);
  }
  for (std::size_t i = list->size(); i-- > 0;) {
    if (!tokens.at(static_cast<TokenId>(i)).empty()) tokens.index(static_cast<TokenId>(i));
  }
  return {};
}

bool spells_all_bytes(const TokenTable& tokens) {
  for (unsigned byte = 0; byte < 256; ++byte) {
    std::string character;
    append_utf8(character, byte_to_char(static_cast<std::uint8_t>(byte)));
    if (!tokens.find(character)) return false;
  }
  return true;
}

struct MergePair {
  std::string_view left;
  std::string_view right;
};

// "left right" or ["left", "right"].
Result<MergePair> merge_pair(const JsonNode& node, const json::value& item, std::size_t rank) {
  if (const json::array* pair = item.if_array()) {
    if (pair->size() == 2 && (*pair)[0].is_string() && (*pair)[1].is_string()) {
      return MergePair{view((*pair)[0].get_string()), view((*pair)[1].get_string())};
    }
  } else if (const json::string* line = item.if_string()) {
    const std::string_view text = view(*line);
    const std::size_t space = text.find(' ');
    if (space != std::string_view::npos && text.find(' ', space + 1) == std::string_view::npos) {
      return MergePair{text.substr(0, space), text.substr(space + 1)};
    }
  }
  return node.invalid("a merge is neither \"left right\" nor [left, right]", std::to_string(rank));
}

Result<MergeTable> load_merges(const JsonNode& node, const TokenTable& tokens,
                               std::size_t n_prefix) {
  ONDOL_TRY(const json::array* list, node.array());
  MergeTable merges;
  merges.reserve(list->size());
  std::string joined;
  std::uint32_t rank = 0;
  const auto missing = [&](std::string_view token) {
    return node.invalid(fmt::format("merge {} names a token outside the vocabulary", rank),
                        std::string(token));
  };
  for (const json::value& item : *list) {
    // Files converted from merges.txt may keep its first line.
    if (item.is_string() && view(item.get_string()).starts_with("#version")) continue;
    ONDOL_TRY(const MergePair pair, merge_pair(node, item, rank));
    const auto left = tokens.find(pair.left);
    if (!left) return missing(pair.left);
    const auto right = tokens.find(pair.right);
    if (!right || pair.right.size() < n_prefix) return missing(pair.right);
    joined = pair.left;
    joined += pair.right.substr(n_prefix);
    const auto merged = tokens.find(joined);
    if (!merged) return missing(joined);
    merges.insert(*left, *right, rank++, *merged);
  }
  return merges;
}

Result<std::string_view> string_or_empty(const JsonNode& node, std::string_view key) {
  if (!node.find(key)) return std::string_view();
  return node.string(key);
}

Result<std::unique_ptr<Model>> load_bpe(const JsonNode& node, bool by_bytes,
                                        TokenizerParts& parts) {
  BpeConfig config;
  config.byte_level = by_bytes;
  ONDOL_TRY(config.byte_fallback, node.boolean_or("byte_fallback", false));
  ONDOL_TRY(config.fuse_unk, node.boolean_or("fuse_unk", false));
  ONDOL_TRY(config.ignore_merges, node.boolean_or("ignore_merges", false));
  ONDOL_TRY(config.continuing_subword_prefix, string_or_empty(node, "continuing_subword_prefix"));
  ONDOL_TRY(config.end_of_word_suffix, string_or_empty(node, "end_of_word_suffix"));
  if (const auto dropout = node.find("dropout"); dropout && dropout->value() != 0.0) {
    return dropout->unsupported("dropout is random; it belongs to training");
  }
  if (node.find("unk_token")) {
    ONDOL_TRY(const std::string_view unk, node.string("unk_token"));
    config.unk = parts.tokens.find(unk);
  }
  ONDOL_TRY(const JsonNode merges_node, node.at("merges"));
  ONDOL_TRY(MergeTable merges,
            load_merges(merges_node, parts.tokens, config.continuing_subword_prefix.size()));
  if (!by_bytes) return std::make_unique<Bpe>(parts.tokens, std::move(merges), std::move(config));

  parts.byte_tokens.reserve(parts.tokens.size(), parts.tokens.size() * 8);
  for (std::size_t i = 0; i < parts.tokens.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    const auto bytes = chars_to_bytes(parts.tokens.at(id));
    parts.byte_tokens.set(id, bytes.value_or(""));
    if (bytes && !bytes->empty()) parts.byte_tokens.index(id);
  }
  return std::make_unique<Bpe>(parts.byte_tokens, std::move(merges), std::move(config));
}

Result<std::unique_ptr<Model>> load_unigram(const JsonNode& node, TokenizerParts& parts) {
  Unigram::Config config;
  ONDOL_TRY(config.byte_fallback, node.boolean_or("byte_fallback", false));
  if (node.find("unk_id")) {
    ONDOL_TRY(const std::int64_t unk, node.integer("unk_id"));
    if (unk < 0 || static_cast<std::size_t>(unk) >= parts.tokens.size()) {
      return node.invalid("unk_id is outside the vocabulary", std::to_string(unk));
    }
    config.unk = static_cast<TokenId>(unk);
  }
  ONDOL_TRY(const JsonNode vocab, node.at("vocab"));
  std::vector<double> scores;
  for (const json::value& item : vocab.value().get_array()) {
    scores.push_back(item.get_array()[1].to_number<double>());
    if (!std::isfinite(scores.back())) {
      return vocab.invalid("a score is not finite", std::to_string(scores.size() - 1));
    }
  }
  return Unigram::create(parts.tokens, std::move(scores), std::move(config), node.where());
}

// Older files have no "type" in the model; theirs is BPE if there are merges.
Result<std::string_view> model_type(const JsonNode& model) {
  ONDOL_TRY_VOID(model.object());
  if (!model.find("type")) {
    if (model.find("merges")) return std::string_view("BPE");
    if (model.find("unk_id")) return std::string_view("Unigram");
  }
  return model.string("type");
}

}  // namespace

Result<bool> load_model_vocab(const JsonNode& model, std::size_t n_added, TokenizerParts& parts) {
  ONDOL_TRY(const std::string_view type, model_type(model));
  ONDOL_TRY(const JsonNode vocab, model.at("vocab"));
  if (type == "Unigram") {
    ONDOL_TRY_VOID(load_scored(vocab, parts.tokens));
    return false;
  }
  if (type != "BPE") return model.unsupported("unknown model type", std::string(type));
  ONDOL_TRY_VOID(load_map(vocab, n_added, parts.tokens));
  ONDOL_TRY(const std::string_view prefix, string_or_empty(model, "continuing_subword_prefix"));
  ONDOL_TRY(const std::string_view suffix, string_or_empty(model, "end_of_word_suffix"));
  return prefix.empty() && suffix.empty() && spells_all_bytes(parts.tokens);
}

Result<std::unique_ptr<Model>> load_model(const JsonNode& model, bool by_bytes,
                                          TokenizerParts& parts) {
  ONDOL_TRY(const std::string_view type, model_type(model));
  if (type == "Unigram") {
    ONDOL_TRY(auto unigram, load_unigram(model, parts));
    return unigram;
  }
  return load_bpe(model, by_bytes, parts);
}

}  // namespace ondol::text
