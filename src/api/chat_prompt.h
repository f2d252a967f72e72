// A conversation as token ids, by the model's own chat template, with the tools that the
// model may call.
// Threads: any; takes milliseconds for long conversations.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/errors.h"
#include "api/served_model.h"
#include "text/tools/tool_list.h"

namespace ondol::api {

struct ChatPrompt {
  boost::json::array messages;  // of read_messages
  boost::json::object extra;    // chat_template_kwargs: further variables of the template
  text::ToolList tools;
  text::ToolChoice tool_choice;
  /// What the conversation's earlier turns were to the engine, if that is known.
  std::vector<std::int32_t> known_ids;
};

struct RenderedChat {
  std::vector<std::int32_t> ids;
  bool in_reasoning = false;  // the template has opened the answer's reasoning
};

/// What the model is to see. Errors: 400 when the model has no template, or the template
/// refuses the messages.
OrRefusal<std::string> chat_text(const ServedModel& model, const ChatPrompt& prompt);
/// Such a text as tokens. Where it begins with the text of known_ids, so do the ids: an
/// answer's own tokens need not be those that its text would be encoded as, and the keys
/// and values that the engine keeps are of the former.
OrRefusal<RenderedChat> tokenize_chat(const ServedModel& model, std::string_view text,
                                      const std::vector<std::int32_t>& known_ids = {});
/// Both.
OrRefusal<RenderedChat> render_chat(const ServedModel& model, const ChatPrompt& prompt);

}  // namespace ondol::api
