// `tools` and `tool_choice` of Anthropic's wire, turned into those of a chat completion.
// Pure functions; mistakes are left in the fields' refusal, with the paths of this wire.
#pragma once

#include "api/chat_request.h"
#include "api/fields.h"

namespace ondol::api::anthropic {

void read_tools(Fields& fields, ChatRequest& out);

}  // namespace ondol::api::anthropic
