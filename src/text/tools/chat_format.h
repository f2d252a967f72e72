// What a model speaks beside plain text: how it writes tool calls and how it
// marks its reasoning. Found out from the chat template, by the table in
// chat_format.cc; the tokenizer says which of the marks are special tokens.
//
//   hermes         <tool_call>{"name": f, "arguments": {..}}</tool_call>, repeated
//   llama          {"name": f, "parameters": {..}}, at the start of an answer or
//                  behind <|python_tag|>; several with ";" between
//   mistral_list   [TOOL_CALLS][{"name": f, "arguments": {..}}, ...]
//   mistral_named  [TOOL_CALLS]f[ARGS]{..}, repeated
//   gemma          {"name": f, "parameters": {..}}, at the start of an answer or in a
//                  ```json or ```tool_code block; several on lines of their own
//
// hermes: Qwen 2.5 and 3, Hermes 2 and 3, and what every model without a format of
// its own is asked to write ("described"). The parser reads each form a little more
// widely than this; the grammar (constraint.h) writes exactly this.
//
// Owner: whoever loaded the model. Threads: immutable.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace ondol::text {

enum class CallSyntax : std::uint8_t { kHermes, kLlama, kMistralList, kMistralNamed, kGemma };

struct ReasoningMarks {
  std::string_view open;   // "<think>"
  std::string_view close;  // "</think>"
};

/// A special token that the parser has to see as text.
struct ShownToken {
  TokenId id = 0;
  std::string_view piece;  // "[TOOL_CALLS]"
};

struct ChatFormat {
  std::string_view name = "described";
  CallSyntax syntax = CallSyntax::kHermes;
  /// The template prints the tools itself. Otherwise prompt.h describes them in a message.
  bool template_has_tools = false;
  /// Null when the model does not mark reasoning.
  const ReasoningMarks* reasoning = nullptr;
  /// The marks that are special tokens of this tokenizer. The caller decodes these as
  /// text and skips all others.
  std::vector<ShownToken> shown;

  std::vector<TokenId> shown_ids() const;  // for StreamingDetokenizer
  bool is_special(std::string_view mark) const;
};

ChatFormat detect_chat_format(std::string_view template_source, const Tokenizer& tokenizer);

/// The prompt ends behind an opened mark of reasoning: the answer begins inside of it.
bool opens_reasoning(const ChatFormat& format, std::string_view prompt);

}  // namespace ondol::text
