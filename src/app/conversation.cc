#include "app/conversation.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/mapped_file.h"
#include "base/utf8.h"
#include "hub/part_file.h"

namespace ondol::app {
namespace {

namespace json = boost::json;

constexpr std::string_view kFormat = "ondol-chat-1";
constexpr std::size_t kMaxFileBytes = std::size_t{64} << 20;

Result<Message> parse_message(const json::value& value, const std::string& where, std::size_t i) {
  const json::object* object = value.if_object();
  const json::value* role = object ? object->if_contains("role") : nullptr;
  const json::value* content = object ? object->if_contains("content") : nullptr;
  if (!role || !role->is_string() || !content || !content->is_string()) {
    return fail(ErrorCode::kInvalidFile, where, fmt::format("messages[{}]", i),
                "has no role and content of type string");
  }
  Message message{std::string(role->as_string()), std::string(content->as_string())};
  const bool known =
      (message.role == "system" && i == 0) || message.role == "user" || message.role == "assistant";
  if (!known) {
    return fail(ErrorCode::kInvalidFile, where, fmt::format("messages[{}].role", i),
                "is not allowed here", message.role, "system (first), user, assistant");
  }
  return message;
}

}  // namespace

void Conversation::set_system(const std::string& text) {
  if (!messages_.empty() && messages_.front().role == "system") messages_.erase(messages_.begin());
  if (!text.empty()) messages_.insert(messages_.begin(), {"system", text});
}

void Conversation::add(std::string role, std::string content) {
  messages_.push_back({std::move(role), std::move(content)});
}

void Conversation::drop_last() { messages_.pop_back(); }

void Conversation::clear() {
  const bool has_system = !messages_.empty() && messages_.front().role == "system";
  messages_.resize(has_system ? 1 : 0);
}

json::array Conversation::to_json() const {
  json::array out;
  for (const Message& message : messages_) {
    out.push_back(json::object{{"role", message.role}, {"content", message.content}});
  }
  return out;
}

Result<void> Conversation::save(const std::filesystem::path& path, const std::string& model) const {
  const json::object document{{"format", kFormat}, {"model", model}, {"messages", to_json()}};
  return hub::write_file_atomically(path, json::serialize(document) + "\n");
}

Result<Conversation> Conversation::load(const std::filesystem::path& path) {
  const std::string where = path.string();
  ONDOL_TRY(const std::string text, read_text_file(path, kMaxFileBytes));
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = 8;
  const json::value document = json::parse(text, error, {}, options);
  const json::object* root = error ? nullptr : document.if_object();
  const json::value* format = root ? root->if_contains("format") : nullptr;
  if (!format || !format->is_string() || format->as_string() != kFormat) {
    return fail(ErrorCode::kInvalidFile, where, "format", "is no saved chat", "",
                std::string(kFormat));
  }
  const json::value* list = root->if_contains("messages");
  const json::array* messages = list ? list->if_array() : nullptr;
  if (messages == nullptr) {
    return fail(ErrorCode::kInvalidFile, where, "messages", "is no list");
  }
  Conversation out;
  for (std::size_t i = 0; i < messages->size(); ++i) {
    ONDOL_TRY(Message message, parse_message((*messages)[i], where, i));
    out.messages_.push_back(std::move(message));
  }
  return out;
}

}  // namespace ondol::app
