#include "text/grammar/vocabulary.h"

#include <algorithm>

namespace ondol::text {

std::shared_ptr<const GrammarVocabulary> GrammarVocabulary::build(
    std::shared_ptr<const Tokenizer> tokenizer) {
  std::shared_ptr<GrammarVocabulary> out(new GrammarVocabulary(std::move(tokenizer)));
  out->sort_tokens();
  out->build_nodes();
  return out;
}

GrammarVocabulary::GrammarVocabulary(std::shared_ptr<const Tokenizer> tokenizer)
    : tokenizer_(std::move(tokenizer)), textual_(tokenizer_->n_vocab()) {}

std::string_view GrammarVocabulary::bytes(TokenId id) const {
  const auto index = static_cast<std::size_t>(id);
  return id >= 0 && index < textual_.size() && textual_[index] ? tokenizer_->token_bytes(id) : "";
}

bool GrammarVocabulary::is_end(TokenId id) const {
  return std::ranges::binary_search(end_ids(), id);
}

std::optional<TokenId> GrammarVocabulary::special_id(std::string_view piece) const {
  const auto id = tokenizer_->id_of(piece);
  return id && tokenizer_->is_special(*id) && !is_end(*id) ? id : std::nullopt;
}

void GrammarVocabulary::sort_tokens() {
  for (std::size_t i = 0; i < n_vocab(); ++i) {
    const auto id = static_cast<TokenId>(i);
    const std::size_t size = tokenizer_->token_bytes(id).size();
    if (size == 0 || size > kMaxTokenBytes || tokenizer_->is_special(id) || is_end(id)) continue;
    textual_[i] = true;
    sorted_ids_.push_back(id);
    max_token_bytes_ = std::max(max_token_bytes_, size);
  }
  std::ranges::sort(sorted_ids_, [&](TokenId a, TokenId b) {
    const int order = tokenizer_->token_bytes(a).compare(tokenizer_->token_bytes(b));
    return order != 0 ? order < 0 : a < b;
  });
}

// Level by level, so that children lie side by side.
void GrammarVocabulary::build_nodes() {
  nodes_.emplace_back();
  std::vector<Group> level = {{0, 0, static_cast<std::uint32_t>(sorted_ids_.size()), 0}};
  while (!level.empty()) {
    std::vector<Group> next;
    for (const Group& group : level) add_children(group, next);
    level = std::move(next);
  }
}

void GrammarVocabulary::add_children(const Group& group, std::vector<Group>& next) {
  const auto text = [&](std::uint32_t i) { return tokenizer_->token_bytes(sorted_ids_[i]); };
  std::uint32_t i = group.begin;
  while (i < group.end && text(i).size() == group.depth) ++i;
  nodes_[group.node].first_token = group.begin;
  nodes_[group.node].n_tokens = static_cast<std::uint8_t>(std::min(i - group.begin, 255U));
  nodes_[group.node].first_child = static_cast<std::uint32_t>(nodes_.size());
  while (i < group.end) {
    const char byte = text(i)[group.depth];
    const std::uint32_t begin = i;
    while (i < group.end && text(i)[group.depth] == byte) ++i;
    next.push_back({static_cast<std::uint32_t>(nodes_.size()), begin, i, group.depth + 1});
    ++nodes_[group.node].n_children;
    nodes_.emplace_back().byte = static_cast<std::uint8_t>(byte);
  }
}

}  // namespace ondol::text
