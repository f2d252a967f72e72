#include "text/detokenizer.h"

#include <algorithm>

#include "base/utf8.h"

namespace ondol::text {
namespace {

constexpr std::size_t kMaxIncomplete = 3;  // bytes a character can have and still lack one

// Where the incomplete character at the end of `text` begins; its size if none.
std::size_t complete_prefix(std::string_view text) {
  for (std::size_t n = std::min(kMaxIncomplete, text.size()); n > 0; --n) {
    if (is_incomplete_utf8(text.substr(text.size() - n))) return text.size() - n;
  }
  return text.size();
}

}  // namespace

std::string StreamingDetokenizer::push(TokenId id) {
  const bool skip = skip_special_ && std::find(shown_.begin(), shown_.end(), id) == shown_.end();
  tokenizer_->decode_next(id, skip, state_, held_);
  const std::size_t n = complete_prefix(held_);
  std::string out = replace_invalid_utf8(std::string_view(held_).substr(0, n));
  held_.erase(0, n);
  return out;
}

std::string StreamingDetokenizer::finish() {
  std::string out = replace_invalid_utf8(held_);
  held_.clear();
  state_ = tokenizer_->start_decode();
  return out;
}

}  // namespace ondol::text
