// What the tests of tool calls share: real tokenizers and templates out of
// .cache/test-data, and answers put together again.
#pragma once

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/tokenizer.h"
#include "text/tools/output_parser.h"
#include "text/tools/tool_list.h"

namespace ondol::text::testing {

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// A file under .cache/test-data; empty when ./dev test has not fetched it.
inline std::string test_data(const std::string& name) {
  const char* folder = std::getenv("ONDOL_TEST_DATA");
  return read_file(std::string(folder != nullptr ? folder : ".cache/test-data") + "/" + name);
}

/// The chat template of a tokenizer_config.json; empty when it is not there.
inline std::string real_template(const std::string& model) {
  const std::string config = test_data("tokenizers/" + model + "/tokenizer_config.json");
  if (config.empty()) return {};
  return std::string(boost::json::parse(config).at("chat_template").as_string());
}

/// Null when it is not there. Kept for the next test.
inline std::shared_ptr<const Tokenizer> real_tokenizer(const std::string& model) {
  static std::vector<std::pair<std::string, std::shared_ptr<const Tokenizer>>> kept;
  for (const auto& [name, tokenizer] : kept) {
    if (name == model) return tokenizer;
  }
  const std::string json = test_data("tokenizers/" + model + "/tokenizer.json");
  if (json.empty()) return nullptr;
  const auto tokenizer = load_tokenizer_json(json, "", model);
  EXPECT_TRUE(tokenizer) << tokenizer.error().message();
  kept.emplace_back(model, tokenizer.value_or(nullptr));
  return kept.back().second;
}

/// A tokenizer of bytes with these special tokens, for formats whose real one no package has.
inline std::shared_ptr<const Tokenizer> byte_tokenizer(const std::vector<std::string>& special) {
  boost::json::object vocab;
  for (int byte = 0; byte < 256; ++byte) {
    char piece[8];
    std::snprintf(piece, sizeof piece, "<0x%02X>", byte);
    vocab[piece] = byte;
  }
  boost::json::array added;
  for (std::size_t i = 0; i < special.size(); ++i) {
    added.push_back({{"id", 256 + i}, {"content", special[i]}, {"special", true}});
  }
  const boost::json::value json = {
      {"added_tokens", added},
      {"model",
       {{"type", "BPE"},
        {"byte_fallback", true},
        {"vocab", vocab},
        {"merges", boost::json::array()}}},
      {"decoder",
       {{"type", "Sequence"}, {"decoders", {{{"type", "ByteFallback"}}, {{"type", "Fuse"}}}}}}};
  const auto tokenizer = load_tokenizer_json(boost::json::serialize(json), "", "bytes");
  EXPECT_TRUE(tokenizer) << tokenizer.error().message();
  return tokenizer.value_or(nullptr);
}

/// An answer, its pieces put together.
struct Answer {
  std::string content;
  std::string reasoning;
  std::vector<std::pair<std::string, std::string>> calls;  // name, arguments

  void add(const std::vector<OutputPiece>& pieces) {
    for (const OutputPiece& piece : pieces) {
      EXPECT_FALSE(piece.text.empty());
      switch (piece.kind) {
        case OutputPiece::Kind::kContent:
          content += piece.text;
          break;
        case OutputPiece::Kind::kReasoning:
          reasoning += piece.text;
          break;
        case OutputPiece::Kind::kCallStart:
          EXPECT_EQ(piece.call, calls.size());
          calls.emplace_back(piece.text, "");
          break;
        case OutputPiece::Kind::kCallArguments:
          ASSERT_EQ(piece.call + 1, calls.size());
          calls.back().second += piece.text;
          break;
      }
    }
  }

  friend bool operator==(const Answer&, const Answer&) = default;
};

inline std::ostream& operator<<(std::ostream& out, const Answer& answer) {
  out << "content [" << answer.content << "] reasoning [" << answer.reasoning << "]";
  for (const auto& [name, arguments] : answer.calls) out << " call " << name << " " << arguments;
  return out;
}

inline Answer parse_at_once(const OutputParserOptions& options, std::string_view text) {
  OutputParser parser(options);
  Answer answer;
  answer.add(parser.push(text));
  answer.add(parser.finish());
  EXPECT_EQ(parser.n_calls(), answer.calls.size());
  return answer;
}

/// In pieces that end at these places (ascending).
inline Answer parse_in_pieces(const OutputParserOptions& options, std::string_view text,
                              const std::vector<std::size_t>& ends) {
  OutputParser parser(options);
  Answer answer;
  std::size_t begin = 0;
  for (const std::size_t end : ends) {
    answer.add(parser.push(text.substr(begin, end - begin)));
    begin = end;
  }
  answer.add(parser.push(text.substr(begin)));
  answer.add(parser.finish());
  return answer;
}

inline ToolList tools_of(std::string_view json) {
  const auto tools = parse_tools(boost::json::parse(json));
  EXPECT_TRUE(tools) << tools.error().message();
  return tools.value_or(ToolList{});
}

}  // namespace ondol::text::testing
