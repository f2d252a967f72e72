#include "text/unigram.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/utf8.h"

namespace ondol::text {
namespace {

constexpr double kUnkPenalty = 10.0;

struct Node {
  double score = 0;
  std::int32_t n_bytes = 0;  // of the last piece of the best path to here; 0: not reached
  TokenId id = 0;
};

}  // namespace

Unigram::Unigram(const TokenTable& vocab, std::vector<double> scores, Config config)
    : vocab_(vocab), scores_(std::move(scores)), config_(std::move(config)) {
  double lowest = std::numeric_limits<double>::infinity();
  for (const double score : scores_) lowest = std::min(lowest, score);
  unk_score_ = lowest - kUnkPenalty;
  for (std::size_t byte = 0; byte < 256; ++byte) {
    byte_token_[byte] = vocab_.find(fmt::format("<0x{:02X}>", byte)).value_or(-1);
  }
}

Result<std::unique_ptr<Unigram>> Unigram::create(const TokenTable& vocab,
                                                 std::vector<double> scores, Config config,
                                                 std::string_view where) {
  std::unique_ptr<Unigram> model(new Unigram(vocab, std::move(scores), std::move(config)));
  for (std::size_t i = 0; i < model->scores_.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    if (!model->config_.usable.empty() && !model->config_.usable[i]) continue;
    if (vocab.at(id).empty() || vocab.find(vocab.at(id)) != id) continue;
    if (vocab.at(id).size() > kMaxMatchedBytes) {
      return fail(ErrorCode::kLimit, where, "vocab",
                  fmt::format("piece {} is longer than kMaxMatchedBytes", i), vocab.at(id).size(),
                  kMaxMatchedBytes);
    }
    if (!model->trie_.insert(vocab.at(id), id)) {
      return fail(ErrorCode::kLimit, where, "vocab", "too many bytes for the trie", i,
                  ByteTrie::kMaxNodes);
    }
  }
  return model;
}

Result<void> Unigram::tokenize(std::string_view word, std::vector<TokenId>& out) const {
  std::vector<Node> best(word.size() + 1);
  const auto offer = [&](std::size_t from, std::size_t n_bytes, double score, TokenId id) {
    Node& to = best[from + n_bytes];
    const double total = best[from].score + score;
    if (to.n_bytes == 0 || total > to.score) {
      to = {total, static_cast<std::int32_t>(n_bytes), id};
    }
  };
  for (std::size_t at = 0; at < word.size();) {
    const std::size_t n_char = decode_utf8(word.substr(at)).n_bytes;
    bool covered = false;
    ByteTrie::Node node = ByteTrie::kRoot;
    for (std::size_t i = at; i < word.size(); ++i) {
      node = trie_.child(node, word[i]);
      if (node == ByteTrie::kNone) break;
      const TokenId id = trie_.value(node);
      if (id == ByteTrie::kNoValue) continue;
      offer(at, i + 1 - at, scores_[static_cast<std::size_t>(id)], id);
      covered |= i + 1 - at == n_char;
    }
    if (!covered) {
      if (!config_.unk) {
        return fail(ErrorCode::kUnsupported, "tokenizer", "unk_id",
                    "the text has a character outside the vocabulary and there is no unk token");
      }
      offer(at, n_char, unk_score_, *config_.unk);
    }
    at += n_char;
  }

  // Backwards along the best path; a run of unknowns is one piece.
  struct Piece {
    std::size_t begin, end;
    TokenId id;
  };
  std::vector<Piece> path;
  for (std::size_t end = word.size(); end > 0;) {
    const Node& node = best[end];
    const std::size_t begin = end - static_cast<std::size_t>(node.n_bytes);
    const bool unknown = node.id == config_.unk;
    if (unknown && !path.empty() && path.back().id == config_.unk) {
      path.back().begin = begin;
    } else {
      path.push_back({begin, end, node.id});
    }
    end = begin;
  }
  for (auto piece = path.rbegin(); piece != path.rend(); ++piece) {
    if (piece->id == config_.unk) {
      emit_unknown(word.substr(piece->begin, piece->end - piece->begin), out);
    } else {
      out.push_back(piece->id);
    }
  }
  return {};
}

void Unigram::emit_unknown(std::string_view text, std::vector<TokenId>& out) const {
  if (const auto id = vocab_.find(text)) {
    out.push_back(*id);
    return;
  }
  const auto token = [&](char byte) { return byte_token_[static_cast<std::uint8_t>(byte)]; };
  if (config_.byte_fallback &&
      std::all_of(text.begin(), text.end(), [&](char b) { return token(b) >= 0; })) {
    for (const char byte : text) out.push_back(token(byte));
    return;
  }
  out.push_back(*config_.unk);
}

}  // namespace ondol::text
