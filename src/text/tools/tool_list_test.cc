#include "text/tools/tool_list.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <string>

namespace ondol::text {
namespace {

namespace json = boost::json;

constexpr std::string_view kTwo = R"([
  {"type": "function", "function": {"parameters": {"type": "object", "properties": {"a": {}}},
   "strict": true, "name": "look_up", "description": "d"}},
  {"type": "function", "function": {"name": "stop-2", "description": null, "strict": null}}])";

ToolList two() { return parse_tools(json::parse(kTwo)).value(); }

Error error_of(std::string_view tools) {
  const auto parsed = parse_tools(json::parse(tools));
  EXPECT_FALSE(parsed) << tools;
  return parsed ? Error{} : parsed.error();
}

Error choice_error(std::string_view choice, const ToolList& tools) {
  const auto parsed = parse_tool_choice(json::parse(choice), tools);
  EXPECT_FALSE(parsed) << choice;
  return parsed ? Error{} : parsed.error();
}

TEST(ToolList, ReadsFunctions) {
  const ToolList tools = two();
  ASSERT_EQ(tools.size(), 2U);
  EXPECT_EQ(tools[0].name, "look_up");
  EXPECT_EQ(tools[0].description, "d");
  EXPECT_TRUE(tools[0].strict);
  EXPECT_FALSE(tools[1].strict);
  EXPECT_FALSE(tools[1].description);
  EXPECT_EQ(json::serialize(tools[1].parameters), R"({"type":"object","properties":{}})");
  EXPECT_TRUE(parse_tools(nullptr).value().empty());
}

TEST(ToolList, PromptFormHasOneOrder) {
  EXPECT_EQ(json::serialize(tool_json(two()[0])),
            R"({"type":"function","function":{"name":"look_up","description":"d",)"
            R"("parameters":{"type":"object","properties":{"a":{}}}}})");
}

TEST(ToolList, ErrorsNameTheField) {
  const std::string good = R"({"type": "function", "function": {"name": "f"}})";
  const struct {
    std::string one;
    ErrorCode code;
    std::string field;
  } cases[] = {
      {"5", ErrorCode::kInvalidArgument, "tools[1]"},
      {"{}", ErrorCode::kInvalidArgument, "tools[1].type"},
      {R"({"type": "retrieval"})", ErrorCode::kUnsupported, "tools[1].type"},
      {R"({"type": "function"})", ErrorCode::kInvalidArgument, "tools[1].function"},
      {R"({"type": "function", "cache": 1, "function": {"name": "g"}})", ErrorCode::kUnsupported,
       "tools[1].cache"},
      {R"({"type": "function", "function": {}})", ErrorCode::kInvalidArgument,
       "tools[1].function.name"},
      {R"({"type": "function", "function": {"name": ""}})", ErrorCode::kInvalidArgument,
       "tools[1].function.name"},
      {R"({"type": "function", "function": {"name": "a b"}})", ErrorCode::kInvalidArgument,
       "tools[1].function.name"},
      {R"({"type": "function", "function": {"name": "é"}})", ErrorCode::kInvalidArgument,
       "tools[1].function.name"},
      {R"({"type": "function", "function": {"name": "f"}})", ErrorCode::kInvalidArgument,
       "tools[1].function.name"},
      {R"({"type": "function", "function": {"name": ")" + std::string(65, 'x') + R"("}})",
       ErrorCode::kInvalidArgument, "tools[1].function.name"},
      {R"({"type": "function", "function": {"name": "g", "description": 1}})",
       ErrorCode::kInvalidArgument, "tools[1].function.description"},
      {R"({"type": "function", "function": {"name": "g", "parameters": []}})",
       ErrorCode::kInvalidArgument, "tools[1].function.parameters"},
      {R"({"type": "function", "function": {"name": "g", "parameters": {"type": "string"}}})",
       ErrorCode::kInvalidArgument, "tools[1].function.parameters.type"},
      {R"({"type": "function", "function": {"name": "g", "strict": 1}})",
       ErrorCode::kInvalidArgument, "tools[1].function.strict"},
      {R"({"type": "function", "function": {"name": "g", "return": {}}})", ErrorCode::kUnsupported,
       "tools[1].function.return"},
      {R"({"type": "function", "function": {"name": "g", "description": ")" +
           std::string(kMaxToolBytes, 'x') + R"("}})",
       ErrorCode::kLimit, "tools[1]"},
  };
  for (const auto& one : cases) {
    const Error error = error_of("[" + good + "," + one.one + "]");
    EXPECT_EQ(error.code, one.code) << error.message();
    EXPECT_EQ(error.field, one.field) << error.message();
  }
  EXPECT_EQ(error_of("{}").field, "tools");
}

TEST(ToolList, NumberAndSizeAreBounded) {
  json::array many;
  for (std::size_t i = 0; i <= kMaxTools; ++i) {
    many.push_back({{"type", "function"}, {"function", {{"name", "f" + std::to_string(i)}}}});
  }
  const auto refused = parse_tools(many);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kLimit);
  many.pop_back();
  EXPECT_TRUE(parse_tools(many));
  for (json::value& tool : many) {
    tool.as_object()["function"].as_object()["description"] = std::string(5000, 'x');
  }
  EXPECT_EQ(parse_tools(many).error().code, ErrorCode::kLimit);
}

TEST(ToolChoice, Modes) {
  using Mode = ToolChoice::Mode;
  const ToolList tools = two();
  const std::vector<std::size_t> all = {0, 1};
  EXPECT_EQ(parse_tool_choice(nullptr, tools)->mode, Mode::kAuto);
  EXPECT_EQ(parse_tool_choice(nullptr, tools)->allowed, all);
  EXPECT_EQ(parse_tool_choice(nullptr, {})->mode, Mode::kNone);
  EXPECT_EQ(parse_tool_choice("auto", {})->mode, Mode::kNone);
  EXPECT_EQ(parse_tool_choice("none", tools)->mode, Mode::kNone);
  EXPECT_TRUE(allowed_functions(tools, *parse_tool_choice("none", tools)).empty());
  EXPECT_EQ(parse_tool_choice("required", tools)->mode, Mode::kRequired);
  EXPECT_TRUE(parse_tool_choice("required", tools)->parallel);

  const auto named = parse_tool_choice(
      json::parse(R"({"type": "function", "function": {"name": "stop-2"}})"), tools);
  ASSERT_TRUE(named) << named.error().message();
  EXPECT_EQ(named->mode, Mode::kRequired);
  EXPECT_FALSE(named->parallel);
  EXPECT_EQ(allowed_functions(tools, *named), std::vector<std::string>{"stop-2"});

  const auto allowed = parse_tool_choice(
      json::parse(R"({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools":
                  [{"type": "function", "function": {"name": "look_up"}}]}})"),
      tools);
  ASSERT_TRUE(allowed) << allowed.error().message();
  EXPECT_EQ(allowed->mode, Mode::kAuto);
  EXPECT_EQ(allowed->allowed, std::vector<std::size_t>{0});
}

TEST(ToolChoice, ErrorsNameTheField) {
  const ToolList tools = two();
  EXPECT_EQ(choice_error(R"("any")", tools).field, "tool_choice");
  EXPECT_EQ(choice_error("3", tools).field, "tool_choice");
  EXPECT_EQ(choice_error(R"("required")", {}).field, "tool_choice");
  EXPECT_EQ(choice_error(R"({"type": "mcp"})", tools).field, "tool_choice.type");
  EXPECT_EQ(choice_error(R"({"type": "function"})", tools).field, "tool_choice.function");
  EXPECT_EQ(choice_error(R"({"type": "function", "function": {"name": "x"}})", tools).field,
            "tool_choice.function.name");
  EXPECT_EQ(
      choice_error(R"({"type": "allowed_tools", "allowed_tools": {"mode": "x"}})", tools).field,
      "tool_choice.allowed_tools.mode");
  EXPECT_EQ(choice_error(R"({"type": "allowed_tools", "allowed_tools": {"mode": "auto",
                         "tools": [{"type": "function", "function": {"name": "x"}}]}})",
                         tools)
                .field,
            "tool_choice.allowed_tools.tools[0].function.name");
}

}  // namespace
}  // namespace ondol::text
