// The functions a request offers and which of them may be called: `tools` and
// `tool_choice` of a chat completion in OpenAI's form, checked.
//
// Owner: one request. Threads: plain values. Errors: kInvalidArgument,
// kUnsupported and kLimit with the path of the field, "tools[3].function.name".
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace ondol::text {

inline constexpr std::size_t kMaxTools = 128;
inline constexpr std::size_t kMaxFunctionNameBytes = 64;
inline constexpr std::size_t kMaxToolBytes = std::size_t{256} << 10;   // of one tool as JSON
inline constexpr std::size_t kMaxToolsBytes = std::size_t{512} << 10;  // of all of them

bool is_function_name_byte(char c);  // [A-Za-z0-9_-]

struct Tool {
  std::string name;  // [A-Za-z0-9_-]{1,64}
  std::optional<std::string> description;
  boost::json::object parameters;  // a JSON Schema; its keywords are the grammar's to check
  bool strict = false;
};

using ToolList = std::vector<Tool>;

/// `value` is the request's `tools`: null, or an array. Names are unique.
Result<ToolList> parse_tools(const boost::json::value& value);

/// As chat templates want them: {"type": "function", "function": {"name": ...,
/// "description": ..., "parameters": ...}}, always in this order, so that the
/// same tools make the same prompt.
boost::json::object tool_json(const Tool& tool);

struct ToolChoice {
  enum class Mode : std::uint8_t {
    kNone,      // no call; tools are not shown to the model
    kAuto,      // text or calls
    kRequired,  // at least one call
  };
  Mode mode = Mode::kNone;
  std::vector<std::size_t> allowed;  // indices of the tools that may be called, ascending
  bool parallel = true;              // several calls in one answer
};

/// `value` is the request's `tool_choice`: null (auto when there are tools), "none",
/// "auto", "required", {"type": "function", ...} (that one, called once) or
/// {"type": "allowed_tools", ...}.
Result<ToolChoice> parse_tool_choice(const boost::json::value& value, const ToolList& tools);

/// Names of the functions that may be called; none with kNone.
std::vector<std::string> allowed_functions(const ToolList& tools, const ToolChoice& choice);

}  // namespace ondol::text
