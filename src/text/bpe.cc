#include "text/bpe.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <unordered_map>

#include "base/utf8.h"

namespace ondol::text {
namespace {

constexpr std::size_t kBmp = 0x10000;
constexpr std::size_t kShortWord = 32;  // symbols; below it scanning beats a heap

// Words of a few symbols: look at every neighbouring pair for each merge.
void merge_short(std::vector<TokenId>& symbols, std::size_t start, const MergeTable& merges) {
  std::array<const MergeTable::Entry*, kShortWord> pairs{};
  TokenId* ids = symbols.data() + start;
  std::size_t n = symbols.size() - start;
  for (std::size_t i = 0; i + 1 < n; ++i) pairs[i] = merges.find(ids[i], ids[i + 1]);
  while (n > 1) {
    std::size_t best = n;
    std::uint32_t best_rank = std::numeric_limits<std::uint32_t>::max();
    for (std::size_t i = 0; i + 1 < n; ++i) {
      if (pairs[i] != nullptr && pairs[i]->rank < best_rank) {
        best = i;
        best_rank = pairs[i]->rank;
      }
    }
    if (best == n) break;
    ids[best] = pairs[best]->merged;
    std::copy(ids + best + 2, ids + n, ids + best + 1);
    std::copy(pairs.data() + best + 1, pairs.data() + n - 1, pairs.data() + best);
    --n;
    if (best > 0) pairs[best - 1] = merges.find(ids[best - 1], ids[best]);
    pairs[best] = best + 1 < n ? merges.find(ids[best], ids[best + 1]) : nullptr;
  }
  symbols.resize(start + n);
}

// Words of any length: a linked list of symbols and a heap of candidate merges.
class LongMerge {
 public:
  LongMerge(std::vector<TokenId>& symbols, std::size_t start, const MergeTable& merges)
      : ids_(symbols.data() + start), n_(symbols.size() - start), merges_(merges) {
    prev_.resize(n_);
    next_.resize(n_);
    for (std::size_t i = 0; i < n_; ++i) {
      prev_[i] = static_cast<std::int32_t>(i) - 1;
      next_[i] = i + 1 < n_ ? static_cast<std::int32_t>(i) + 1 : kEnd;
    }
  }

  /// How many symbols are left, moved to the front.
  std::size_t run() {
    for (std::size_t i = 0; i + 1 < n_; ++i) consider(static_cast<std::int32_t>(i));
    std::make_heap(heap_.begin(), heap_.end(), later);
    heap_ready_ = true;
    while (!heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end(), later);
      const Candidate top = heap_.back();
      heap_.pop_back();
      apply(top);
    }
    std::size_t n_left = 0;
    for (std::int32_t i = 0; i != kEnd; i = next_[static_cast<std::size_t>(i)]) {
      ids_[n_left++] = ids_[i];
    }
    return n_left;
  }

 private:
  static constexpr std::int32_t kEnd = -1;
  static constexpr TokenId kGone = -1;

  struct Candidate {
    std::uint64_t order;  // rank << 32 | position: the lowest goes first
    TokenId merged;
  };
  static bool later(const Candidate& a, const Candidate& b) { return a.order > b.order; }

  void consider(std::int32_t left) {
    const std::int32_t right = next_[static_cast<std::size_t>(left)];
    const MergeTable::Entry* entry = merges_.find(ids_[left], ids_[right]);
    if (entry == nullptr) return;
    heap_.push_back(
        {(std::uint64_t{entry->rank} << 32) | static_cast<std::uint32_t>(left), entry->merged});
    if (heap_ready_) std::push_heap(heap_.begin(), heap_.end(), later);
  }

  void apply(const Candidate& candidate) {
    const auto left = static_cast<std::int32_t>(candidate.order & 0xFFFFFFFF);
    if (ids_[left] == kGone) return;
    const std::int32_t right = next_[static_cast<std::size_t>(left)];
    if (right == kEnd) return;
    // The neighbours may have merged with others since the candidate was made.
    const MergeTable::Entry* entry = merges_.find(ids_[left], ids_[right]);
    if (entry == nullptr || entry->merged != candidate.merged) return;
    ids_[left] = candidate.merged;
    ids_[right] = kGone;
    const std::int32_t after = next_[static_cast<std::size_t>(right)];
    next_[static_cast<std::size_t>(left)] = after;
    if (after != kEnd) {
      prev_[static_cast<std::size_t>(after)] = left;
      consider(left);
    }
    const std::int32_t before = prev_[static_cast<std::size_t>(left)];
    if (before != kEnd) consider(before);
  }

  TokenId* ids_;
  std::size_t n_;
  const MergeTable& merges_;
  std::vector<std::int32_t> prev_;
  std::vector<std::int32_t> next_;
  std::vector<Candidate> heap_;
  bool heap_ready_ = false;
};

}  // namespace

Bpe::Bpe(const TokenTable& vocab, MergeTable merges, BpeConfig config,
         std::vector<char32_t> extra_chars)
    : vocab_(vocab),
      merges_(std::move(merges)),
      config_(std::move(config)),
      extra_chars_(std::move(extra_chars)),
      first_extra_(static_cast<TokenId>(vocab.size())),
      n_stable_(vocab.size()) {
  is_stable_ = std::make_unique<std::atomic<std::uint8_t>[]>(n_stable_);
  for (std::size_t byte = 0; byte < 256; ++byte) {
    byte_token_[byte] = vocab_.find(fmt::format("<0x{:02X}>", byte)).value_or(-1);
  }
  bmp_.assign(config_.byte_level ? 256 : kBmp, -1);
  for (std::size_t i = 0; i < bmp_.size(); ++i) {
    std::string key;
    if (config_.byte_level) {
      key = static_cast<char>(i);
    } else if (i < 0xD800 || i >= 0xE000) {
      append_utf8(key, static_cast<char32_t>(i));
    }
    if (!key.empty()) bmp_[i] = vocab_.find(key).value_or(-1);
  }
  for (std::size_t k = 0; k < extra_chars_.size(); ++k) {
    if (extra_chars_[k] < kBmp) bmp_[extra_chars_[k]] = first_extra_ + static_cast<TokenId>(k);
  }
}

Result<void> Bpe::tokenize(std::string_view word, std::vector<TokenId>& out) const {
  const std::optional<TokenId> whole = vocab_.find(word);
  if (!whole || static_cast<std::size_t>(*whole) >= n_stable_) {
    merge_word(word, out);
    return {};
  }
  std::atomic<std::uint8_t>& stable = is_stable_[static_cast<std::size_t>(*whole)];
  if (config_.ignore_merges || stable.load(std::memory_order_relaxed) == 1) {
    out.push_back(*whole);
    return {};
  }
  const std::size_t before = out.size();
  merge_word(word, out);
  const bool is_itself = out.size() == before + 1 && out.back() == *whole;
  stable.store(is_itself ? 1 : 2, std::memory_order_relaxed);
  return {};
}

void Bpe::merge_word(std::string_view word, std::vector<TokenId>& out) const {
  const std::size_t start = out.size();
  if (config_.byte_level) {
    // Few vocabularies lack a byte; such a byte is unk where there is one, else dropped.
    for (const char byte : word) {
      const TokenId symbol = bmp_[static_cast<std::uint8_t>(byte)];
      if (symbol >= 0 || config_.unk) out.push_back(symbol >= 0 ? symbol : *config_.unk);
    }
  } else {
    symbols_of(word, out);
  }
  const std::size_t n = out.size() - start;
  if (n <= kShortWord) {
    merge_short(out, start, merges_);
  } else {
    out.resize(start + LongMerge(out, start, merges_).run());
  }
  if (extra_chars_.empty()) return;
  const std::vector<TokenId> symbols(out.begin() + static_cast<std::ptrdiff_t>(start), out.end());
  out.resize(start);
  for (const TokenId symbol : symbols) emit(symbol, out);
}

// The first symbols of a word, one a character; what has none becomes bytes or unk.
void Bpe::symbols_of(std::string_view word, std::vector<TokenId>& out) const {
  bool unk_waits = false;  // an unk that the next unknown character may join
  const auto flush = [&] {
    if (unk_waits) out.push_back(*config_.unk);
    unk_waits = false;
  };
  for (std::size_t at = 0; at < word.size();) {
    const std::size_t n_bytes = decode_utf8(word.substr(at)).n_bytes;
    const std::string_view character = word.substr(at, n_bytes);
    const auto symbol = symbol_of(character, at == 0, at + n_bytes == word.size());
    at += n_bytes;
    if (symbol) {
      flush();
      out.push_back(*symbol);
    } else if (config_.byte_fallback && push_bytes(character, out)) {
      // A waiting unk goes on waiting: so does Hugging Face.
    } else if (config_.unk) {
      if (!config_.fuse_unk) flush();
      unk_waits = true;
    }
  }
  flush();
}

std::optional<TokenId> Bpe::symbol_of(std::string_view character, bool first, bool last) const {
  const bool prefixed = !first && !config_.continuing_subword_prefix.empty();
  const bool suffixed = last && !config_.end_of_word_suffix.empty();
  if (prefixed || suffixed) {
    std::string key = prefixed ? config_.continuing_subword_prefix : std::string();
    key += character;
    if (suffixed) key += config_.end_of_word_suffix;
    return vocab_.find(key);
  }
  const char32_t c = decode_utf8(character).code_point;
  if (c < kBmp) return bmp_[c] < 0 ? std::nullopt : std::optional(bmp_[c]);
  if (const auto id = vocab_.find(character)) return id;
  const auto extra = std::lower_bound(extra_chars_.begin(), extra_chars_.end(), c);
  if (extra == extra_chars_.end() || *extra != c) return std::nullopt;
  return first_extra_ + static_cast<TokenId>(extra - extra_chars_.begin());
}

bool Bpe::push_bytes(std::string_view character, std::vector<TokenId>& out) const {
  const auto token = [&](char byte) { return byte_token_[static_cast<std::uint8_t>(byte)]; };
  if (std::any_of(character.begin(), character.end(), [&](char b) { return token(b) < 0; })) {
    return false;
  }
  for (const char byte : character) out.push_back(token(byte));
  return true;
}

// A symbol that never merged and is no token falls back to bytes.
void Bpe::emit(TokenId symbol, std::vector<TokenId>& out) const {
  if (symbol < first_extra_) {
    out.push_back(symbol);
    return;
  }
  std::string character;
  append_utf8(character, extra_chars_[static_cast<std::size_t>(symbol - first_extra_)]);
  if (config_.byte_fallback && push_bytes(character, out)) return;
  if (config_.unk) out.push_back(*config_.unk);
}

SpmMerges spm_merges(const TokenTable& vocab, const std::vector<float>& scores,
                     const std::vector<bool>& mergeable) {
  SpmMerges result;
  const std::size_t n = vocab.size();

  // Equal scores are equal ranks: the leftmost pair goes first among them.
  std::vector<TokenId> by_score;
  for (std::size_t i = 0; i < n; ++i) {
    if (mergeable[i]) by_score.push_back(static_cast<TokenId>(i));
  }
  const auto score = [&](TokenId id) { return scores[static_cast<std::size_t>(id)]; };
  std::sort(by_score.begin(), by_score.end(),
            [&](TokenId a, TokenId b) { return score(a) > score(b); });

  // Characters first, as their symbol ids must be known (and ascend) before merges.
  for (const TokenId id : by_score) {
    for (std::string_view rest = vocab.at(id); !rest.empty();) {
      const Utf8Char c = decode_utf8(rest);
      if (c.n_bytes != vocab.at(id).size() && !vocab.find(rest.substr(0, c.n_bytes))) {
        result.extra_chars.push_back(c.code_point);
      }
      rest.remove_prefix(c.n_bytes);
    }
  }
  auto& extra = result.extra_chars;
  std::sort(extra.begin(), extra.end());
  extra.erase(std::unique(extra.begin(), extra.end()), extra.end());

  const auto symbol = [&](std::string_view text) -> TokenId {
    if (const auto id = vocab.find(text)) {
      if (mergeable[static_cast<std::size_t>(*id)]) return *id;
    }
    const Utf8Char c = decode_utf8(text);
    if (c.n_bytes != text.size()) return -1;
    const auto at = std::lower_bound(extra.begin(), extra.end(), c.code_point);
    if (at == extra.end() || *at != c.code_point) return -1;
    return static_cast<TokenId>(n) + static_cast<TokenId>(at - extra.begin());
  };
  std::uint32_t rank = 0;
  for (std::size_t i = 0; i < by_score.size(); ++i) {
    const TokenId id = by_score[i];
    if (i > 0 && score(id) < score(by_score[i - 1])) ++rank;
    const std::string_view piece = vocab.at(id);
    if (vocab.find(piece) != id) continue;  // the same string again
    for (std::size_t cut = decode_utf8(piece).n_bytes; cut < piece.size();
         cut += decode_utf8(piece.substr(cut)).n_bytes) {
      const TokenId left = symbol(piece.substr(0, cut));
      if (left < 0) continue;
      const TokenId right = symbol(piece.substr(cut));
      if (right >= 0) result.merges.insert(left, right, rank, id);
    }
  }
  return result;
}

}  // namespace ondol::text
