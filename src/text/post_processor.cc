#include "text/post_processor.h"

#include <boost/json.hpp>

namespace ondol::text {
namespace {

Result<TokenId> token_id(const JsonNode& node, std::size_t n_vocab) {
  const auto* id = node.value().if_int64();
  if (id == nullptr || *id < 0 || static_cast<std::size_t>(*id) >= n_vocab) {
    return node.invalid("not a token id", boost::json::serialize(node.value()));
  }
  return static_cast<TokenId>(*id);
}

// {"SpecialToken": {"id": "<s>"}}, resolved through "special_tokens".
Result<void> append_special(const JsonNode& piece, const JsonNode& table, std::size_t n_vocab,
                            std::vector<TokenId>& out) {
  ONDOL_TRY(const std::string_view name, piece.string("id"));
  ONDOL_TRY(const JsonNode entry, table.at(name));
  ONDOL_TRY(const JsonNode list, entry.at("ids"));
  ONDOL_TRY(const std::vector<JsonNode> ids, list.elements());
  for (const JsonNode& item : ids) {
    ONDOL_TRY(const TokenId id, token_id(item, n_vocab));
    out.push_back(id);
  }
  return {};
}

Result<Frame> parse_template(const JsonNode& node, std::size_t n_vocab) {
  Frame frame;
  bool text_seen = false;
  ONDOL_TRY(const JsonNode single, node.at("single"));
  ONDOL_TRY(const JsonNode table, node.at("special_tokens"));
  ONDOL_TRY(const std::vector<JsonNode> pieces, single.elements());
  for (const JsonNode& piece : pieces) {
    if (const auto special = piece.find("SpecialToken")) {
      ONDOL_TRY_VOID(
          append_special(*special, table, n_vocab, text_seen ? frame.suffix : frame.prefix));
    } else if (piece.find("Sequence") && !text_seen) {
      text_seen = true;
    } else {
      return piece.unsupported("a template is special tokens around one sequence");
    }
  }
  if (!text_seen) return single.unsupported("a template without its sequence");
  return frame;
}

// "cls": ["[CLS]", 101], "sep": ["[SEP]", 102]
Result<Frame> parse_bert(const JsonNode& node, std::size_t n_vocab) {
  Frame frame;
  for (const std::string_view key : {"cls", "sep"}) {
    ONDOL_TRY(const JsonNode pair, node.at(key));
    ONDOL_TRY(const std::vector<JsonNode> items, pair.elements());
    if (items.size() != 2) return pair.invalid("not [token, id]");
    ONDOL_TRY(const TokenId id, token_id(items[1], n_vocab));
    (key == "cls" ? frame.prefix : frame.suffix).push_back(id);
  }
  return frame;
}

}  // namespace

Result<Frame> parse_post_processor(const JsonNode& node, std::size_t n_vocab) {
  ONDOL_TRY(const std::string_view type, node.string("type"));
  if (type == "ByteLevel") return Frame{};
  if (type == "TemplateProcessing") return parse_template(node, n_vocab);
  if (type == "BertProcessing" || type == "RobertaProcessing") return parse_bert(node, n_vocab);
  if (type != "Sequence") {
    return node.unsupported("unknown post-processor type", std::string(type));
  }
  Frame frame;
  ONDOL_TRY(const JsonNode list, node.at("processors"));
  ONDOL_TRY(const std::vector<JsonNode> items, list.elements());
  for (const JsonNode& item : items) {
    ONDOL_TRY(Frame outer, parse_post_processor(item, n_vocab));  // depth: that of the JSON
    outer.prefix.insert(outer.prefix.end(), frame.prefix.begin(), frame.prefix.end());
    frame.suffix.insert(frame.suffix.end(), outer.suffix.begin(), outer.suffix.end());
    frame.prefix = std::move(outer.prefix);
  }
  return frame;
}

}  // namespace ondol::text
