// Messages in OpenAI's form (assistant tool_calls with arguments as a JSON string,
// role "tool" with tool_call_id) made ready for a model's chat template: as the
// template wants them where it knows tools; else the tools are described in the
// system message, calls become the assistant's text and results a user's turn.
//
// Pure function. Errors: kInvalidArgument with the path of the field,
// "messages[2].tool_calls[0].function.arguments"; kLimit.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "base/error.h"
#include "text/tools/chat_format.h"
#include "text/tools/tool_list.h"

namespace ondol::text {

struct PromptInput {
  boost::json::array messages;  // for ChatTemplate::render
  boost::json::value tools;     // for ChatTemplateOptions::tools; null: none
};

/// `messages` is an array of objects with "role", checked as far as that by the
/// caller. Beside tools: content in text parts becomes one string, "developer"
/// becomes "system". All tools are shown, whichever may be called, so that prompts keep
/// their common beginning; with choice kNone none are, but the calls in the messages.
Result<PromptInput> prompt_input(const ChatFormat& format, const boost::json::array& messages,
                                 const ToolList& tools, const ToolChoice& choice);

}  // namespace ondol::text
