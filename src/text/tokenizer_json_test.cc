#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "text/detokenizer.h"
#include "text/tokenizer.h"

namespace ondol::text {
namespace {

using Ids = std::vector<TokenId>;

// A byte-fallback BPE of a few pieces, with Llama 2's pipeline around it.
constexpr std::string_view kLlama2 = R"({
  "added_tokens": [{"id": 0, "content": "<s>", "special": true, "normalized": false},
                   {"id": 20, "content": "<end_of_turn>", "special": true, "normalized": false}],
  "normalizer": {"type": "Sequence", "normalizers": [
      {"type": "Prepend", "prepend": "▁"},
      {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
  "model": {"type": "BPE", "unk_token": null, "byte_fallback": true,
    "vocab": {"<s>": 0, "▁": 1, "a": 2, "b": 3, "ab": 4, "▁ab": 5, "<0xF0>": 6, "<0x9F>": 7,
              "<0x98>": 8, "<0x80>": 9},
    "merges": ["a b", ["▁", "ab"]]},
  "post_processor": {"type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
    "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}}},
  "decoder": {"type": "Sequence", "decoders": [
      {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
      {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
})";

std::shared_ptr<const Tokenizer> load(std::string_view json) {
  auto tokenizer = load_tokenizer_json(json, "", "test.json");
  EXPECT_TRUE(tokenizer.has_value()) << (tokenizer ? "" : tokenizer.error().message());
  return tokenizer ? *tokenizer : nullptr;
}

std::string error_of(std::string_view json) {
  const auto tokenizer = load_tokenizer_json(json, "", "test.json");
  return tokenizer ? "no error" : tokenizer.error().message();
}

std::string with(std::string_view from, std::string_view to) {
  std::string json(kLlama2);
  const std::size_t at = json.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return json.replace(at, from.size(), to);
}

TEST(TokenizerJson, MergesFallsBackToBytesAndFrames) {
  const auto t = load(kLlama2);
  EXPECT_EQ(*t->encode("ab ab"), (Ids{5, 5}));
  EXPECT_EQ(*t->encode("b😀", {true, true}), (Ids{0, 1, 3, 6, 7, 8, 9}));
  EXPECT_EQ(t->decode(*t->encode("ab ab"), false), "ab ab");
  EXPECT_EQ(t->first_token_bytes(5), "ab");
  EXPECT_EQ(t->token_bytes(5), " ab");
  EXPECT_EQ(t->bos(), 0);
  EXPECT_EQ(t->n_vocab(), 21U);
}

TEST(TokenizerJson, SpecialTokensInTextAreAChoice) {
  const auto t = load(kLlama2);
  EXPECT_EQ(*t->encode("ab<end_of_turn>ab"), (Ids{5, 20, 5}));
  const Ids literal = *t->encode("ab<end_of_turn>", {false, false});
  EXPECT_EQ(std::count(literal.begin(), literal.end(), 20), 0);
  EXPECT_TRUE(t->is_special(20));
  ASSERT_EQ(t->eog_ids().size(), 1U);
  EXPECT_EQ(t->eog_ids()[0], 20);
}

TEST(TokenizerJson, IdsOutsideTheVocabularyDecodeToNothing) {
  const auto t = load(kLlama2);
  const Ids ids = {-1, 5, 15, 1 << 30, 2};
  EXPECT_EQ(t->decode(ids, false), "aba");
  EXPECT_EQ(t->token_bytes(-7), "");
}

TEST(TokenizerJson, InvalidUtf8IsReadAsReplacementCharacters) {
  const auto t = load(kLlama2);
  EXPECT_EQ(*t->encode("ab\xFF"), *t->encode("ab\xEF\xBF\xBD"));
}

TEST(TokenizerJson, UnknownPartsAreNamed) {
  EXPECT_NE(error_of(with("\"Prepend\"", "\"Shuffle\"")).find("normalizer.normalizers[0]"),
            std::string::npos);
  EXPECT_NE(error_of(with("\"BPE\"", "\"WordPiece\"")).find("WordPiece"), std::string::npos);
  EXPECT_NE(error_of(with("\"Fuse\"", "\"CTC\"")).find("CTC"), std::string::npos);
  EXPECT_NE(error_of(with("\"TemplateProcessing\"", "\"X\"")).find("post_processor"),
            std::string::npos);
}

TEST(TokenizerJson, BrokenDocumentsAreRefused) {
  EXPECT_NE(error_of("").find("JSON"), std::string::npos);
  EXPECT_NE(error_of("[]").find("not an object"), std::string::npos);
  EXPECT_NE(error_of("{}").find("model"), std::string::npos);
  EXPECT_NE(error_of(std::string(100, '[')).find("JSON"), std::string::npos);
  EXPECT_NE(error_of("{\"a\": \"\xFF\"}").find("JSON"), std::string::npos);
  EXPECT_NE(error_of(with("\"b\": 3", "\"b\": 2")).find("same id"), std::string::npos);
  EXPECT_NE(error_of(with("\"b\": 3", "\"b\": 4000000")).find("4000000"), std::string::npos);
  EXPECT_NE(error_of(with("\"b\": 3", "\"b\": -3")).find("-3"), std::string::npos);
  EXPECT_NE(error_of(with("\"a b\"", "\"a c\"")).find("outside the vocabulary"), std::string::npos);
  EXPECT_NE(error_of(with("\"ids\": [0]", "\"ids\": [99]")).find("99"), std::string::npos);
  EXPECT_NE(error_of(with("\"id\": 20", "\"id\": 3")).find("another token"), std::string::npos);
  EXPECT_NE(error_of(with("\"id\": 20", "\"id\": 3000000")).find("3000000"), std::string::npos);
}

TEST(Detokenizer, NeverEmitsHalfACharacter) {
  const auto t = load(kLlama2);
  StreamingDetokenizer stream(t);
  EXPECT_EQ(stream.push(0), "");
  EXPECT_EQ(stream.push(5), "ab");
  EXPECT_EQ(stream.push(6), "");
  EXPECT_EQ(stream.push(7), "");
  EXPECT_EQ(stream.push(8), "");
  EXPECT_EQ(stream.push(9), "😀");
  EXPECT_EQ(stream.push(5), " ab");
  EXPECT_EQ(stream.push(6), "");
  EXPECT_EQ(stream.push(2),
            "\xEF\xBF\xBD"
            "a");
  EXPECT_EQ(stream.push(7), "\xEF\xBF\xBD");
  EXPECT_EQ(stream.push(6), "");
  EXPECT_EQ(stream.finish(), "\xEF\xBF\xBD");
}

// A byte-level vocabulary of the 256 bytes, without merges, in tokenizer.json.
std::string byte_level_json(std::string_view normalizer, std::string_view pattern) {
  std::string vocab;
  TokenId id = 0;
  for (char32_t c = 0x21; c < 0x144; ++c) {
    if ((c > 0x7E && c < 0xA1) || c == 0xAD) continue;
    if (id > 0) vocab += ", ";
    std::string key;
    append_utf8(key, c);
    if (c == '"' || c == '\\') key.insert(0, "\\");
    vocab += "\"" + key + "\": " + std::to_string(id++);
  }
  return R"({"normalizer": )" + std::string(normalizer) +
         R"(, "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": )" +
         std::string(pattern) +
         R"(, "behavior": "Isolated"}, {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]},
         "decoder": {"type": "ByteLevel"}, "model": {"type": "BPE", "vocab": {)" +
         vocab + R"(}, "merges": []}})";
}

std::string normalized_by(std::string_view normalizer, std::string_view text) {
  const auto t = load(byte_level_json(normalizer, R"({"Regex": "\\s+(?!\\S)|\\s+|\\S+"})"));
  const auto ids = t->encode(text);
  EXPECT_TRUE(ids.has_value());
  return t->decode(*ids, false);
}

TEST(Normalizers, RewriteText) {
  EXPECT_EQ(normalized_by("null", "e\u0301 \x01"), "e\u0301 \x01");
  EXPECT_EQ(normalized_by(R"({"type": "NFC"})", "e\u0301\uAC00\u1100\u1161"), "\u00E9\uAC00\uAC00");
  EXPECT_EQ(normalized_by(R"({"type": "NFD"})", "\u00E9"), "e\u0301");
  EXPECT_EQ(normalized_by(R"({"type": "NFKC"})", "\uFB01\u2460"), "fi1");
  EXPECT_EQ(normalized_by(R"({"type": "Lowercase"})", "ÀB\u0130"), "àbi\u0307");
  EXPECT_EQ(normalized_by(R"({"type": "StripAccents"})", "e\u0301"), "e");
  EXPECT_EQ(normalized_by(R"({"type": "Strip", "strip_left": true, "strip_right": false})", " a "),
            "a ");
  EXPECT_EQ(normalized_by(R"({"type": "Replace", "pattern": {"Regex": "[0-9]+"}, "content": "#"})",
                          "a12b3"),
            "a#b#");
}

TEST(Normalizers, LongRunsOfMarksAreSortedFast) {
  std::string text = "a";
  for (int i = 0; i < 100'000; ++i) text += "\u0301\u0323";
  const std::string out = normalized_by(R"({"type": "NFC"})", text);
  EXPECT_TRUE(out.starts_with("\u1EA1"));
}

TEST(Tokenizer, OneLetterManyTimesIsLinear) {
  const auto llama = load(kLlama2);
  const auto bytes = load(byte_level_json(
      "null", R"({"Regex": "\\p{N}{1,3}|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+|[^\\s\\p{N}]+"})"));
  for (const std::string_view unit : {"a", "ab", " ", "1", "\n", "\xEA\xB0\x80"}) {
    std::string text;
    while (text.size() < (std::size_t{1} << 20)) text += unit;
    for (const auto& t : {llama, bytes}) {
      const auto ids = t->encode(text);
      ASSERT_TRUE(ids.has_value()) << ids.error().message();
      if (t == bytes) {
        EXPECT_EQ(t->decode(*ids, false), text);
      }
    }
  }
}

}  // namespace
}  // namespace ondol::text
