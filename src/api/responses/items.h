// The items of a response's input: checked, in one form whichever the client chose,
// and as messages of a chat.
//
//   input: "text" | [item...]
//   item:  {"type": "message", "role": ..., "content": "text" | [part...]}   type may be absent
//          {"type": "function_call", "call_id", "name", "arguments"}
//          {"type": "function_call_output", "call_id", "output": "text" | [part...]}
//          {"type": "reasoning", ...}    kept, but not shown to the model
//   part:  {"type": "input_text" | "output_text", "text": ...}
//
// Pure functions.
#pragma once

#include <boost/json/array.hpp>
#include <string>
#include <vector>

#include "api/fields.h"

namespace ondol::api {

inline constexpr std::size_t kMaxItems = 16384;

/// The field `input`. Each item has type, id and status; contents are arrays of parts.
/// Mistakes are left in the fields' refusal, with paths like "input[2].content[0].type".
boost::json::array read_input(Fields& fields);

struct ChatMessages {
  boost::json::array messages;       // as a chat completion's request has them
  std::vector<std::string> origins;  // [n_messages] the path of each in the response's request

  /// `origin` is the path of all items; with `numbered`, "origin[i]" is that of item i.
  /// REQUIRES: the items are those of read_input, or a response's output.
  void append(const boost::json::array& items, const std::string& origin, bool numbered);
};

}  // namespace ondol::api
