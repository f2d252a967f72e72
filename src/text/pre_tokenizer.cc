#include "text/pre_tokenizer.h"

#include <optional>
#include <utility>

#include "base/check.h"
#include "base/utf8.h"
#include "text/byte_level.h"
#include "text/split.h"
#include "text/unicode_classes.h"

namespace ondol::text {
namespace {

// GPT-2's pattern (openai/gpt-2, src/encoder.py).
constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
class RegexSplit final : public PreTokenizer {
 public:
  RegexSplit(Regex regex, SplitBehavior behavior, bool invert)
      : regex_(std::move(regex)), behavior_(behavior), invert_(invert) {}

  Result<void> apply(Words& words) const override {
    std::vector<Words::Word> out;
    std::vector<Range> matches;
    for (const Words::Word& word : words.words()) {
      matches.clear();
      ONDOL_TRY_VOID(regex_.find_all(words.text_of(word), matches));
      split_word(word, matches, invert_, behavior_, out);
    }
    words.set_words(std::move(out));
    return {};
  }

 private:
  Regex regex_;
  SplitBehavior behavior_;
  bool invert_;
};

class StringSplit final : public PreTokenizer {
 public:
  StringSplit(std::string delimiter, SplitBehavior behavior, bool invert)
      : delimiter_(std::move(delimiter)), behavior_(behavior), invert_(invert) {}

  Result<void> apply(Words& words) const override {
    std::vector<Words::Word> out;
    std::vector<Range> matches;
    for (const Words::Word& word : words.words()) {
      matches.clear();
      const std::string_view text = words.text_of(word);
      for (std::size_t at = text.find(delimiter_); at != std::string_view::npos;
           at = text.find(delimiter_, at + delimiter_.size())) {
        matches.push_back({at, at + delimiter_.size()});
      }
      split_word(word, matches, invert_, behavior_, out);
    }
    words.set_words(std::move(out));
    return {};
  }

 private:
  std::string delimiter_;
  SplitBehavior behavior_;
  bool invert_;
};

// Every character of a kind is a delimiter.
class CharSplit final : public PreTokenizer {
 public:
  CharSplit(bool (*is_delimiter)(char32_t), SplitBehavior behavior)
      : is_delimiter_(is_delimiter), behavior_(behavior) {}

  Result<void> apply(Words& words) const override {
    std::vector<Words::Word> out;
    std::vector<Range> matches;
    for (const Words::Word& word : words.words()) {
      matches.clear();
      const std::string_view text = words.text_of(word);
      for (std::size_t at = 0; at < text.size();) {
        const Utf8Char c = decode_utf8(text.substr(at));
        if (is_delimiter_(c.code_point)) matches.push_back({at, at + c.n_bytes});
        at += c.n_bytes;
      }
      split_word(word, matches, false, behavior_, out);
    }
    words.set_words(std::move(out));
    return {};
  }

 private:
  bool (*is_delimiter_)(char32_t);
  SplitBehavior behavior_;
};

// Replaces the text of every word.
template <class F>
void rewrite_words(Words& words, F&& rewritten) {
  std::string text;
  std::vector<Words::Word> out;
  for (const Words::Word& word : words.words()) {
    const std::size_t begin = text.size();
    rewritten(word, words.text_of(word), text);
    if (text.size() > begin) out.push_back({begin, text.size(), word.first});
  }
  words.rewrite(std::move(text), std::move(out));
}

class ByteLevel final : public PreTokenizer {
 public:
  explicit ByteLevel(ByteLevelOptions options) : options_(options) {
    if (!options.use_regex) return;
    auto regex = Regex::compile(kGpt2Pattern, "", "");
    ONDOL_CHECK(regex.has_value());
    split_.emplace(*std::move(regex), SplitBehavior::kIsolated, false);
  }

  Result<void> apply(Words& words) const override {
    if (options_.add_prefix_space) {
      rewrite_words(words, [](const auto&, std::string_view text, std::string& out) {
        if (!text.starts_with(' ')) out += ' ';
        out += text;
      });
    }
    if (split_) ONDOL_TRY_VOID(split_->apply(words));
    if (options_.spell) {
      rewrite_words(words, [](const auto&, std::string_view text, std::string& out) {
        out += bytes_to_chars(text);
      });
    }
    return {};
  }

 private:
  ByteLevelOptions options_;
  std::optional<RegexSplit> split_;
};

enum class PrependScheme { kAlways, kFirst, kNever };

class Metaspace final : public PreTokenizer {
 public:
  Metaspace(std::string replacement, PrependScheme scheme, bool split)
      : replacement_(std::move(replacement)),
        scheme_(scheme),
        split_(split),
        splitter_(replacement_, SplitBehavior::kMergedWithNext, false) {}

  Result<void> apply(Words& words) const override {
    rewrite_words(words, [&](const Words::Word& word, std::string_view text, std::string& out) {
      const bool has_it = text.starts_with(' ') || text.starts_with(replacement_);
      const bool wants =
          scheme_ == PrependScheme::kAlways || (scheme_ == PrependScheme::kFirst && word.first);
      if (wants && !has_it) out += replacement_;
      for (const char byte : text) {
        if (byte == ' ') {
          out += replacement_;
        } else {
          out += byte;
        }
      }
    });
    return split_ ? splitter_.apply(words) : Result<void>();
  }

 private:
  std::string replacement_;
  PrependScheme scheme_;
  bool split_;
  StringSplit splitter_;
};

Result<SplitBehavior> parse_behavior(const JsonNode& node) {
  static constexpr std::pair<std::string_view, SplitBehavior> kNames[] = {
      {"Removed", SplitBehavior::kRemoved},
      {"Isolated", SplitBehavior::kIsolated},
      {"MergedWithPrevious", SplitBehavior::kMergedWithPrevious},
      {"MergedWithNext", SplitBehavior::kMergedWithNext},
      {"Contiguous", SplitBehavior::kContiguous},
  };
  ONDOL_TRY(const std::string_view name, node.string());
  for (const auto& [known, behavior] : kNames) {
    if (name == known) return behavior;
  }
  return node.unsupported("unknown split behavior", std::string(name));
}

Result<std::unique_ptr<PreTokenizer>> parse_split(const JsonNode& node) {
  ONDOL_TRY(const JsonNode behavior_node, node.at("behavior"));
  ONDOL_TRY(const SplitBehavior behavior, parse_behavior(behavior_node));
  ONDOL_TRY(const bool invert, node.boolean_or("invert", false));
  ONDOL_TRY(const JsonNode pattern, node.at("pattern"));
  if (pattern.find("String")) {
    ONDOL_TRY(const std::string_view text, pattern.string("String"));
    if (text.empty()) return pattern.unsupported("splits at the empty string");
    return std::make_unique<StringSplit>(std::string(text), behavior, invert);
  }
  ONDOL_TRY(const std::string_view source, pattern.string("Regex"));
  ONDOL_TRY(Regex regex, Regex::compile(source, node.where(), pattern.path()));
  return std::make_unique<RegexSplit>(std::move(regex), behavior, invert);
}

Result<std::unique_ptr<PreTokenizer>> parse_metaspace(const JsonNode& node) {
  ONDOL_TRY(const std::string_view replacement, node.string("replacement"));
  if (replacement.empty() || decode_utf8(replacement).n_bytes != replacement.size()) {
    return node.invalid("the replacement is not one character", std::string(replacement));
  }
  ONDOL_TRY(const bool split, node.boolean_or("split", true));
  // Older files say add_prefix_space instead of prepend_scheme.
  ONDOL_TRY(const bool add_prefix_space, node.boolean_or("add_prefix_space", true));
  PrependScheme scheme = add_prefix_space ? PrependScheme::kAlways : PrependScheme::kNever;
  if (node.find("prepend_scheme")) {
    ONDOL_TRY(const std::string_view name, node.string("prepend_scheme"));
    if (name == "always") {
      scheme = PrependScheme::kAlways;
    } else if (name == "first") {
      scheme = PrependScheme::kFirst;
    } else if (name == "never") {
      scheme = PrependScheme::kNever;
    } else {
      return node.unsupported("unknown prepend_scheme", std::string(name));
    }
    if (!add_prefix_space && scheme != PrependScheme::kNever) {
      return node.invalid("add_prefix_space contradicts prepend_scheme", std::string(name));
    }
  }
  return std::make_unique<Metaspace>(std::string(replacement), scheme, split);
}

// Hugging Face's Whitespace: \w+|[^\w\s]+ as the regex crate of Rust reads it.
Result<std::unique_ptr<PreTokenizer>> parse_whitespace(const JsonNode& node) {
  const std::string word = "\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}" +
                           std::string(kOtherAlphabeticClass) + std::string(kRustWordClass);
  ONDOL_TRY(Regex regex,
            Regex::compile("[" + word + "]+|[^" + word + "\\s]+", node.where(), node.path()));
  return std::make_unique<RegexSplit>(std::move(regex), SplitBehavior::kRemoved, true);
}

Result<std::unique_ptr<PreTokenizer>> parse_one(const JsonNode& node, std::string_view type) {
  if (type == "Split") return parse_split(node);
  if (type == "Metaspace") return parse_metaspace(node);
  if (type == "Whitespace") return parse_whitespace(node);
  if (type == "WhitespaceSplit") {
    return std::make_unique<CharSplit>(is_white_space, SplitBehavior::kRemoved);
  }
  if (type == "Digits") {
    ONDOL_TRY(const bool individual, node.boolean("individual_digits"));
    return make_digits(individual);
  }
  if (type == "Punctuation") {
    SplitBehavior behavior = SplitBehavior::kIsolated;
    if (const auto given = node.find("behavior")) {
      ONDOL_TRY(behavior, parse_behavior(*given));
    }
    return std::make_unique<CharSplit>(is_punctuation, behavior);
  }
  return node.unsupported("unknown pre-tokenizer type", std::string(type));
}

// Flattens Sequences, whose depth the JSON parser has bounded.
Result<void> flatten(const JsonNode& node, std::vector<JsonNode>& out) {
  ONDOL_TRY(const std::string_view type, node.string("type"));
  if (type != "Sequence") {
    out.push_back(node);
    return {};
  }
  ONDOL_TRY(const JsonNode list, node.at("pretokenizers"));
  ONDOL_TRY(const std::vector<JsonNode> items, list.elements());
  for (const JsonNode& item : items) ONDOL_TRY_VOID(flatten(item, out));
  return {};
}

}  // namespace

Result<std::unique_ptr<PreTokenizer>> make_regex_split(std::string_view pattern,
                                                       std::string_view where,
                                                       std::string_view field) {
  ONDOL_TRY(Regex regex, Regex::compile(pattern, where, field));
  return std::make_unique<RegexSplit>(std::move(regex), SplitBehavior::kIsolated, false);
}

std::unique_ptr<PreTokenizer> make_digits(bool individual) {
  return std::make_unique<CharSplit>(
      is_numeric, individual ? SplitBehavior::kIsolated : SplitBehavior::kContiguous);
}

std::unique_ptr<PreTokenizer> make_byte_level(ByteLevelOptions options) {
  return std::make_unique<ByteLevel>(options);
}

Result<ParsedPreTokenizers> parse_pre_tokenizers(const JsonNode& node, bool want_byte_words) {
  std::vector<JsonNode> nodes;
  ONDOL_TRY_VOID(flatten(node, nodes));
  ParsedPreTokenizers out;
  for (const JsonNode& item : nodes) {
    ONDOL_TRY(const std::string_view type, item.string("type"));
    if (type != "ByteLevel") {
      ONDOL_TRY(auto step, parse_one(item, type));
      out.steps.push_back(std::move(step));
      continue;
    }
    ByteLevelOptions options;
    ONDOL_TRY(options.add_prefix_space, item.boolean("add_prefix_space"));
    ONDOL_TRY(options.use_regex, item.boolean_or("use_regex", true));
    out.byte_words = want_byte_words && &item == &nodes.back();
    options.spell = !out.byte_words;
    out.steps.push_back(make_byte_level(options));
  }
  return out;
}

}  // namespace ondol::text
