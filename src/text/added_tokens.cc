#include "text/added_tokens.h"

#include <algorithm>

#include "base/utf8.h"
#include "text/unicode_classes.h"

namespace ondol::text {
namespace {

// The last character before `end`. REQUIRES: end > 0 and valid UTF-8.
std::size_t char_before(std::string_view text, std::size_t end) {
  do {
    --end;
  } while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80);
  return end;
}

std::size_t skip_space_left(std::string_view text, std::size_t end) {
  while (end > 0) {
    const std::size_t begin = char_before(text, end);
    if (!is_white_space(decode_utf8(text.substr(begin)).code_point)) break;
    end = begin;
  }
  return end;
}

std::size_t skip_space_right(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    const Utf8Char c = decode_utf8(text.substr(at));
    if (!is_white_space(c.code_point)) break;
    at += c.n_bytes;
  }
  return at;
}

bool is_single_word(std::string_view text, std::size_t begin, std::size_t end) {
  const auto is_word_at = [&](std::size_t at) {
    return is_word(decode_utf8(text.substr(at)).code_point);
  };
  return (begin == 0 || !is_word_at(char_before(text, begin))) &&
         (end == text.size() || !is_word_at(end));
}

}  // namespace

bool AddedTokenMatcher::add(const AddedToken& token, std::string_view pattern) {
  tokens_.push_back(token);
  return trie_.insert(pattern, static_cast<std::int32_t>(tokens_.size() - 1));
}

AddedTokenMatcher::Match AddedTokenMatcher::longest_at(std::string_view text,
                                                       std::size_t at) const {
  Match best;
  ByteTrie::Node node = ByteTrie::kRoot;
  for (std::size_t i = at; i < text.size(); ++i) {
    node = trie_.child(node, text[i]);
    if (node == ByteTrie::kNone) break;
    const std::int32_t index = trie_.value(node);
    if (index != ByteTrie::kNoValue) {
      best = {i + 1 - at, &tokens_[static_cast<std::size_t>(index)]};
    }
  }
  return best;
}

std::vector<AddedSplit> AddedTokenMatcher::split(std::string_view text, bool parse_special) const {
  std::vector<AddedSplit> out;
  std::size_t done = 0;  // everything before is in `out`
  for (std::size_t at = 0; at < text.size() && !empty();) {
    const Match match = longest_at(text, at);
    if (match.n_bytes == 0) {
      ++at;
      continue;
    }
    const AddedToken& token = *match.token;
    std::size_t begin = at;
    std::size_t end = at + match.n_bytes;
    at = end;  // also past a match that does not count
    if (token.special && !parse_special) continue;
    if (token.single_word && !is_single_word(text, begin, end)) continue;
    if (token.lstrip) begin = std::max(skip_space_left(text, begin), done);
    if (token.rstrip) end = skip_space_right(text, end);
    if (done < begin) out.push_back({done, begin, nullptr});
    out.push_back({begin, end, &token});
    done = end;
  }
  if (done < text.size()) out.push_back({done, text.size(), nullptr});
  return out;
}

}  // namespace ondol::text
