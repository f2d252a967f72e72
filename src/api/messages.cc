#include "api/messages.h"

#include <fmt/format.h>

#include <boost/json.hpp>

namespace ondol::api {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxParts = 4096;

// One {"type": "text", "text": ...}; other kinds of content are not for text models.
std::optional<std::string> read_part(Fields& part) {
  part.require("type");
  const auto type = part.string("type");
  if (!type) return std::nullopt;
  if (*type != "text") {
    part.refuse(part.path_of("type"),
                fmt::format("{}: content of this type is not supported, only \"text\"",
                            part.path_of("type")),
                "unsupported_value");
    return std::nullopt;
  }
  part.require("text");
  auto text = part.string("text");
  part.refuse_unknown();
  return text;
}

// A string, or text parts, which become lines of one string.
std::optional<std::string> read_content(Fields& message) {
  const json::value* content = message.find("content");
  if (content == nullptr) return std::nullopt;
  if (const json::string* text = content->if_string()) return std::string(*text);
  const std::string path = message.path_of("content");
  if (!content->is_array()) {
    message.refuse(path, path + " is neither a string nor an array of parts", "invalid_type");
    return std::nullopt;
  }
  const json::array* parts = message.array("content", kMaxParts);
  std::string out;
  for (std::size_t i = 0; parts != nullptr && i < parts->size() && !message.refused(); ++i) {
    auto part = message.object_of((*parts)[i], fmt::format("{}[{}]", path, i));
    const auto text = part ? read_part(*part) : std::nullopt;
    if (i > 0) out += '\n';
    out += text.value_or("");
  }
  return out;
}

// Tool calls and their results keep OpenAI's form: text/tools knows what the model's
// template wants of them, and checks them.
json::object read_message(Fields& message) {
  json::object out;
  message.require("role");
  auto role = message.word("role", {"system", "developer", "user", "assistant", "tool"});
  // Templates know no developer; the OpenAI reference calls it the system's successor.
  if (role == "developer") role = "system";
  out["role"] = role.value_or("");
  const json::value* calls = role == "assistant" ? message.find("tool_calls") : nullptr;
  if (calls == nullptr) message.require("content");
  out["content"] = read_content(message).value_or("");
  if (const auto name = message.string("name")) out["name"] = *name;
  // As replies tell it; some templates show earlier thoughts.
  if (const auto thought = message.string("reasoning_content")) out["reasoning_content"] = *thought;
  if (calls != nullptr) out["tool_calls"] = *calls;
  if (role == "tool") {
    message.require("tool_call_id");
    out["tool_call_id"] = message.string("tool_call_id").value_or("");
  }
  message.refuse_unsupported("refusal", "refusals of earlier answers are not supported");
  message.refuse_unsupported("audio", "audio is not supported");
  message.refuse_unknown();
  return out;
}

}  // namespace

json::array read_messages(Fields& fields) {
  json::array out;
  fields.require("messages");
  const json::array* messages = fields.array("messages", kMaxMessages);
  if (messages != nullptr && messages->empty()) {
    fields.refuse("messages", "messages is empty");
  }
  for (std::size_t i = 0; messages != nullptr && i < messages->size() && !fields.refused(); ++i) {
    auto message = fields.object_of((*messages)[i], fmt::format("messages[{}]", i));
    if (message) out.push_back(read_message(*message));
  }
  return out;
}

}  // namespace ondol::api
