// From an answer's text to what the client is told: content, reasoning, and calls
// of tools. Each model family writes calls its own way; one OutputParser each knows it.
//
// Owner: one answer. Threads: one at a time. Invariant: what the pieces concatenate to
// does not depend on how the text was split.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ondol::api {

struct OutputPiece {
  enum class Kind : std::uint8_t { kContent, kReasoning, kCallStart, kCallArguments };
  Kind kind = Kind::kContent;
  std::size_t call = 0;  // of a call: its place in the answer, 0, 1, ...
  std::string text;      // of kCallStart: the function's name
};

class OutputParser {
 public:
  virtual ~OutputParser() = default;
  /// What is certain after this much more text.
  virtual std::vector<OutputPiece> push(std::string_view text) = 0;
  /// The text has ended: what was held back.
  virtual std::vector<OutputPiece> finish() = 0;
};

}  // namespace ondol::api
