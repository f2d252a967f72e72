// Tools, their choice and the format of the text: the response API's spelling of what
// a chat completion's request nests more deeply.
// Pure functions; mistakes are left in the fields' refusal.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "api/fields.h"

namespace ondol::api {

/// tools, tool_choice, parallel_tool_calls. `chat` gets them as a chat completion has
/// them, if there are tools; `echoed` as the response repeats them.
void read_tool_fields(Fields& fields, boost::json::object& chat, boost::json::object& echoed);

/// text.format as response_format; null: plain text.
boost::json::value chat_response_format(Fields& format);

}  // namespace ondol::api
