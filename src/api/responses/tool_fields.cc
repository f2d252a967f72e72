#include "api/responses/tool_fields.h"

#include <fmt/format.h>

#include <boost/json.hpp>

namespace ondol::api {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxToolItems = 128;  // as text::kMaxTools

// True if it is a function; else it is refused by its type.
bool is_function(Fields& tool) {
  tool.require("type");
  const auto type = tool.string("type");
  if (!type || *type == "function") return type.has_value();
  const std::string path = tool.path_of("type");
  tool.refuse(path, path + ": only tools of type function are supported", "unsupported_value");
  return false;
}

json::object chat_tool(Fields& tool, json::object& echo) {
  json::object function;
  if (!is_function(tool)) return function;
  tool.require("name");
  function["name"] = tool.string("name").value_or("");
  if (const auto text = tool.string("description")) function["description"] = *text;
  const auto parameters = tool.object("parameters");
  if (parameters) function["parameters"] = parameters->json();
  const auto strict = tool.flag("strict");
  if (strict) function["strict"] = *strict;
  tool.refuse_unknown();

  echo = function;
  echo["type"] = "function";
  for (const std::string_view name : {"description", "parameters"}) {
    if (!echo.contains(name)) echo[name] = nullptr;
  }
  echo["strict"] = strict.value_or(true);  // arguments always fit the parameters
  return {{"type", "function"}, {"function", std::move(function)}};
}

json::object chat_function_choice(Fields& choice) {
  if (!is_function(choice)) return {};
  choice.require("name");
  const auto name = choice.string("name");
  choice.refuse_unknown();
  return {{"type", "function"}, {"function", json::object{{"name", name.value_or("")}}}};
}

json::object chat_allowed_tools(Fields& choice) {
  json::array tools;
  choice.ignore("type");
  choice.require("mode");
  choice.require("tools");
  const auto mode = choice.word("mode", {"auto", "required"});
  const json::array* allowed = choice.array("tools", kMaxToolItems);
  for (std::size_t i = 0; allowed != nullptr && i < allowed->size() && !choice.refused(); ++i) {
    auto tool = choice.object_of((*allowed)[i], fmt::format("tool_choice.tools[{}]", i));
    if (tool) tools.push_back(chat_function_choice(*tool));
  }
  choice.refuse_unknown();
  return {
      {"type", "allowed_tools"},
      {"allowed_tools", json::object{{"mode", mode.value_or("")}, {"tools", std::move(tools)}}}};
}

json::value chat_tool_choice(Fields& fields) {
  const json::value* value = fields.find("tool_choice");
  if (value == nullptr) return nullptr;
  if (value->is_string()) {
    return json::string(fields.word("tool_choice", {"none", "auto", "required"}).value_or(""));
  }
  auto choice = fields.object("tool_choice");
  if (!choice) return nullptr;
  const json::value* type = choice->json().if_contains("type");
  if (type != nullptr && *type == "allowed_tools") return chat_allowed_tools(*choice);
  return chat_function_choice(*choice);
}

}  // namespace

void read_tool_fields(Fields& fields, json::object& chat, json::object& echoed) {
  json::array chat_tools;
  json::array echoed_tools;
  const json::array* tools = fields.array("tools", kMaxToolItems);
  for (std::size_t i = 0; tools != nullptr && i < tools->size() && !fields.refused(); ++i) {
    auto tool = fields.object_of((*tools)[i], fmt::format("tools[{}]", i));
    json::object echo;
    if (tool) chat_tools.push_back(chat_tool(*tool, echo));
    echoed_tools.push_back(std::move(echo));
  }
  json::value choice = chat_tool_choice(fields);
  const auto parallel = fields.flag("parallel_tool_calls");
  const json::value* given = fields.json().if_contains("tool_choice");
  echoed["tool_choice"] = given == nullptr || given->is_null() ? json::value("auto") : *given;
  echoed["parallel_tool_calls"] = parallel.value_or(true);
  echoed["tools"] = std::move(echoed_tools);
  if (chat_tools.empty()) {
    const bool wants_call = !choice.is_null() && choice != "auto" && choice != "none";
    if (wants_call)
      fields.refuse("tool_choice", "tool_choice asks for a call, but there are no tools");
    return;
  }
  chat["tools"] = std::move(chat_tools);
  if (!choice.is_null()) chat["tool_choice"] = std::move(choice);
  if (parallel) chat["parallel_tool_calls"] = *parallel;
}

json::value chat_response_format(Fields& format) {
  format.require("type");
  const auto type = format.word("type", {"text", "json_object", "json_schema"});
  if (type != "json_schema") {
    format.refuse_unknown();
    if (!type || *type == "text") return nullptr;
    return json::object{{"type", *type}};
  }
  json::object schema;
  format.require("schema");
  for (const std::string_view name : {"name", "description", "schema", "strict"}) {
    if (const json::value* value = format.find(name)) schema[name] = *value;
  }
  format.refuse_unknown();
  return json::object{{"type", "json_schema"}, {"json_schema", std::move(schema)}};
}

}  // namespace ondol::api
