// The `messages` of Ollama's chat, turned into those of a chat completion, which this
// server's chat templates are given. They differ in calls of tools: here arguments are
// objects, and a result names the function, not the call's id.
// Pure function.
#pragma once

#include <boost/json/array.hpp>

#include "api/fields.h"

namespace ondol::api::ollama {

/// Mistakes are left in the fields' refusal. Without messages: an empty array.
boost::json::array read_messages(Fields& fields);

/// 400 unless `images` is absent or empty.
void refuse_images(Fields& fields);

}  // namespace ondol::api::ollama
