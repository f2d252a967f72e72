// Vocabularies from GGUF metadata: what small ones encode to, and each way in
// which a broken one is refused. Real ones are tests/text/tokenizer_oracle.py's.
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "text/tokenizer.h"

namespace ondol::text {
namespace {

using Ids = std::vector<TokenId>;

constexpr std::int64_t kNormal = 1, kUnknown = 2, kControl = 3, kUser = 4, kByte = 6;

GgufVocab byte_level() {
  GgufVocab v;
  v.model = "gpt2";
  v.pre = "gpt-2";
  v.tokens = {"a", "b", "c", "Ġ", "ab", "bc", "Ġab", "<|im_end|>", "<tool>"};
  v.types = {kNormal, kNormal, kNormal, kNormal, kNormal, kNormal, kNormal, kControl, kUser};
  v.merges = {"b c", "a b", "Ġ ab"};
  v.eos = 7;
  return v;
}

// The bytes of U+00E9 are there, others are not.
GgufVocab sentence_piece() {
  GgufVocab v;
  v.model = "llama";
  v.tokens = {"<unk>", "<s>", "</s>", "<0xC3>", "<0xA9>", "▁", "a", "b", "c", "ab", "bc", "▁ab"};
  v.types = {kUnknown, kControl, kControl, kByte,   kByte,   kNormal,
             kNormal,  kNormal,  kNormal,  kNormal, kNormal, kNormal};
  v.scores = {0, 0, 0, 0, 0, -9, -10, -11, -12, -2, -1, -3};
  v.bos = 1;
  v.eos = 2;
  v.unk = 0;
  return v;
}

GgufVocab unigram() {
  GgufVocab v = sentence_piece();
  v.model = "t5";
  return v;
}

std::shared_ptr<const Tokenizer> load(const GgufVocab& vocab) {
  auto tokenizer = load_gguf_vocab(vocab, "m.gguf");
  EXPECT_TRUE(tokenizer.has_value()) << (tokenizer ? "" : tokenizer.error().message());
  return tokenizer ? *tokenizer : nullptr;
}

void expect_refused(const GgufVocab& vocab, ErrorCode code, std::string_view field) {
  const auto tokenizer = load_gguf_vocab(vocab, "m.gguf");
  ASSERT_FALSE(tokenizer.has_value()) << field;
  EXPECT_EQ(tokenizer.error().code, code) << tokenizer.error().message();
  EXPECT_EQ(tokenizer.error().field, field) << tokenizer.error().message();
  EXPECT_EQ(tokenizer.error().where, "m.gguf");
}

TEST(GgufVocab, ByteLevelMergesByRank) {
  const auto t = load(byte_level());
  EXPECT_EQ(*t->encode("abc"), (Ids{0, 5}));  // "b c" comes before "a b"
  std::string text;
  Ids expected;
  for (int i = 0; i < 40; ++i) {  // long words are merged another way than short ones
    text += "abc";
    expected.insert(expected.end(), {0, 5});
  }
  EXPECT_EQ(*t->encode(text), expected);
  EXPECT_EQ(*t->encode("ab ab"), (Ids{4, 6}));
  EXPECT_EQ(*t->encode("a<|im_end|><tool>b"), (Ids{0, 7, 8, 1}));
  EXPECT_TRUE(t->is_special(7));
  EXPECT_FALSE(t->is_special(8));
  ASSERT_EQ(t->eog_ids().size(), 1U);
  EXPECT_EQ(t->eog_ids()[0], 7);
  EXPECT_EQ(t->decode(Ids{6, 8, 5}, true), " ab<tool>bc");
}

// The leftmost of equal pairs goes first, and a pair that a merge has just made as
// soon as its rank comes.
TEST(GgufVocab, LeftmostPairsMergeFirstInWordsOfAnyLength) {
  GgufVocab v;
  v.model = "gpt2";
  v.pre = "gpt-2";
  v.tokens = {"a", "aa", "aaaa", "b", "ba", "baa"};
  v.merges = {"b aa", "a a", "aa aa"};
  const auto t = load(v);
  const auto merged = [](std::size_t n) {
    Ids ids(n / 4, 2);
    if (n % 4 >= 2) ids.push_back(1);
    if (n % 2 == 1) ids.push_back(0);
    return ids;
  };
  for (const std::size_t n : {1, 2, 3, 5, 7, 31, 32, 33, 35, 101, 1000}) {
    EXPECT_EQ(*t->encode(std::string(n, 'a')), merged(n)) << n;
    Ids behind_b = merged(n);
    behind_b.insert(behind_b.begin(), 5);
    EXPECT_EQ(*t->encode("baa" + std::string(n, 'a')), behind_b) << n;
  }
}

TEST(GgufVocab, SentencePieceMergesByScoreAndFallsBackToBytes) {
  const auto t = load(sentence_piece());
  EXPECT_EQ(*t->encode("abc"), (Ids{5, 6, 10}));  // "bc" scores above "ab"
  EXPECT_EQ(*t->encode("ab ab"), (Ids{11, 11}));
  EXPECT_EQ(*t->encode("é"), (Ids{5, 3, 4}));
  EXPECT_EQ(*t->encode("z"), (Ids{5, 0}));  // neither a piece nor bytes
  EXPECT_EQ(*t->encode("ab", {true, true}), (Ids{1, 11}));
  EXPECT_EQ(t->decode(Ids{11, 5, 3, 4}, true), "ab é");
}

TEST(GgufVocab, UnigramTakesTheLikeliestPieces) {
  GgufVocab v = unigram();
  v.scores[9] = -30;   // "ab"
  v.scores[10] = -30;  // "bc"
  v.scores[11] = -90;  // "▁ab"
  EXPECT_EQ(*load(v)->encode("abc"), (Ids{5, 6, 7, 8}));
  v.scores[10] = -20;
  EXPECT_EQ(*load(v)->encode("abc"), (Ids{5, 6, 10}));
  EXPECT_EQ(*load(v)->encode("ab", {true, true}), (Ids{5, 6, 7, 2}));
}

TEST(GgufVocab, WhatConvertersLeaveOutIsFilledIn) {
  GgufVocab v = byte_level();
  v.types = {};
  v.bos = -1;
  v.pad = 0xFFFFFFFF;  // "none", both of them
  const auto t = load(v);
  EXPECT_EQ(t->bos(), std::nullopt);
  EXPECT_EQ(t->special().pad, std::nullopt);
  EXPECT_FALSE(t->is_special(7));

  GgufVocab twice = byte_level();  // such files are in use
  twice.tokens[2] = "a";
  twice.merges = {"a b"};
  EXPECT_EQ(*load(twice)->encode("aab"), (Ids{0, 4}));
}

TEST(GgufVocab, UnknownKindsAreNamed) {
  GgufVocab v = byte_level();
  v.model = "bert";
  expect_refused(v, ErrorCode::kUnsupported, "tokenizer.ggml.model");
  EXPECT_EQ(load_gguf_vocab(v, "m.gguf").error().value, "bert");
  v.model = "";
  expect_refused(v, ErrorCode::kUnsupported, "tokenizer.ggml.model");

  v = byte_level();
  v.pre = "klingon";
  expect_refused(v, ErrorCode::kUnsupported, "tokenizer.ggml.pre");
  EXPECT_EQ(load_gguf_vocab(v, "m.gguf").error().value, "klingon");
}

TEST(GgufVocab, LengthsMustBeThatOfTheVocabulary) {
  for (const auto& whole : {byte_level(), sentence_piece(), unigram()}) {
    GgufVocab v = whole;
    v.tokens.clear();
    expect_refused(v, ErrorCode::kInvalidFile, "tokenizer.ggml.tokens");
    for (const std::size_t n : {std::size_t{1}, whole.tokens.size() - 1, whole.tokens.size() + 1}) {
      v = whole;
      v.types.resize(n, kNormal);
      expect_refused(v, ErrorCode::kInvalidFile, "tokenizer.ggml.token_type");
      v = whole;
      v.scores.resize(n, 0.0F);
      expect_refused(v, ErrorCode::kInvalidFile, "tokenizer.ggml.scores");
    }
  }
}

TEST(GgufVocab, MoreTokensThanAllowedAreRefused) {
  GgufVocab v = byte_level();
  v.tokens.resize(kMaxVocabulary + 1, "a");
  expect_refused(v, ErrorCode::kLimit, "tokenizer.ggml.tokens");
}

TEST(GgufVocab, SentencePieceNeedsScores) {
  for (GgufVocab v : {sentence_piece(), unigram()}) {
    v.scores.clear();
    expect_refused(v, ErrorCode::kInvalidFile, "tokenizer.ggml.scores");
  }
}

TEST(GgufVocab, ScoresMustBeFinite) {
  for (const float score :
       {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    for (GgufVocab v : {sentence_piece(), unigram()}) {
      v.scores[7] = score;
      expect_refused(v, ErrorCode::kInvalidFile, "tokenizer.ggml.scores[7]");
    }
  }
}

TEST(GgufVocab, TokenTypesMustBeKnown) {
  // The last but one is kNormal in its low 32 bits.
  for (const std::int64_t type : {std::int64_t{-1}, std::int64_t{7}, (std::int64_t{1} << 32) + 1,
                                  std::numeric_limits<std::int64_t>::min()}) {
    for (GgufVocab v : {byte_level(), sentence_piece(), unigram()}) {
      v.types[3] = type;
      expect_refused(v, ErrorCode::kInvalidFile, "tokenizer.ggml.token_type[3]");
    }
  }
}

TEST(GgufVocab, TokensMustBeUtf8OfBoundedLength) {
  const std::string longest(kMaxTokenBytes, 'x');
  const std::string too_long(kMaxTokenBytes + 1, 'x');
  for (const auto& whole : {byte_level(), sentence_piece(), unigram()}) {
    GgufVocab v = whole;
    v.tokens[5] = "\xC3";
    expect_refused(v, ErrorCode::kInvalidFile, "tokenizer.ggml.tokens[5]");
    v.tokens[5] = too_long;
    expect_refused(v, ErrorCode::kLimit, "tokenizer.ggml.tokens[5]");
  }
  GgufVocab v = byte_level();
  v.merges.clear();
  v.tokens[2] = longest;
  EXPECT_NE(load(v), nullptr);

  // Merges are derived from each cut of a piece, so pieces are held shorter.
  v = sentence_piece();
  const std::string piece(kMaxSpmPieceBytes + 1, 'a');
  v.tokens[11] = piece;
  expect_refused(v, ErrorCode::kLimit, "tokenizer.ggml.tokens[11]");
}

TEST(GgufVocab, IdsMustLieInTheVocabulary) {
  const auto expect_refused_id = [](std::optional<std::int64_t> GgufVocab::* id,
                                    std::string_view field) {
    for (const std::int64_t value : {std::int64_t{-2}, std::int64_t{9}, std::int64_t{1} << 40}) {
      GgufVocab v = byte_level();
      v.*id = value;
      expect_refused(v, ErrorCode::kInvalidFile, field);
      EXPECT_EQ(load_gguf_vocab(v, "m.gguf").error().value, std::to_string(value));
    }
  };
  expect_refused_id(&GgufVocab::bos, "tokenizer.ggml.bos_token_id");
  expect_refused_id(&GgufVocab::eos, "tokenizer.ggml.eos_token_id");
  expect_refused_id(&GgufVocab::eot, "tokenizer.ggml.eot_token_id");
  expect_refused_id(&GgufVocab::eom, "tokenizer.ggml.eom_token_id");
  expect_refused_id(&GgufVocab::unk, "tokenizer.ggml.unknown_token_id");
  expect_refused_id(&GgufVocab::pad, "tokenizer.ggml.padding_token_id");
}

TEST(GgufVocab, MergesMustNameTokens) {
  for (const char* merge : {"", " ", "ab", "a ", "a z", "z a", "a a", "a  b"}) {
    GgufVocab v = byte_level();
    v.merges[1] = merge;
    expect_refused(v, ErrorCode::kInvalidFile, "tokenizer.ggml.merges[1]");
  }
}

}  // namespace
}  // namespace ondol::text
