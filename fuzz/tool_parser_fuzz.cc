// Any bytes as a model's answer: byte 0 chooses format and settings, byte 1 how the
// rest is cut. In pieces it must give what it gives at once.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/tools/output_parser.h"

namespace {

using ondol::text::OutputParser;
using ondol::text::OutputParserOptions;
using ondol::text::OutputPiece;

constexpr ondol::text::ReasoningMarks kThink = {"<think>", "</think>"};

struct Answer {
  std::string content, reasoning;
  std::vector<std::pair<std::string, std::string>> calls;

  void add(const std::vector<OutputPiece>& pieces) {
    for (const OutputPiece& piece : pieces) {
      if (piece.text.empty()) __builtin_trap();
      if (piece.kind == OutputPiece::Kind::kContent) content += piece.text;
      if (piece.kind == OutputPiece::Kind::kReasoning) reasoning += piece.text;
      if (piece.kind == OutputPiece::Kind::kCallStart) calls.emplace_back(piece.text, "");
      if (piece.kind == OutputPiece::Kind::kCallArguments) calls.back().second += piece.text;
      if (!calls.empty() && piece.call >= calls.size()) __builtin_trap();
    }
  }
  friend bool operator==(const Answer&, const Answer&) = default;
};

Answer parse(const OutputParserOptions& options, std::string_view text, std::size_t step) {
  OutputParser parser(options);
  Answer answer;
  for (std::size_t at = 0; at < text.size(); at += step) {
    answer.add(parser.push(text.substr(at, step)));
  }
  answer.add(parser.finish());
  return answer;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  OutputParserOptions options;
  options.format.syntax = static_cast<ondol::text::CallSyntax>(data[0] % 5);
  options.enforced = (data[0] & 0x20) != 0;
  options.in_reasoning = (data[0] & 0x40) != 0;
  if ((data[0] & 0x80) == 0) options.format.reasoning = &kThink;
  options.functions = {"f", "stop"};
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const Answer whole = parse(options, text, text.size() + 1);
  if (parse(options, text, 1 + data[1] % 16) != whole) __builtin_trap();
  return 0;
}
