// A conversation as token ids, by the model's own chat template.
// Threads: any; takes milliseconds for long conversations.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "api/errors.h"
#include "api/served_model.h"

namespace ondol::api {

struct ChatPrompt {
  boost::json::array messages;  // of read_messages
  boost::json::object extra;    // chat_template_kwargs: further variables of the template
};

/// What the model sees. Errors: 400 when the model has no template, or the template refuses
/// the messages.
OrRefusal<std::string> chat_prompt_text(const ServedModel& model, const ChatPrompt& prompt);
OrRefusal<std::vector<std::int32_t>> chat_prompt_ids(const ServedModel& model,
                                                     const ChatPrompt& prompt);

}  // namespace ondol::api
