// The second stage: a normalized text to words that no token may cross.
//
// Owner: a tokenizer. Threads: const methods run on any thread at once. Errors:
// only Regex patterns fail, with kLimit.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "text/json_node.h"

namespace ondol::text {

/// A text and its words so far. Words are in order, not empty, and need not
/// cover the text.
class Words {
 public:
  struct Word {
    std::size_t begin = 0;
    std::size_t end = 0;
    bool first = false;  // begins the whole input, before which nothing stands
  };

  /// One word; `text` must outlive the object. REQUIRES: !text.empty().
  Words(std::string_view text, bool first) : text_(text), words_{{0, text.size(), first}} {}

  std::string_view text() const { return text_; }
  std::string_view text_of(const Word& word) const {
    return text_.substr(word.begin, word.end - word.begin);
  }
  const std::vector<Word>& words() const { return words_; }

  void set_words(std::vector<Word> words) { words_ = std::move(words); }
  /// The words lie in `text` now.
  void rewrite(std::string text, std::vector<Word> words) {
    owned_ = std::move(text);
    text_ = owned_;
    words_ = std::move(words);
  }
  Words(const Words&) = delete;
  Words& operator=(const Words&) = delete;

 private:
  std::string_view text_;
  std::string owned_;
  std::vector<Word> words_;
};

class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  virtual Result<void> apply(Words& words) const = 0;
};

using PreTokenizers = std::vector<std::unique_ptr<PreTokenizer>>;

/// What becomes of a delimiter that a Split finds.
enum class SplitBehavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

Result<std::unique_ptr<PreTokenizer>> make_regex_split(std::string_view pattern,
                                                       std::string_view where,
                                                       std::string_view field);
std::unique_ptr<PreTokenizer> make_digits(bool individual);

/// GPT-2's pre-tokenizer. spell: words come out spelled in printable characters
/// (byte_level.h); otherwise they stay bytes, for a model keyed by bytes.
struct ByteLevelOptions {
  bool add_prefix_space = false;
  bool use_regex = true;
  bool spell = false;
};
std::unique_ptr<PreTokenizer> make_byte_level(ByteLevelOptions options);

struct ParsedPreTokenizers {
  PreTokenizers steps;
  /// The last step is ByteLevel and leaves words as bytes. Set only when asked for.
  bool byte_words = false;
};

/// The "pre_tokenizer" of a tokenizer.json; a Sequence becomes several steps.
/// want_byte_words: a final ByteLevel need not spell.
Result<ParsedPreTokenizers> parse_pre_tokenizers(const JsonNode& node, bool want_byte_words);

}  // namespace ondol::text
