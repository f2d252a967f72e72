#include "text/tools/turns.h"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <map>
#include <utility>

#include "text/tools/json_scanner.h"

namespace ondol::text {
namespace {

namespace json = boost::json;

tl::unexpected<Error> invalid(const std::string& field, std::string_view detail,
                              std::string value = {}) {
  return fail(ErrorCode::kInvalidArgument, "request", field, detail, std::move(value));
}

Result<json::object> parse_arguments(const json::value& value, const std::string& field) {
  if (value.is_object()) return value.get_object();
  if (!value.is_string()) return invalid(field, "has to be a string that holds a JSON object");
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = JsonScanner::kMaxDepth;
  const json::value parsed = json::parse(value.get_string(), error, {}, options);
  if (error || !parsed.is_object()) {
    return invalid(field, "holds no JSON object", std::string(value.get_string()));
  }
  return parsed.get_object();
}

Result<CallOfTurn> parse_call(const json::value& value, const std::string& path) {
  const json::object* object = value.if_object();
  const json::value* function = object != nullptr ? object->if_contains("function") : nullptr;
  if (function == nullptr || !function->is_object()) {
    return invalid(path + ".function", "has to be an object");
  }
  const json::value* id = object->if_contains("id");
  if (id == nullptr || !id->is_string()) return invalid(path + ".id", "has to be a string");
  const json::value* name = function->get_object().if_contains("name");
  if (name == nullptr || !name->is_string()) {
    return invalid(path + ".function.name", "has to be a string");
  }
  const json::value* arguments = function->get_object().if_contains("arguments");
  const std::string field = path + ".function.arguments";
  if (arguments == nullptr) return invalid(field, "is missing");
  CallOfTurn call{std::string(id->get_string()), std::string(name->get_string()), {}};
  ONDOL_TRY(call.arguments, parse_arguments(*arguments, field));
  return call;
}

Result<std::vector<CallOfTurn>> parse_calls(const json::object& message, const std::string& path) {
  std::vector<CallOfTurn> calls;
  const json::value* list = message.if_contains("tool_calls");
  if (list == nullptr || list->is_null()) return calls;
  const std::string field = path + ".tool_calls";
  if (!list->is_array()) return invalid(field, "has to be a list");
  for (std::size_t i = 0; i < list->get_array().size(); ++i) {
    ONDOL_TRY(CallOfTurn call, parse_call(list->get_array()[i], fmt::format("{}[{}]", field, i)));
    calls.push_back(std::move(call));
  }
  return calls;
}

// Text, or text in parts; templates differ in what else they take, so the rest stays.
void take_content(Turn& turn) {
  const json::value* content = turn.fields.if_contains("content");
  if (content == nullptr || content->is_null()) {
    turn.has_text = true;
  } else if (content->is_string()) {
    turn.content = content->get_string();
    turn.has_text = true;
  } else if (const json::array* parts = content->if_array()) {
    std::string joined;
    for (const json::value& part : *parts) {
      const json::object* object = part.if_object();
      const json::value* text = object != nullptr ? object->if_contains("text") : nullptr;
      if (text == nullptr || !text->is_string()) return;
      joined += text->get_string();
    }
    turn.content = std::move(joined);
    turn.has_text = true;
  }
}

Result<void> take_result(const json::object& message, const std::string& path,
                         const std::map<std::string, std::string>& functions, Turn& turn) {
  const json::value* id = message.if_contains("tool_call_id");
  if (id == nullptr || !id->is_string()) {
    return invalid(path + ".tool_call_id", "has to be a string");
  }
  turn.call_id = id->get_string();
  const auto found = functions.find(turn.call_id);
  if (found == functions.end()) {
    return invalid(path + ".tool_call_id", "answers no call of an earlier message", turn.call_id);
  }
  turn.function = found->second;
  if (!turn.has_text) return invalid(path + ".content", "has to be text");
  return {};
}

}  // namespace

Result<std::vector<Turn>> read_turns(const json::array& messages) {
  std::vector<Turn> turns;
  std::map<std::string, std::string> functions;  // by call id
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const std::string path = fmt::format("messages[{}]", i);
    const json::object* message = messages[i].if_object();
    const json::value* role = message != nullptr ? message->if_contains("role") : nullptr;
    if (role == nullptr || !role->is_string()) {
      return invalid(path + ".role", "has to be a string");
    }
    Turn turn;
    turn.role = role->get_string();
    if (turn.role == "developer") turn.role = "system";
    turn.fields = *message;
    take_content(turn);
    ONDOL_TRY(turn.calls, parse_calls(*message, path));
    for (const CallOfTurn& call : turn.calls) functions[call.id] = call.name;
    if (turn.role == "tool") ONDOL_TRY_VOID(take_result(*message, path, functions, turn));
    turn.fields.erase("tool_calls");
    turns.push_back(std::move(turn));
  }
  return turns;
}

json::object message_of(Turn turn) {
  turn.fields["role"] = turn.role;
  if (turn.has_text) turn.fields["content"] = turn.content;
  return std::move(turn.fields);
}

}  // namespace ondol::text
