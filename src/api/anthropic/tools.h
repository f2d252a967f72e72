// `tools` and `tool_choice` of Anthropic's wire, turned into tools, tool_choice and
// parallel_tool_calls of a chat completion.
// Pure function; mistakes are left in the fields' refusal.
#pragma once

#include <boost/json/object.hpp>

#include "api/fields.h"

namespace ondol::api::anthropic {

void read_tools(Fields& fields, boost::json::object& chat);

}  // namespace ondol::api::anthropic
