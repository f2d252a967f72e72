#include "api/anthropic/conversation.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <functional>
#include <set>

#include "api/messages.h"

namespace ondol::api::anthropic {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxBlocks = 4096;

void append_line(json::object& message, std::string_view name, std::string_view text) {
  json::value& value = message[name];
  if (!value.is_string()) {
    value.emplace_string() = text;
  } else {
    value.get_string().append("\n").append(text);
  }
}

void refuse_type(Fields& block, std::string_view type, std::string_view known) {
  block.refuse(block.path_of("type"),
               fmt::format("{}: blocks of type '{}' are not supported here, only {}",
                           block.path_of("type"), type.substr(0, 64), known),
               "unsupported_value");
}

// The text of a block whose type has been read.
std::string read_text(Fields& block) {
  block.require("text");
  const std::string text = block.string("text").value_or("");
  block.ignore("cache_control");  // prompts are cached without being asked
  block.refuse_unsupported("citations", "citations are not supported");
  block.refuse_unknown();
  return text;
}

using OnBlock = std::function<void(Fields& block, const std::string& type)>;

// A string, or blocks, each with its type. A string is one block of text.
void read_blocks(Fields& fields, std::string_view name, const OnBlock& on_block,
                 const std::function<void(const std::string&)>& on_text) {
  const json::value* content = fields.find(name);
  if (content == nullptr) return;
  if (const json::string* text = content->if_string()) return on_text(std::string(*text));
  const std::string path = fields.path_of(name);
  if (!content->is_array()) {
    return fields.refuse(path, path + " is neither a string nor an array of blocks",
                         "invalid_type");
  }
  const json::array* blocks = fields.array(name, kMaxBlocks);
  for (std::size_t i = 0; blocks != nullptr && i < blocks->size() && !fields.refused(); ++i) {
    auto block = fields.object_of((*blocks)[i], fmt::format("{}[{}]", path, i));
    if (!block) return;
    block->require("type");
    const auto type = block->string("type");
    if (type) on_block(*block, *type);
  }
}

std::string read_texts(Fields& fields, std::string_view name) {
  json::object out;
  const auto add = [&](const std::string& text) { append_line(out, "text", text); };
  read_blocks(
      fields, name,
      [&](Fields& block, const std::string& type) {
        if (type != "text") return refuse_type(block, type, "\"text\"");
        add(read_text(block));
      },
      add);
  return out.empty() ? "" : std::string(out["text"].as_string());
}

class Reader {
 public:
  void read_system(Fields& fields) {
    const std::string text = read_texts(fields, "system");
    if (!text.empty()) messages_.push_back(json::object{{"role", "system"}, {"content", text}});
  }

  void read_message(Fields& message) {
    message.require("role");
    const auto role = message.word("role", {"user", "assistant", "system"});
    message.require("content");
    if (message.refused()) return;
    if (role == "user") {
      read_user(message);
    } else if (role == "assistant") {
      read_assistant(message);
    } else {
      append_line(turn_of("system"), "content", read_texts(message, "content"));
    }
    message.refuse_unknown();
  }

  json::array take() { return std::move(messages_); }

 private:
  // The message that text of this role goes on: the last one, or a new one.
  json::object& turn_of(std::string_view role) {
    if (!messages_.empty()) {
      json::object& last = messages_.back().as_object();
      if (last["role"].as_string() == role && !last.contains("tool_calls")) return last;
    }
    messages_.push_back(json::object{{"role", role}});
    return messages_.back().as_object();
  }

  void read_user(Fields& message) {
    const auto add = [&](const std::string& text) {
      append_line(turn_of("user"), "content", text);
    };
    read_blocks(
        message, "content",
        [&](Fields& block, const std::string& type) {
          if (type == "text") return add(read_text(block));
          if (type == "tool_result") return read_result(block);
          refuse_type(block, type, R"("text" and "tool_result")");
        },
        add);
  }

  void read_result(Fields& block) {
    block.require("tool_use_id");
    const std::string id = block.string("tool_use_id").value_or("");
    const bool is_error = block.flag("is_error").value_or(false);
    const std::string text = read_texts(block, "content");
    block.ignore("cache_control");
    block.refuse_unsupported("toolset_name", "toolsets are not supported");
    block.refuse_unknown();
    if (!calls_.contains(id)) {
      block.refuse(block.path_of("tool_use_id"),
                   fmt::format("{}: answers no tool_use of an earlier message",
                               block.path_of("tool_use_id")));
    }
    messages_.push_back(json::object{
        {"role", "tool"}, {"tool_call_id", id}, {"content", is_error ? "Error: " + text : text}});
  }

  void read_assistant(Fields& message) {
    json::object& turn = turn_of("assistant");
    if (!turn.contains("content")) turn["content"] = "";
    json::object text;
    const auto add = [&](const std::string& line) { append_line(text, "text", line); };
    json::array calls;
    read_blocks(
        message, "content",
        [&](Fields& block, const std::string& type) {
          if (type == "text") return add(read_text(block));
          if (type == "thinking") return read_thinking(block, turn);
          if (type == "tool_use") return calls.push_back(read_call(block));
          refuse_type(block, type, R"("text", "thinking" and "tool_use")");
        },
        add);
    if (!text.empty()) {
      json::string& content = turn["content"].as_string();
      if (!content.empty()) content.append("\n");
      content.append(text["text"].as_string());
    }
    if (!calls.empty()) turn["tool_calls"] = std::move(calls);
  }

  static void read_thinking(Fields& block, json::object& turn) {
    block.require("thinking");
    append_line(turn, "reasoning_content", block.string("thinking").value_or(""));
    block.string("signature");  // ours are empty
    block.refuse_unknown();
  }

  json::object read_call(Fields& block) {
    block.require("id");
    block.require("name");
    block.require("input");
    const std::string id = block.string("id").value_or("");
    const std::string name = block.string("name").value_or("");
    const auto input = block.object("input");
    block.ignore("cache_control");
    block.refuse_unsupported("caller", "tools that are called by other tools are not supported");
    block.refuse_unsupported("toolset_name", "toolsets are not supported");
    block.refuse_unknown();
    if (!calls_.insert(id).second) {
      block.refuse(block.path_of("id"),
                   fmt::format("{}: two tool_use blocks have it", block.path_of("id")));
    }
    return {{"id", id},
            {"type", "function"},
            {"function",
             json::object{{"name", name},
                          {"arguments", json::serialize(input ? input->json() : json::object())}}}};
  }

  json::array messages_;
  std::set<std::string> calls_;  // ids of all tool_use so far
};

}  // namespace

json::array read_conversation(Fields& fields) {
  Reader reader;
  reader.read_system(fields);
  fields.require("messages");
  const json::array* messages = fields.array("messages", kMaxMessages);
  if (messages != nullptr && messages->empty()) fields.refuse("messages", "messages is empty");
  for (std::size_t i = 0; messages != nullptr && i < messages->size() && !fields.refused(); ++i) {
    auto message = fields.object_of((*messages)[i], fmt::format("messages[{}]", i));
    if (message) reader.read_message(*message);
  }
  return reader.take();
}

}  // namespace ondol::api::anthropic
