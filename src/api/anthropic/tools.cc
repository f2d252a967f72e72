#include "api/anthropic/tools.h"

#include <fmt/format.h>

#include <boost/json.hpp>

namespace ondol::api::anthropic {
namespace {

namespace json = boost::json;

// The field of an error of parse_tools and parse_tool_choice, by the names of this wire:
// tools[3].function.parameters is tools[3].input_schema here.
std::string own_path(std::string path) {
  const auto replace = [&](std::string_view from, std::string_view to) {
    const auto at = path.find(from);
    if (at != std::string::npos) path.replace(at, from.size(), to);
  };
  replace(".function.parameters", ".input_schema");
  replace(".function", "");
  return path;
}

void refuse(Fields& fields, const Error& error) {
  Refusal refusal(error);
  const std::string path = own_path(error.field);
  Error spoken = error;
  spoken.where.clear();
  spoken.field = path;
  fields.refuse(path, spoken.message(), refusal.code);
}

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
  tool.ignore("cache_control");          // prompts are cached without being asked
  tool.flag("eager_input_streaming");    // arguments are streamed when a grammar vouches for them
  tool.refuse_unsupported("input_examples", "examples are not supported; describe the tool instead");
  tool.refuse_unsupported("allowed_callers", "tools that call tools are not supported");
  tool.refuse_unsupported("defer_loading", "searching for tools is not supported");
  tool.refuse_unknown();
  return {{"type", "function"}, {"function", std::move(function)}};
}

// Null when absent: then tools may be called, or not.
json::value read_choice(Fields& fields, bool& parallel) {
  auto choice = fields.object("tool_choice");
  if (!choice) return nullptr;
  choice->require("type");
  const auto type = choice->word("type", {"auto", "any", "tool", "none"});
  if (type != "none") parallel = !choice->flag("disable_parallel_tool_use").value_or(false);
  if (type == "tool") choice->require("name");
  const auto name = type == "tool" ? choice->string("name") : std::nullopt;
  choice->refuse_unknown();
  if (type == "any") return "required";
  if (type == "tool") {
    return json::object{{"type", "function"},
                        {"function", json::object{{"name", name.value_or("")}}}};
  }
  return json::value(type.value_or("auto"));
}

}  // namespace

void read_tools(Fields& fields, ChatRequest& out) {
  json::array tools;
  const json::array* given = fields.array("tools", text::kMaxTools);
  for (std::size_t i = 0; given != nullptr && i < given->size() && !fields.refused(); ++i) {
    auto tool = fields.object_of((*given)[i], fmt::format("tools[{}]", i));
    if (tool) tools.push_back(read_tool(*tool));
  }
  bool parallel = true;
  const json::value choice = read_choice(fields, parallel);
  if (fields.refused()) return;
  auto list = text::parse_tools(tools);
  if (!list) return refuse(fields, list.error());
  auto chosen = text::parse_tool_choice(choice, *list);
  if (!chosen) return refuse(fields, chosen.error());
  out.tools = *std::move(list);
  out.tool_choice = *std::move(chosen);
  out.tool_choice.parallel = parallel;
}

}  // namespace ondol::api::anthropic
