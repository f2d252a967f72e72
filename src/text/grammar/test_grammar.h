// For tests only: a small vocabulary that spells every byte and has tokens across
// the seams of JSON, and whether a grammar takes a text.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/grammar/grammar.h"

namespace ondol::text {

inline constexpr TokenId kTestEnd = 2;      // "</s>"
inline constexpr TokenId kTestSpecial = 3;  // "<|tool|>"

inline std::shared_ptr<const GrammarVocabulary> test_vocabulary() {
  static const std::shared_ptr<const GrammarVocabulary> kVocabulary = [] {
    static std::vector<std::string> pieces = {"<unk>", "<s>", "</s>", "<|tool|>"};
    GgufVocab vocab;
    vocab.model = "llama";
    vocab.types = {2, 3, 3, 3};
    for (int byte = 0; byte < 256; ++byte) {
      constexpr std::string_view kHex = "0123456789ABCDEF";
      pieces.push_back({'<', '0', 'x', kHex[static_cast<std::size_t>(byte / 16)],
                        kHex[static_cast<std::size_t>(byte % 16)], '>'});
      vocab.types.push_back(6);
    }
    for (const char* piece :
         {"{\"",  "\":",    "\",",    "\"}",    "\"]",   "}}",    "]]",      "[[",    "[{",
          "},",   "\",▁\"", "\":▁\"", "\"]}",   "true",  "false", "null",    "▁true", "name",
          "ab",   "abc",    "12",     "123",    "0.",    ".5",    "▁▁▁▁",    "\\u",   "\\n",
          "\\\"", "é",      "日本",   "<tool_", "call>", "aaaa",  "aaaaaaaa"}) {
      pieces.emplace_back(piece);
      vocab.types.push_back(1);
    }
    for (const std::string& piece : pieces) vocab.tokens.push_back(piece);
    vocab.scores.resize(pieces.size());
    vocab.bos = 1;
    vocab.eos = kTestEnd;
    vocab.unk = 0;
    vocab.add_space_prefix = false;
    auto tokenizer = load_gguf_vocab(vocab, "test");
    EXPECT_TRUE(tokenizer.has_value()) << (tokenizer ? "" : tokenizer.error().message());
    return GrammarVocabulary::build(*tokenizer);
  }();
  return kVocabulary;
}

inline Result<std::shared_ptr<const Grammar>> try_compile(const Structure& structure) {
  return compile_grammar(structure, test_vocabulary(), "test");
}

inline std::shared_ptr<const Grammar> compile(const Structure& structure) {
  auto grammar = try_compile(structure);
  EXPECT_TRUE(grammar.has_value()) << (grammar ? "" : grammar.error().message());
  return grammar ? *grammar : nullptr;
}

inline bool takes(const std::shared_ptr<const Grammar>& grammar, std::string_view text) {
  if (grammar == nullptr) return false;
  GrammarMatcher matcher(grammar);
  return matcher.accept_text(text) && matcher.is_complete();
}

inline void expect_language(const Structure& structure, const std::vector<std::string>& in,
                            const std::vector<std::string>& out) {
  const auto grammar = compile(structure);
  for (const std::string& text : in)
    EXPECT_TRUE(takes(grammar, text)) << structure.text << "\n  should take " << text;
  for (const std::string& text : out)
    EXPECT_FALSE(takes(grammar, text)) << structure.text << "\n  should not take " << text;
}

inline void expect_refused(const Structure& structure, ErrorCode code, std::string_view field,
                           std::string_view word) {
  const auto grammar = try_compile(structure);
  ASSERT_FALSE(grammar.has_value()) << structure.text;
  EXPECT_EQ(grammar.error().code, code) << grammar.error().message();
  EXPECT_EQ(grammar.error().field, field) << grammar.error().message();
  EXPECT_NE(grammar.error().message().find(word), std::string::npos) << grammar.error().message();
}

}  // namespace ondol::text
