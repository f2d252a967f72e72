// A model's answer, piece by piece, into content, reasoning and tool calls.
//
// How the text is split changes nothing: what the pieces concatenate to depends on
// the text alone. No mark is ever shown in part; what looked like a call and is
// none (no JSON, an unknown function) is content, byte for byte. White space
// between content, reasoning and calls is dropped.
//
// Arguments are the model's own bytes, never serialized anew. Unless `enforced`, a
// call is passed on when it is complete; when a grammar vouches for it, as it comes.
//
// Owner: one answer. Threads: one. Time: linear in the text. Memory: the call that
// is being read, at most kMaxCallBytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/tools/chat_format.h"

namespace ondol::text {

/// A call whose end has not come by then is content.
inline constexpr std::size_t kMaxCallBytes = std::size_t{1} << 20;

struct OutputPiece {
  enum class Kind : std::uint8_t {
    kContent,        // text of the answer
    kReasoning,      // text of the reasoning
    kCallStart,      // a call begins; text is the function's name
    kCallArguments,  // more of its arguments
  };
  Kind kind = Kind::kContent;
  std::size_t call = 0;  // of a call: its place in the answer, 0, 1, ...
  std::string text;      // never empty

  friend bool operator==(const OutputPiece&, const OutputPiece&) = default;
};

struct OutputParserOptions {
  ChatFormat format;
  std::vector<std::string> functions;  // what may be called; empty: calls are content
  bool in_reasoning = false;           // the prompt opened it (opens_reasoning)
  bool enforced = false;               // a grammar makes each call valid
};

class OutputParser {
 public:
  explicit OutputParser(OutputParserOptions options);
  ~OutputParser();
  OutputParser(OutputParser&&) noexcept;
  OutputParser& operator=(OutputParser&&) noexcept;

  /// Text as the detokenizer gives it, with the format's `shown` tokens. Neighbours of
  /// the answer are of different kinds or calls.
  std::vector<OutputPiece> push(std::string_view text);

  /// The answer has ended. A call that is not complete is content, or ends where it is
  /// when enforced.
  std::vector<OutputPiece> finish();

  /// Calls that have started.
  std::size_t n_calls() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace ondol::text
