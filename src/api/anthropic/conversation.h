// The `system` and `messages` of Anthropic's wire, turned into messages of a chat completion,
// which this server's chat templates are given: blocks of text become lines of one
// content, tool_use becomes tool_calls, each tool_result a message of the role "tool".
// Turns of one role that follow each other are one, as the Messages API has it.
// Pure function.
#pragma once

#include <boost/json/array.hpp>

#include "api/fields.h"

namespace ondol::api::anthropic {

/// Mistakes are left in the fields' refusal, with paths like "messages[2].content[0].type".
boost::json::array read_conversation(Fields& fields);

}  // namespace ondol::api::anthropic
