// The `messages` of a chat request: checked, and in the form that chat templates
// take (content is one string).
// Pure functions.
#pragma once

#include <boost/json/array.hpp>

#include "api/fields.h"

namespace ondol::api {

inline constexpr std::size_t kMaxMessages = 16384;

/// Mistakes are left in the fields' refusal, with paths like "messages[2].content[0].type".
boost::json::array read_messages(Fields& fields);

}  // namespace ondol::api
