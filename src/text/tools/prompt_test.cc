// Conversations with calls, rendered by real templates and by those of our own for
// models that know no tools.
#include "text/tools/prompt.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <string>

#include "text/chat_template.h"
#include "text/tools/test_support.h"

namespace ondol::text {
namespace {

namespace json = boost::json;
using testing::byte_tokenizer;
using testing::real_template;
using testing::tools_of;

constexpr std::string_view kTools = R"([{"type": "function", "function": {"name": "get_weather",
    "description": "The \"weather\".", "parameters": {"type": "object",
    "properties": {"place": {"type": "string"}}, "required": ["place"]}, "strict": true}},
    {"type": "function", "function": {"name": "stop"}}])";

constexpr std::string_view kConversation = R"([
  {"role": "system", "content": "Be brief."},
  {"role": "user", "content": [{"type": "text", "text": "Weather in "}, {"type": "text", "text": "Jeju?"}]},
  {"role": "assistant", "content": null, "tool_calls": [
    {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": "{\"place\": \"Jeju\"}"}},
    {"id": "call_2", "type": "function", "function": {"name": "stop", "arguments": "{}"}}]},
  {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
  {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "stopped"}]},
  {"role": "assistant", "content": "It is sunny.", "tool_calls": []},
  {"role": "user", "content": "Thanks"}])";

ToolChoice auto_choice(const ToolList& tools) {
  return parse_tool_choice(nullptr, tools).value_or(ToolChoice{});
}

struct Rendered {
  std::string text;
  std::string error;
};

Rendered render(const std::string& source, std::string_view messages,
                std::string_view tool_text = kTools) {
  const ChatFormat format = detect_chat_format(source, *byte_tokenizer({}));
  const ToolList tools = tools_of(tool_text);
  const auto input =
      prompt_input(format, json::parse(messages).as_array(), tools, auto_choice(tools));
  if (!input) return {"", input.error().message()};
  const auto parsed = ChatTemplate::parse(source, "template");
  ChatTemplateOptions options;
  options.tools = input->tools;
  options.bos_token = "<s>";
  options.eos_token = "</s>";
  options.extra = {{"date_string", "26 Jul 2024"}};
  const auto text = parsed->render(input->messages, options);
  return text ? Rendered{*text, ""} : Rendered{"", text.error().message()};
}

// Each of `parts` stands in the text, in this order.
void expect_in_order(const Rendered& rendered, const std::vector<std::string>& parts) {
  EXPECT_EQ(rendered.error, "");
  std::size_t at = 0;
  for (const std::string& part : parts) {
    const std::size_t found = rendered.text.find(part, at);
    EXPECT_NE(found, std::string::npos) << part << "\nin\n" << rendered.text;
    if (found != std::string::npos) at = found + part.size();
  }
}

TEST(Prompt, Qwen) {
  for (const char* model : {"qwen2_5", "qwen3"}) {
    const std::string source = real_template(model);
    ASSERT_FALSE(source.empty()) << "run ./dev test";
    expect_in_order(
        render(source, kConversation),
        {"Be brief.",
         R"({"type": "function", "function": {"name": "get_weather", "description": "The \"weather\".")",
         R"({"type": "function", "function": {"name": "stop", "parameters": {)",
         "<|im_start|>user\nWeather in Jeju?<|im_end|>",
         "<|im_start|>assistant\n<tool_call>\n{\"name\": \"get_weather\", \"arguments\": "
         "{\"place\": \"Jeju\"}}\n</tool_call>\n<tool_call>\n{\"name\": \"stop\", \"arguments\": "
         "{}}\n"
         "</tool_call><|im_end|>",
         "<|im_start|>user\n<tool_response>\nsunny\n</tool_response>\n<tool_response>\nstopped\n"
         "</tool_response><|im_end|>",
         "It is sunny.", "Thanks<|im_end|>\n<|im_start|>assistant\n"});
  }
}

// One call a message is all that Llama's template takes: they are put one after the other.
TEST(Prompt, Llama) {
  const std::string source = real_template("llama3_2");
  ASSERT_FALSE(source.empty()) << "run ./dev test";
  expect_in_order(
      render(source, kConversation),
      {"Environment: ipython", "Be brief.<|eot_id|>", "\"name\": \"get_weather\"",
       "Weather in Jeju?<|eot_id|>",
       R"({"name": "get_weather", "parameters": {"place": "Jeju"}}<|eot_id|>)",
       "ipython<|end_header_id|>\n\n\"sunny\"<|eot_id|>",
       R"({"name": "stop", "parameters": {}}<|eot_id|>)", "\"stopped\"<|eot_id|>", "It is sunny.",
       "Thanks<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"});
}

TEST(Prompt, Mistral) {
  const std::string source = real_template("mistral_nemo");
  ASSERT_FALSE(source.empty()) << "run ./dev test";
  const Rendered rendered = render(source, kConversation);
  expect_in_order(rendered,
                  {"[INST]Weather in Jeju?[/INST]",
                   R"([TOOL_CALLS][{"name": "get_weather", "arguments": {"place": "Jeju"})",
                   R"({"name": "stop", "arguments": {}, "id": ")", "}]</s>",
                   R"([TOOL_RESULTS]{"content": sunny, "call_id": ")", "[AVAILABLE_TOOLS]",
                   "[INST]Be brief.\n\nThanks[/INST]"});
  // Ids become nine letters and digits, a call's and its result's the same.
  const std::size_t at = rendered.text.find("\"call_id\": \"") + 12;
  const std::string id = rendered.text.substr(at, 9);
  EXPECT_EQ(rendered.text[at + 9], '"');
  EXPECT_NE(rendered.text.find("\"id\": \"" + id + "\""), std::string::npos) << rendered.text;
}

TEST(Prompt, GemmaIsToldInTheFirstUserTurn) {
  const std::string source = real_template("gemma3");
  ASSERT_FALSE(source.empty()) << "run ./dev test";
  expect_in_order(
      render(source, kConversation),
      {"<s><start_of_turn>user\nBe brief.\n\nYou have access to functions.",
       R"({"name": function name, "parameters": dictionary of argument name and its value})",
       R"({"name":"get_weather","description":"The \"weather\".","parameters":)",
       "Weather in Jeju?<end_of_turn>",
       "<start_of_turn>model\n{\"name\": \"get_weather\", \"parameters\": {\"place\":\"Jeju\"}}\n"
       "{\"name\": \"stop\", \"parameters\": {}}<end_of_turn>",
       "<start_of_turn>user\n```tool_output\nsunny\n```\n```tool_output\nstopped\n```<end_of_turn>",
       "It is sunny.", "Thanks<end_of_turn>\n<start_of_turn>model\n"});
}

TEST(Prompt, OthersAreToldInTheSystemMessage) {
  const std::string source =
      "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}";
  expect_in_order(
      render(source, kConversation),
      {"<|im_start|>system\nBe brief.\n\nYou can call functions.", R"({"name":"get_weather")",
       R"({"name":"stop","parameters":{"type":"object","properties":{}}})", "<tool_call>",
       "<|im_start|>user\nWeather in Jeju?<|im_end|>",
       "<|im_start|>assistant\n<tool_call>\n{\"name\": \"get_weather\", \"arguments\": "
       "{\"place\":\"Jeju\"}}\n</tool_call>\n<tool_call>\n{\"name\": \"stop\", \"arguments\": {}}\n"
       "</tool_call><|im_end|>",
       "<|im_start|>user\n<tool_response>\nsunny\n</tool_response>\n<tool_response>\nstopped\n"
       "</tool_response><|im_end|>",
       "<|im_start|>user\nThanks<|im_end|>"});
  expect_in_order(render(source, R"([{"role": "user", "content": "Hi"}])"),
                  {"<|im_start|>system\nYou can call functions.", "<|im_start|>user\nHi"});
}

// Templates that want user and assistant in turns get results and question as one turn.
TEST(Prompt, ResultsAndAQuestionAreOneTurn) {
  const std::string source = real_template("gemma3");
  ASSERT_FALSE(source.empty()) << "run ./dev test";
  expect_in_order(render(source, R"([{"role": "user", "content": "a"},
          {"role": "assistant", "content": "b", "tool_calls": [{"id": "1", "type": "function",
           "function": {"name": "stop", "arguments": "{}"}}]},
          {"role": "tool", "tool_call_id": "1", "content": "c"},
          {"role": "user", "content": "d"}])"),
                  {"<start_of_turn>model\nb\n{\"name\": \"stop\", \"parameters\": {}}<end_of_turn>",
                   "<start_of_turn>user\n```tool_output\nc\n```\n\nd<end_of_turn>"});
}

TEST(Prompt, WithoutToolsMessagesStay) {
  const ChatFormat format = detect_chat_format("", *byte_tokenizer({}));
  const auto input = prompt_input(
      format,
      json::parse(R"([{"role": "developer", "content": "x"}, {"role": "user", "name": "Kim",
                    "content": [{"type": "image_url", "image_url": {"url": "u"}}]}])")
          .as_array(),
      {}, {});
  ASSERT_TRUE(input) << input.error().message();
  EXPECT_TRUE(input->tools.is_null());
  EXPECT_EQ(json::serialize(input->messages),
            R"([{"role":"system","content":"x"},{"role":"user","name":"Kim",)"
            R"("content":[{"type":"image_url","image_url":{"url":"u"}}]}])");
}

TEST(Prompt, ErrorsNameTheField) {
  const struct {
    const char* messages;
    const char* field;
  } cases[] = {
      {R"([5])", "messages[0].role"},
      {R"([{"role": "user", "tool_calls": 5}])", "messages[0].tool_calls"},
      {R"([{"role": "assistant", "tool_calls": [5]}])", "messages[0].tool_calls[0].function"},
      {R"([{"role": "assistant", "tool_calls": [{"function": {}}]}])",
       "messages[0].tool_calls[0].id"},
      {R"([{"role": "assistant", "tool_calls": [{"id": "1", "function": {}}]}])",
       "messages[0].tool_calls[0].function.name"},
      {R"([{"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f"}}]}])",
       "messages[0].tool_calls[0].function.arguments"},
      {R"([{"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f",
          "arguments": "[]"}}]}])",
       "messages[0].tool_calls[0].function.arguments"},
      {R"([{"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f",
          "arguments": "{\"a\": "}}]}])",
       "messages[0].tool_calls[0].function.arguments"},
      {R"([{"role": "tool", "content": "x"}])", "messages[0].tool_call_id"},
      {R"([{"role": "tool", "content": "x", "tool_call_id": "1"}])", "messages[0].tool_call_id"},
      {R"([{"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f",
          "arguments": "{}"}}]}, {"role": "tool", "tool_call_id": "1", "content": {}}])",
       "messages[1].content"},
  };
  const ChatFormat format = detect_chat_format("", *byte_tokenizer({}));
  for (const auto& one : cases) {
    const auto input = prompt_input(format, json::parse(one.messages).as_array(), {}, {});
    ASSERT_FALSE(input) << one.messages;
    EXPECT_EQ(input.error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(input.error().field, one.field) << input.error().message();
  }
}

}  // namespace
}  // namespace ondol::text
