// Answers written by hand in each format, as the models' documents show them.
#include "text/tools/output_parser.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "text/tools/test_support.h"

namespace ondol::text {
namespace {

using testing::Answer;
using testing::parse_at_once;
using testing::parse_in_pieces;

constexpr ReasoningMarks kThink = {"<think>", "</think>"};
// Nested, with braces, quotes, marks and escapes in strings.
constexpr std::string_view kHard =
    R"({"a": {"b": [1, {"c": "}]{"}], "q": "say \"hi\" \\"}, "u": "\u00e9\uD83D\uDE00 한", )"
    R"("m": "</tool_call> [TOOL_CALLS] ``` <think>"})";

OutputParserOptions options_for(CallSyntax syntax) {
  OutputParserOptions options;
  options.format.syntax = syntax;
  options.functions = {"get_weather", "stop", "f-1"};
  return options;
}

OutputParserOptions reasoning(CallSyntax syntax = CallSyntax::kHermes) {
  OutputParserOptions options = options_for(syntax);
  options.format.reasoning = &kThink;
  return options;
}

// The one answer, and the same for every way to cut the text in two or into bytes.
void expect_answer(const OutputParserOptions& options, const std::string& text,
                   const Answer& expected) {
  EXPECT_EQ(parse_at_once(options, text), expected) << text;
  std::vector<std::size_t> bytes;
  for (std::size_t i = 1; i < text.size(); ++i) {
    EXPECT_EQ(parse_in_pieces(options, text, {i}), expected) << text << " cut at " << i;
    bytes.push_back(i);
  }
  EXPECT_EQ(parse_in_pieces(options, text, bytes), expected) << text << " byte by byte";
}

struct Case {
  std::string text;
  Answer answer;
};

void expect_all(const OutputParserOptions& options, const std::vector<Case>& cases) {
  for (const Case& one : cases) expect_answer(options, one.text, one.answer);
}

std::string hermes(std::string_view name, std::string_view arguments) {
  return "<tool_call>\n{\"name\": \"" + std::string(name) +
         "\", \"arguments\": " + std::string(arguments) + "}\n</tool_call>";
}

const std::string kArguments(kHard);

TEST(OutputParser, Hermes) {
  const std::string weather = hermes("get_weather", kArguments);
  expect_all(
      options_for(CallSyntax::kHermes),
      {{weather, {"", "", {{"get_weather", kArguments}}}},
       {"Let me look.\n" + weather, {"Let me look.", "", {{"get_weather", kArguments}}}},
       {weather + "\n" + hermes("stop", "{}"),
        {"", "", {{"get_weather", kArguments}, {"stop", "{}"}}}},
       {weather + " Done.", {"Done.", "", {{"get_weather", kArguments}}}},
       // No closing tag, no white space, another order, more members, arguments in a string.
       {R"(<tool_call>{"name":"stop","arguments":{}})", {"", "", {{"stop", "{}"}}}},
       {R"(<tool_call>{"arguments":{"x":1},"name":"stop","id":"7"}</tool_call>)",
        {"", "", {{"stop", R"({"x":1})"}}}},
       {R"(<tool_call>{"name": "stop"}</tool_call>)", {"", "", {{"stop", "{}"}}}},
       {R"(<tool_call>{"name": "stop", "arguments": "{\"x\": \"\\u00e9\"} "}</tool_call>)",
        {"", "", {{"stop", R"({"x": "\u00e9"})"}}}},
       {R"(<tool_call>[{"name": "stop", "arguments": {}}, {"name": "f-1", "arguments": {}}]</tool_call>)",
        {"", "", {{"stop", "{}"}, {"f-1", "{}"}}}},
       {R"(<tool_call>{"name": "stop", "arguments": {}}</tool_ca)", {"", "", {{"stop", "{}"}}}}});
}

TEST(OutputParser, WhatIsNoCallIsContentByteForByte) {
  const std::vector<std::string> texts = {
      "plain",
      "",
      " \n ",
      "a < b, a <tool b, <tool_call",
      "two  spaces \n and a tail \n",
      "<tool_call>",
      "x <tool_call> not JSON",
      "<tool_call>\n{\"name\": \"unknown\", \"arguments\": {}}\n</tool_call>",
      "<tool_call>\n{\"name\": \"stop\", \"arguments\": {\"a\": }}\n</tool_call>",
      "<tool_call>\n{\"name\": \"stop\", \"arguments\": [1]}\n</tool_call>",
      "<tool_call>\n{\"name\": \"stop\", \"arguments\": \"text\"}\n</tool_call>",
      "<tool_call>\n{\"name\": \"stop\", \"arguments\": null}\n</tool_call>",
      "<tool_call>\n{\"name\": \"stop\", \"name\": \"stop\"}\n</tool_call>",
      "<tool_call>\n{\"name\": \"stop\", \"arguments\": {}, \"parameters\": {}}",
      "<tool_call>\n{\"arguments\": {}}\n</tool_call>",
      "<tool_call>\n{\"name\": \"stop\", \"arguments\": {\"a\": \"cut",
      "<tool_call>\n{\"name\": \"stop\", \"arguments\": {}",
      "<tool_call><tool_call",
      "</tool_call>",
      "{\"name\": \"stop\", \"arguments\": {}}",
      "<think>nothing reasons here</think>",
  };
  for (const std::string& text : texts) {
    expect_answer(options_for(CallSyntax::kHermes), text, {text, "", {}});
  }
  OutputParserOptions no_tools = options_for(CallSyntax::kHermes);
  no_tools.functions.clear();
  expect_answer(no_tools, hermes("stop", "{}"), {hermes("stop", "{}"), "", {}});
}

TEST(OutputParser, GoodCallAfterABadOne) {
  const std::string bad = "<tool_call>\noh no ";
  expect_answer(options_for(CallSyntax::kHermes), bad + hermes("stop", "{}"),
                {"<tool_call>\noh no", "", {{"stop", "{}"}}});
  expect_answer(options_for(CallSyntax::kHermes), "<tool_call>" + hermes("stop", "{}"),
                {"<tool_call>", "", {{"stop", "{}"}}});
}

TEST(OutputParser, Llama) {
  const std::string call = R"({"name": "get_weather", "parameters": )" + kArguments + "}";
  const Answer once = {"", "", {{"get_weather", kArguments}}};
  expect_all(
      options_for(CallSyntax::kLlama),
      {{call, once},
       {" \n" + call, once},
       {"<|python_tag|>" + call, once},
       {"Look: <|python_tag|>" + call, {"Look:", "", once.calls}},
       {R"({"type": "function", "name": "stop", "parameters": {}})", {"", "", {{"stop", "{}"}}}},
       {call + R"(; {"name": "stop", "parameters": {}})",
        {"", "", {{"get_weather", kArguments}, {"stop", "{}"}}}},
       {call + "\n<|python_tag|>" + R"({"name": "stop", "parameters": {}})",
        {"", "", {{"get_weather", kArguments}, {"stop", "{}"}}}},
       // An object that only begins the answer, in the middle, and code of the built-in tools.
       {R"({"answer": 42})", {R"({"answer": 42})", "", {}}},
       {R"({"name": "Bob"})", {R"({"name": "Bob"})", "", {}}},
       {"Look: " + call, {"Look: " + call, "", {}}},
       {"<|python_tag|>print({})", {"<|python_tag|>print({})", "", {}}},
       {call + " and so on", {"and so on", "", once.calls}}});
}

TEST(OutputParser, MistralList) {
  const std::string call = R"({"name": "get_weather", "arguments": )" + kArguments + "}";
  const Answer once = {"", "", {{"get_weather", kArguments}}};
  expect_all(
      options_for(CallSyntax::kMistralList),
      {{"[TOOL_CALLS][" + call + "]", once},
       {"[TOOL_CALLS] [" + call + "]", once},
       {"Look. [TOOL_CALLS][" + call + R"(, {"name": "stop", "arguments": {}, "id": "abcdef123"}])",
        {"Look.", "", {{"get_weather", kArguments}, {"stop", "{}"}}}},
       {"[TOOL_CALLS]" + call, once},
       {"[TOOL_CALLS]stop[ARGS]{}", {"", "", {{"stop", "{}"}}}},
       {"[TOOL_CALLS] none", {"[TOOL_CALLS] none", "", {}}},
       {"[TOOL_CALLS][]", {"[TOOL_CALLS][]", "", {}}},
       {"[TOOL_CALLS][" + call + ", {\"name\": 5}]", {", {\"name\": 5}]", "", once.calls}}});
}

TEST(OutputParser, MistralNamed) {
  const Answer once = {"", "", {{"get_weather", kArguments}}};
  expect_all(options_for(CallSyntax::kMistralNamed),
             {{"[TOOL_CALLS]get_weather[ARGS]" + kArguments, once},
              {"[TOOL_CALLS]get_weather[CALL_ID]abcdef123[ARGS]" + kArguments, once},
              {"[TOOL_CALLS]get_weather" + kArguments, once},
              {"Hm.\n[TOOL_CALLS]get_weather[ARGS]" + kArguments + "[TOOL_CALLS]stop[ARGS]{}",
               {"Hm.", "", {{"get_weather", kArguments}, {"stop", "{}"}}}},
              {"[TOOL_CALLS]get_weather[ARG]{}", {"[TOOL_CALLS]get_weather[ARG]{}", "", {}}},
              {"[TOOL_CALLS]nobody[ARGS]{}", {"[TOOL_CALLS]nobody[ARGS]{}", "", {}}},
              {"[TOOL_CALLS]stop[ARGS][]", {"[TOOL_CALLS]stop[ARGS][]", "", {}}}});
}

TEST(OutputParser, Gemma) {
  const std::string call = R"({"name": "get_weather", "parameters": )" + kArguments + "}";
  const std::string stop = R"({"name": "stop", "parameters": {}})";
  const Answer once = {"", "", {{"get_weather", kArguments}}};
  const Answer twice = {"", "", {{"get_weather", kArguments}, {"stop", "{}"}}};
  expect_all(
      options_for(CallSyntax::kGemma),
      {{call, once},
       {call + "\n" + stop + "\n", twice},
       {"```json\n" + call + "\n```", once},
       {"```tool_code\n" + call + "\n```\n```tool_code\n" + stop + "\n```", twice},
       {"Sure:\n```tool_call\n[" + call + ",\n" + stop + "]\n```", {"Sure:", "", twice.calls}},
       {"[" + call + ", " + stop + "]", twice},
       {"```json\n{\"a\": 1}\n```", {"```json\n{\"a\": 1}\n```", "", {}}},
       {"```tool_code\nprint(1)\n```", {"```tool_code\nprint(1)\n```", "", {}}},
       {"```python\nx\n```", {"```python\nx\n```", "", {}}},
       {"[1, 2]", {"[1, 2]", "", {}}}});
}

TEST(OutputParser, Reasoning) {
  const std::string call = hermes("stop", "{}");
  expect_all(reasoning(),
             {{"<think>\nfour? <tool_call>\n</think>\n\n4", {"4", "four? <tool_call>", {}}},
              {"<think>\n\n</think>\n\nyes ", {"yes ", "", {}}},
              {"\n<think>a  b</think>" + call, {"", "a  b", {{"stop", "{}"}}}},
              {"<think>a</think>\nb\n" + call + "\n<think>c", {"b<think>c", "a", {{"stop", "{}"}}}},
              {"<think>never ends </thi", {"", "never ends </thi", {}}},
              {"<thin", {"<thin", "", {}}},
              {"no <think>here</think>", {"no <think>here</think>", "", {}}},
              {"<think>a</think><think>b</think>", {"<think>b</think>", "a", {}}}});
  OutputParserOptions opened = reasoning();
  opened.in_reasoning = true;
  expect_all(opened, {{"so\n</think>\n\nb", {"b", "so", {}}},
                      {"so </think>" + call, {"", "so", {{"stop", "{}"}}}},
                      {"</think>b", {"b", "", {}}},
                      {"", {"", "", {}}}});
  expect_answer(reasoning(CallSyntax::kLlama),
                R"(<think>x</think>
{"name": "stop", "parameters": {}})",
                {"", "x", {{"stop", "{}"}}});
}

// Under a grammar arguments are passed on as they come.
TEST(OutputParser, EnforcedCallsStream) {
  const struct {
    CallSyntax syntax;
    std::string before, after;
  } cases[] = {
      {CallSyntax::kHermes, "<tool_call>\n{\"name\": \"stop\", \"arguments\": ", "}\n</tool_call>"},
      {CallSyntax::kLlama, "{\"name\": \"stop\", \"parameters\": ", "}"},
      {CallSyntax::kLlama, "<|python_tag|>{\"name\": \"stop\", \"parameters\": ", "}"},
      {CallSyntax::kGemma, "{\"name\": \"stop\", \"parameters\": ", "}"},
      {CallSyntax::kGemma, "```json\n{\"name\": \"stop\", \"parameters\": ", "}\n```"},
      {CallSyntax::kMistralList, "[TOOL_CALLS][{\"name\": \"stop\", \"arguments\": ", "}]"},
      {CallSyntax::kMistralNamed, "[TOOL_CALLS]stop[ARGS]", ""},
  };
  for (const auto& one : cases) {
    OutputParserOptions options = options_for(one.syntax);
    const std::string text = one.before + kArguments + one.after;
    const Answer whole = {"", "", {{"stop", kArguments}}};
    options.enforced = true;
    expect_answer(options, text, whole);

    OutputParser parser(options);
    EXPECT_TRUE(parser.push(one.before).empty()) << text;
    const auto first = parser.push(kArguments.substr(0, 10));
    ASSERT_EQ(first.size(), 2U) << text;
    EXPECT_EQ(first[0].text, "stop");
    EXPECT_EQ(first[1].text, kArguments.substr(0, 10));
    // Cut short: the call stays as it is.
    EXPECT_TRUE(parser.finish().empty());
    EXPECT_EQ(parser.n_calls(), 1U);
  }
}

TEST(OutputParser, EnforcedTextIsNoCallUnlessWritten) {
  OutputParserOptions gemma = options_for(CallSyntax::kGemma);
  gemma.enforced = true;
  const std::string block = "So:\n```json\n{\"name\": \"stop\", \"parameters\": {}}\n```";
  expect_answer(gemma, block, {block, "", {}});
  // A broken promise: what was passed on stays, the rest is content.
  OutputParserOptions hermes_options = options_for(CallSyntax::kHermes);
  hermes_options.enforced = true;
  expect_answer(hermes_options, "<tool_call>\n{\"name\": \"stop\", \"arguments\": {\"a\"} x",
                {"} x", "", {{"stop", "{\"a\""}}});
}

TEST(OutputParser, CallsAreBounded) {
  OutputParserOptions options = options_for(CallSyntax::kHermes);
  std::string text = "<tool_call>{\"name\": \"stop\", \"arguments\": {\"a\": \"";
  text.append(kMaxCallBytes, 'x');
  OutputParser parser(options);
  Answer answer;
  answer.add(parser.push(text));
  EXPECT_EQ(answer.content, text);  // before the call has ended
  answer.add(parser.push("\"}}</tool_call>"));
  answer.add(parser.finish());
  EXPECT_EQ(answer.content, text + "\"}}</tool_call>");
}

// Random text made of what formats are made of, cut at random: always the same answer,
// and what is not a call or white space is not lost.
TEST(OutputParser, HowTextIsSplitChangesNothing) {
  const std::vector<std::string> words = {"<tool_call>",
                                          "</tool_call>",
                                          "\n",
                                          " ",
                                          "{\"name\": \"",
                                          "stop",
                                          "get_weather",
                                          "\", \"arguments\": ",
                                          "\", \"parameters\": ",
                                          kArguments,
                                          "{}",
                                          "}",
                                          "{",
                                          "[",
                                          "]",
                                          ",",
                                          ";",
                                          "[TOOL_CALLS]",
                                          "[ARGS]",
                                          "[CALL_ID]",
                                          "<|python_tag|>",
                                          "```json\n",
                                          "```",
                                          "```tool_code\n",
                                          "<think>",
                                          "</think>",
                                          "text",
                                          "é한",
                                          "<",
                                          "</",
                                          "\"",
                                          "\\",
                                          "[TOOL_",
                                          "<tool_c",
                                          "``"};
  std::mt19937 random(11);
  int n_with_calls = 0;
  for (int round = 0; round < 6000; ++round) {
    OutputParserOptions options = reasoning(static_cast<CallSyntax>(round % 5));
    options.enforced = random() % 3 == 0;
    options.in_reasoning = random() % 8 == 0;
    std::string text;
    for (unsigned n = random() % 24; n > 0; --n) {
      text += random() % 6 == 0 ? hermes("stop", "{}") : words[random() % words.size()];
    }
    const Answer whole = parse_at_once(options, text);
    n_with_calls += whole.calls.empty() ? 0 : 1;
    for (int cut = 0; cut < 4; ++cut) {
      std::vector<std::size_t> ends;
      for (std::size_t at = random() % 9; at < text.size(); at += random() % 9) ends.push_back(at);
      ASSERT_EQ(parse_in_pieces(options, text, ends), whole) << text;
    }
    for (const auto& [name, arguments] : whole.calls) {
      boost::system::error_code error;
      const auto value = boost::json::parse(arguments, error);
      ASSERT_TRUE(options.enforced || (!error && value.is_object())) << text << "\n" << arguments;
    }
  }
  EXPECT_GT(n_with_calls, 500);
}

}  // namespace
}  // namespace ondol::text
