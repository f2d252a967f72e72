#include "api/anthropic/tools.h"

#include <fmt/format.h>

#include <boost/json.hpp>

namespace ondol::api::anthropic {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxTools = 128;

// Tools that run on Anthropic's side have a type of their own ("web_search_20250305").
json::object read_tool(Fields& tool) {
  const auto type = tool.string("type");
  if (type && *type != "custom") {
    tool.refuse(tool.path_of("type"),
                fmt::format("{}: tools of type '{}' are not supported, only \"custom\"",
                            tool.path_of("type"), type->substr(0, 64)),
                "unsupported_value");
  }
  tool.require("name");
  tool.require("input_schema");
  json::object function = {{"name", tool.string("name").value_or("")}};
  if (const auto text = tool.string("description")) function["description"] = *text;
  if (const auto schema = tool.object("input_schema")) function["parameters"] = schema->json();
  if (const auto strict = tool.flag("strict")) function["strict"] = *strict;
  tool.ignore("cache_control");        // prompts are cached without being asked
  tool.flag("eager_input_streaming");  // arguments are streamed when a grammar vouches for them
  tool.refuse_unsupported("input_examples",
                          "examples are not supported; describe the tool instead");
  tool.refuse_unsupported("allowed_callers", "tools that call tools are not supported");
  tool.refuse_unsupported("defer_loading", "searching for tools is not supported");
  tool.refuse_unknown();
  return {{"type", "function"}, {"function", std::move(function)}};
}

json::value choice_of(std::string_view type, const std::string& name) {
  if (type == "any") return "required";
  if (type != "tool") return json::value(type);
  return json::object{{"type", "function"}, {"function", json::object{{"name", name}}}};
}

void read_choice(Fields& fields, json::object& chat) {
  auto choice = fields.object("tool_choice");
  if (!choice) return;
  choice->require("type");
  const auto type = choice->word("type", {"auto", "any", "tool", "none"});
  if (type == "tool") choice->require("name");
  const std::string name = type == "tool" ? choice->string("name").value_or("") : "";
  const bool is_single =
      type != "none" && choice->flag("disable_parallel_tool_use").value_or(false);
  choice->refuse_unknown();
  chat["tool_choice"] = choice_of(type.value_or(""), name);
  if (is_single) chat["parallel_tool_calls"] = false;
}

}  // namespace

void read_tools(Fields& fields, json::object& chat) {
  const json::array* given = fields.array("tools", kMaxTools);
  json::array tools;
  for (std::size_t i = 0; given != nullptr && i < given->size() && !fields.refused(); ++i) {
    auto tool = fields.object_of((*given)[i], fmt::format("tools[{}]", i));
    if (tool) tools.push_back(read_tool(*tool));
  }
  if (!tools.empty()) chat["tools"] = std::move(tools);
  read_choice(fields, chat);
}

}  // namespace ondol::api::anthropic
