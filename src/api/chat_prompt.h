// A conversation as token ids, by the model's own chat template.
// Threads: any; takes milliseconds for long conversations.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <vector>

#include "api/errors.h"
#include "api/served_model.h"

namespace ondol::api {

struct ChatPrompt {
  boost::json::array messages;  // of read_messages
  boost::json::object extra;    // chat_template_kwargs: further variables of the template
  /// What the conversation's earlier turns were to the engine, if that is known.
  std::vector<std::int32_t> known_ids;
};

/// Where the text begins with that of known_ids, so do the ids: an answer's own tokens
/// need not be those that its text would be encoded as, and the keys and values that the
/// engine keeps are of the former. Errors: 400 when the model has no template, or the template
/// refuses the messages.
OrRefusal<std::vector<std::int32_t>> chat_prompt_ids(const ServedModel& model,
                                                     const ChatPrompt& prompt);

}  // namespace ondol::api
