#include "api/responses/items.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "api/reply.h"

namespace ondol::api {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxParts = 4096;
constexpr std::size_t kMaxIdBytes = 256;

json::object text_part(std::string_view type, std::string_view text) {
  json::object out{{"type", type}, {"text", text}};
  if (type == "output_text") {
    out["annotations"].emplace_array();
    out["logprobs"].emplace_array();
  }
  return out;
}

void refuse_type(Fields& fields, std::string_view what, std::string_view allowed) {
  const std::string path = fields.path_of("type");
  fields.refuse(path,
                fmt::format("{}: {} of this type is not supported, only {}", path, what, allowed),
                "unsupported_value");
}

// One text. What an answer's part holds beside it (annotations, logprobs) comes back to
// us when clients send an answer on; it says nothing to the model.
std::optional<json::object> read_part(Fields& part, std::string_view type) {
  part.require("type");
  const auto given = part.string("type");
  if (!given) return std::nullopt;
  if (*given != "input_text" && *given != "output_text" && *given != "text") {
    refuse_type(part, "content", "input_text and output_text");
    return std::nullopt;
  }
  part.require("text");
  const auto text = part.string("text");
  part.ignore("annotations");
  part.ignore("logprobs");
  part.refuse_unknown();
  return text_part(type, text.value_or(""));
}

// A text or parts, all of which become parts of this type.
json::array read_parts(Fields& item, std::string_view name, std::string_view type) {
  json::array out;
  item.require(name);
  const json::value* content = item.find(name);
  if (content == nullptr) return out;
  if (const json::string* text = content->if_string()) {
    out.push_back(text_part(type, *text));
    return out;
  }
  const std::string path = item.path_of(name);
  if (!content->is_array()) {
    item.refuse(path, path + " is neither a string nor an array of parts", "invalid_type");
    return out;
  }
  const json::array* parts = item.array(name, kMaxParts);
  for (std::size_t i = 0; parts != nullptr && i < parts->size() && !item.refused(); ++i) {
    auto part = item.object_of((*parts)[i], fmt::format("{}[{}]", path, i));
    if (auto read = part ? read_part(*part, type) : std::nullopt) out.push_back(*std::move(read));
  }
  return out;
}

// The client's id of an item, or one of ours.
std::string id_of(Fields& item, std::string_view prefix) {
  const auto id = item.string("id");
  if (!id || id->empty()) return new_id(prefix);
  if (id->size() > kMaxIdBytes) {
    item.refuse(item.path_of("id"),
                fmt::format("{} has more than {} bytes", item.path_of("id"), kMaxIdBytes));
  }
  return *id;
}

json::object item_head(Fields& item, std::string_view type, std::string_view prefix) {
  item.word("status", {"in_progress", "completed", "incomplete"});
  return {{"id", id_of(item, prefix)}, {"type", type}, {"status", "completed"}};
}

std::string required_string(Fields& item, std::string_view name) {
  item.require(name);
  return item.string(name).value_or("");
}

json::object read_message(Fields& item) {
  json::object out = item_head(item, "message", "msg_");
  item.require("role");
  const auto role = item.word("role", {"user", "assistant", "system", "developer"});
  out["role"] = role.value_or("");
  item.word("phase", {"commentary", "final_answer"});  // a label of answers that are sent on
  out["content"] = read_parts(item, "content", role == "assistant" ? "output_text" : "input_text");
  return out;
}

json::object read_call(Fields& item) {
  json::object out = item_head(item, "function_call", "fc_");
  out["call_id"] = required_string(item, "call_id");
  out["name"] = required_string(item, "name");
  out["arguments"] = required_string(item, "arguments");
  return out;
}

json::object read_call_output(Fields& item) {
  json::object out = item_head(item, "function_call_output", "fco_");
  out["call_id"] = required_string(item, "call_id");
  item.string("name");  // of the function: the call has it
  const json::value* output = item.json().if_contains("output");
  if (output != nullptr && output->is_string()) {
    out["output"] = item.string("output").value_or("");
  } else {
    out["output"] = read_parts(item, "output", "input_text");
  }
  return out;
}

// Kept as it came: it is for the client only.
json::object read_reasoning(Fields& item) {
  json::object out = item_head(item, "reasoning", "rs_");
  for (const std::string_view name : {"summary", "content"}) {
    const json::array* texts = item.array(name, kMaxParts);
    out[name] = texts == nullptr ? json::array() : *texts;
  }
  item.ignore("encrypted_content");
  return out;
}

std::optional<json::object> read_item(Fields& item) {
  const std::string type = item.string("type").value_or("message");
  std::optional<json::object> out;
  if (type == "message") out = read_message(item);
  if (type == "function_call") out = read_call(item);
  if (type == "function_call_output") out = read_call_output(item);
  if (type == "reasoning") out = read_reasoning(item);
  if (out) {
    item.refuse_unknown();
  } else {
    refuse_type(item, "an item", "message, function_call, function_call_output and reasoning");
  }
  return out;
}

// One part as a string, as most templates want it; several stay parts.
json::value chat_content(const json::array& parts) {
  if (parts.empty()) return "";
  if (parts.size() == 1) return parts[0].at("text");
  json::array out;
  for (const json::value& part : parts) {
    out.push_back(json::object{{"type", "text"}, {"text", part.at("text")}});
  }
  return out;
}

json::object chat_call(const json::object& item) {
  return {
      {"id", item.at("call_id")},
      {"type", "function"},
      {"function", json::object{{"name", item.at("name")}, {"arguments", item.at("arguments")}}}};
}

json::object chat_result(const json::object& item) {
  const json::value& output = item.at("output");
  return {{"role", "tool"},
          {"tool_call_id", item.at("call_id")},
          {"content", output.is_string() ? output : chat_content(output.as_array())}};
}

}  // namespace

json::array read_input(Fields& fields) {
  json::array out;
  fields.require("input");
  const json::value* input = fields.find("input");
  if (input == nullptr) return out;
  if (const json::string* text = input->if_string()) {
    out.push_back(json::object{{"id", new_id("msg_")},
                               {"type", "message"},
                               {"status", "completed"},
                               {"role", "user"},
                               {"content", json::array{text_part("input_text", *text)}}});
    return out;
  }
  if (!input->is_array()) {
    fields.refuse("input", "input is neither a string nor an array of items", "invalid_type");
    return out;
  }
  const json::array* items = fields.array("input", kMaxItems);
  if (items != nullptr && items->empty()) fields.refuse("input", "input is empty");
  for (std::size_t i = 0; items != nullptr && i < items->size() && !fields.refused(); ++i) {
    auto item = fields.object_of((*items)[i], fmt::format("input[{}]", i));
    if (auto read = item ? read_item(*item) : std::nullopt) out.push_back(*std::move(read));
  }
  return out;
}

void ChatMessages::append(const json::array& items, const std::string& origin, bool numbered) {
  const auto add = [&](json::object message, std::size_t i) {
    messages.push_back(std::move(message));
    origins.push_back(numbered ? fmt::format("{}[{}]", origin, i) : origin);
  };
  for (std::size_t i = 0; i < items.size(); ++i) {
    const json::object& item = items[i].as_object();
    const std::string_view type = item.at("type").as_string();
    if (type == "message") {
      add({{"role", item.at("role")}, {"content", chat_content(item.at("content").as_array())}}, i);
    } else if (type == "function_call_output") {
      add(chat_result(item), i);
    } else if (type == "function_call") {
      // Calls and the words before them are one message of the assistant.
      const bool has_message =
          !messages.empty() && messages.back().as_object().at("role") == "assistant";
      if (!has_message) add({{"role", "assistant"}, {"content", nullptr}}, i);
      json::value& calls = messages.back().as_object()["tool_calls"];
      if (!calls.is_array()) calls.emplace_array();
      calls.as_array().push_back(chat_call(item));
    }
  }
}

}  // namespace ondol::api
