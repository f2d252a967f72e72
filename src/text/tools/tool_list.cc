#include "text/tools/tool_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <initializer_list>
#include <set>

namespace ondol::text {
namespace {

namespace json = boost::json;

constexpr std::string_view kWhere = "request";

tl::unexpected<Error> invalid(const std::string& field, std::string_view detail,
                              std::string value = {}, std::string limit = {}) {
  return fail(ErrorCode::kInvalidArgument, kWhere, field, detail, std::move(value),
              std::move(limit));
}

// A member that is there and is not null.
const json::value* member(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && !value->is_null() ? value : nullptr;
}

Result<void> check_keys(const json::object& object, std::initializer_list<std::string_view> known,
                        const std::string& path) {
  for (const auto& entry : object) {
    if (std::find(known.begin(), known.end(), entry.key()) != known.end()) continue;
    return fail(ErrorCode::kUnsupported, kWhere, fmt::format("{}.{}", path, entry.key()),
                "is not supported");
  }
  return {};
}

Result<const json::object*> object_at(const json::object& parent, std::string_view key,
                                      const std::string& path) {
  const json::value* value = member(parent, key);
  if (value == nullptr || !value->is_object()) {
    return invalid(fmt::format("{}.{}", path, key), "has to be an object");
  }
  return &value->get_object();
}

Result<std::string> string_at(const json::object& parent, std::string_view key,
                              const std::string& path) {
  const json::value* value = member(parent, key);
  if (value == nullptr || !value->is_string()) {
    return invalid(fmt::format("{}.{}", path, key), "has to be a string");
  }
  return std::string(value->get_string());
}

Result<std::string> parse_name(const json::object& function, const std::string& path) {
  ONDOL_TRY(std::string name, string_at(function, "name", path));
  const bool fits = !name.empty() && name.size() <= kMaxFunctionNameBytes;
  if (!fits || !std::all_of(name.begin(), name.end(), is_function_name_byte)) {
    return invalid(path + ".name", "is no function name", name, "[A-Za-z0-9_-]{1,64}");
  }
  return name;
}

Result<json::object> parse_parameters(const json::object& function, const std::string& path) {
  const json::value* value = member(function, "parameters");
  if (value == nullptr) return json::object{{"type", "object"}, {"properties", json::object()}};
  const std::string field = path + ".parameters";
  const json::object* parameters = value->if_object();
  if (parameters == nullptr) return invalid(field, "has to be a JSON Schema, an object");
  // A function takes named arguments; a schema of another type could not be called.
  const json::value* type = parameters->if_contains("type");
  if (type != nullptr && *type != "object") {
    return invalid(field + ".type", "has to be object", json::serialize(*type), "\"object\"");
  }
  return *parameters;
}

Result<bool> parse_strict(const json::object& function, const std::string& path) {
  const json::value* value = member(function, "strict");
  if (value == nullptr) return false;
  if (!value->is_bool()) return invalid(path + ".strict", "has to be a boolean");
  return value->get_bool();
}

Result<Tool> parse_tool(const json::value& value, const std::string& path) {
  const json::object* object = value.if_object();
  if (object == nullptr) return invalid(path, "has to be an object");
  ONDOL_TRY(const std::string type, string_at(*object, "type", path));
  if (type != "function") {
    return fail(ErrorCode::kUnsupported, kWhere, path + ".type", "is not supported", type,
                "function");
  }
  ONDOL_TRY_VOID(check_keys(*object, {"type", "function"}, path));
  ONDOL_TRY(const json::object* function, object_at(*object, "function", path));
  const std::string inner = path + ".function";
  ONDOL_TRY_VOID(check_keys(*function, {"name", "description", "parameters", "strict"}, inner));
  Tool tool;
  ONDOL_TRY(tool.name, parse_name(*function, inner));
  if (member(*function, "description") != nullptr) {
    ONDOL_TRY(tool.description, string_at(*function, "description", inner));
  }
  ONDOL_TRY(tool.parameters, parse_parameters(*function, inner));
  ONDOL_TRY(tool.strict, parse_strict(*function, inner));
  return tool;
}

Result<std::size_t> index_of(const json::object& choice, const std::string& path,
                             const ToolList& tools) {
  ONDOL_TRY(const json::object* function, object_at(choice, "function", path));
  const std::string inner = path + ".function";
  ONDOL_TRY_VOID(check_keys(*function, {"name"}, inner));
  ONDOL_TRY(const std::string name, string_at(*function, "name", inner));
  for (std::size_t i = 0; i < tools.size(); ++i) {
    if (tools[i].name == name) return i;
  }
  return invalid(inner + ".name", "is none of the tools", name);
}

Result<ToolChoice::Mode> parse_mode(std::string_view mode, const std::string& path) {
  if (mode == "none") return ToolChoice::Mode::kNone;
  if (mode == "auto") return ToolChoice::Mode::kAuto;
  if (mode == "required") return ToolChoice::Mode::kRequired;
  return invalid(path, "is not known", std::string(mode), "none, auto, required");
}

// {"type": "allowed_tools", "allowed_tools": {"mode": ..., "tools": [...]}}
Result<ToolChoice> parse_allowed(const json::object& choice, const ToolList& tools) {
  const std::string path = "tool_choice.allowed_tools";
  ONDOL_TRY(const json::object* allowed, object_at(choice, "allowed_tools", "tool_choice"));
  ONDOL_TRY_VOID(check_keys(*allowed, {"mode", "tools"}, path));
  ToolChoice out;
  ONDOL_TRY(const std::string mode, string_at(*allowed, "mode", path));
  ONDOL_TRY(out.mode, parse_mode(mode, path + ".mode"));
  const json::value* list = member(*allowed, "tools");
  if (list == nullptr || !list->is_array() || list->get_array().empty()) {
    return invalid(path + ".tools", "has to be a list that is not empty");
  }
  std::set<std::size_t> indices;
  for (std::size_t i = 0; i < list->get_array().size(); ++i) {
    const std::string inner = fmt::format("{}.tools[{}]", path, i);
    const json::object* one = list->get_array()[i].if_object();
    if (one == nullptr) return invalid(inner, "has to be an object");
    ONDOL_TRY_VOID(check_keys(*one, {"type", "function"}, inner));
    ONDOL_TRY(const std::size_t index, index_of(*one, inner, tools));
    indices.insert(index);
  }
  out.allowed.assign(indices.begin(), indices.end());
  return out;
}

Result<ToolChoice> parse_object(const json::object& choice, const ToolList& tools) {
  ONDOL_TRY(const std::string type, string_at(choice, "type", "tool_choice"));
  if (type == "function") {
    ONDOL_TRY_VOID(check_keys(choice, {"type", "function"}, "tool_choice"));
    ONDOL_TRY(const std::size_t index, index_of(choice, "tool_choice", tools));
    return ToolChoice{ToolChoice::Mode::kRequired, {index}, false};
  }
  if (type == "allowed_tools") {
    ONDOL_TRY_VOID(check_keys(choice, {"type", "allowed_tools"}, "tool_choice"));
    return parse_allowed(choice, tools);
  }
  return fail(ErrorCode::kUnsupported, kWhere, "tool_choice.type", "is not supported", type,
              "function, allowed_tools");
}

}  // namespace

bool is_function_name_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

Result<ToolList> parse_tools(const json::value& value) {
  ToolList tools;
  if (value.is_null()) return tools;
  const json::array* list = value.if_array();
  if (list == nullptr) return invalid("tools", "has to be a list");
  if (list->size() > kMaxTools) {
    return fail(ErrorCode::kLimit, kWhere, "tools", "too many tools", list->size(), kMaxTools);
  }
  std::set<std::string, std::less<>> names;
  std::size_t n_bytes = 0;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const std::string path = fmt::format("tools[{}]", i);
    ONDOL_TRY(Tool tool, parse_tool((*list)[i], path));
    if (!names.insert(tool.name).second) {
      return invalid(path + ".function.name", "is the name of an earlier tool too", tool.name);
    }
    const std::size_t size = json::serialize(tool_json(tool)).size();
    if (size > kMaxToolBytes) {
      return fail(ErrorCode::kLimit, kWhere, path, "the tool is too long", size, kMaxToolBytes);
    }
    n_bytes += size;
    tools.push_back(std::move(tool));
  }
  if (n_bytes > kMaxToolsBytes) {
    return fail(ErrorCode::kLimit, kWhere, "tools", "the tools are too long", n_bytes,
                kMaxToolsBytes);
  }
  return tools;
}

json::object tool_json(const Tool& tool) {
  json::object function{{"name", tool.name}};
  if (tool.description) function["description"] = *tool.description;
  function["parameters"] = tool.parameters;
  return {{"type", "function"}, {"function", std::move(function)}};
}

Result<ToolChoice> parse_tool_choice(const json::value& value, const ToolList& tools) {
  ToolChoice choice;
  if (value.is_null()) {
    choice.mode = tools.empty() ? ToolChoice::Mode::kNone : ToolChoice::Mode::kAuto;
  } else if (const json::string* mode = value.if_string()) {
    ONDOL_TRY(choice.mode, parse_mode(*mode, "tool_choice"));
  } else if (const json::object* object = value.if_object()) {
    ONDOL_TRY(choice, parse_object(*object, tools));
  } else {
    return invalid("tool_choice", "has to be a string or an object");
  }
  if (tools.empty()) {
    if (choice.mode == ToolChoice::Mode::kRequired) {
      return invalid("tool_choice", "asks for a call, but there are no tools");
    }
    choice.mode = ToolChoice::Mode::kNone;
  }
  if (choice.allowed.empty() && choice.mode != ToolChoice::Mode::kNone) {
    for (std::size_t i = 0; i < tools.size(); ++i) choice.allowed.push_back(i);
  }
  return choice;
}

std::vector<std::string> allowed_functions(const ToolList& tools, const ToolChoice& choice) {
  std::vector<std::string> names;
  if (choice.mode == ToolChoice::Mode::kNone) return names;
  for (const std::size_t i : choice.allowed) names.push_back(tools[i].name);
  return names;
}

}  // namespace ondol::text
