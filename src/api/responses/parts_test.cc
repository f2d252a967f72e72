// What Responses are made of, each by itself: items as the messages of a chat, errors in
// the client's own words, and the items and events of an answer's pieces.
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "api/query.h"
#include "api/responses/items.h"
#include "api/responses/output.h"
#include "api/responses/request.h"

namespace ondol::api {
namespace {

namespace json = boost::json;
using Kind = text::OutputPiece::Kind;

TEST(ResponseItems, BecomeTheMessagesOfAChat) {
  const json::object request = json::parse(R"({"input":[
      {"role":"developer","content":"rules"},
      {"role":"user","content":[{"type":"input_text","text":"a"},{"type":"input_text","text":"b"}]},
      {"type":"reasoning","id":"rs_1","summary":[]},
      {"type":"message","id":"msg_1","role":"assistant","status":"completed",
       "content":[{"type":"output_text","text":"let me see","annotations":[]}]},
      {"type":"function_call","call_id":"c1","name":"f","arguments":"{}","id":"fc_1"},
      {"type":"function_call","call_id":"c2","name":"g","arguments":"{\"x\":1}"},
      {"type":"function_call_output","call_id":"c1","output":"one"},
      {"type":"function_call_output","call_id":"c2","output":[{"type":"input_text","text":"two"}]}]})")
                                   .as_object();
  std::optional<Refusal> refusal;
  Fields fields(request, "", refusal);
  const json::array items = read_input(fields);
  ASSERT_FALSE(refusal) << refusal->message;
  ASSERT_EQ(items.size(), 8U);
  for (const auto& item : items) EXPECT_FALSE(item.at("id").as_string().empty());
  ChatMessages chat;
  chat.append(items, "input", true);
  const json::value expected = json::parse(R"([
      {"role":"developer","content":"rules"},
      {"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},
      {"role":"assistant","content":"let me see","tool_calls":[
        {"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}},
        {"id":"c2","type":"function","function":{"name":"g","arguments":"{\"x\":1}"}}]},
      {"role":"tool","tool_call_id":"c1","content":"one"},
      {"role":"tool","tool_call_id":"c2","content":"two"}])");
  EXPECT_EQ(chat.messages, expected);
  EXPECT_EQ(chat.origins,
            (std::vector<std::string>{"input[0]", "input[1]", "input[3]", "input[6]", "input[7]"}));
}

TEST(ResponseWords, NameTheClientsOwnParameters) {
  const std::vector<std::string> origins = {"instructions", "previous_response_id", "input[4]"};
  for (const auto& [chats, own] : std::vector<std::pair<std::string, std::string>>{
           {"messages", "input"},
           {"messages[0].content", "instructions"},
           {"messages[1].content", "previous_response_id"},
           {"messages[2].content[1].text", "input[4].content[1].text"},
           {"messages[2].tool_calls[0].function.arguments", "input[4]"},
           {"messages[9]", "input"},
           {"tools[3].function.parameters", "tools[3].parameters"},
           {"tool_choice.function.name", "tool_choice.name"},
           {"response_format.json_schema.schema", "text.format.schema"},
           {"response_format.type", "text.format.type"},
           {"max_completion_tokens", "max_output_tokens"},
           {"reasoning_effort", "reasoning.effort"},
           {"temperature", "temperature"}}) {
    const Refusal told = in_response_words(bad_parameter(chats, chats + " is wrong"), origins);
    EXPECT_EQ(told.param, own);
    EXPECT_EQ(told.message, own + " is wrong");
  }
}

TEST(ResponseOutput, ReasoningWordsAndCallsAreItemsOfTheirOwn) {
  std::vector<std::string> types;
  std::string arguments;
  ResponseOutput output([&](std::string_view type, json::object fields) {
    types.emplace_back(type.substr(type.find('.') + 1));
    types.back() += " " + std::to_string(fields.at("output_index").to_number<int>());
    if (type == "response.function_call_arguments.delta" && fields.at("output_index") == 2) {
      arguments += std::string(fields.at("delta").as_string());
    }
  });
  output.add({{Kind::kReasoning, 0, "so "}, {Kind::kReasoning, 0, "then"}}, {});
  output.add({{Kind::kContent, 0, "I look"}}, {});
  output.add({{Kind::kCallStart, 0, "f"}, {Kind::kCallArguments, 0, "{\"x\":"}}, {});
  output.add({{Kind::kCallArguments, 0, "1}"}, {Kind::kCallStart, 1, "g"}}, {});
  output.add({{Kind::kCallArguments, 1, "{}"}}, {});
  output.finish("completed");
  const json::array& items = output.items();
  ASSERT_EQ(items.size(), 4U);
  EXPECT_EQ(items[0].at("content").at(0).at("text"), "so then");
  EXPECT_EQ(items[1].at("content").at(0).at("text"), "I look");
  EXPECT_EQ(items[2].at("name"), "f");
  EXPECT_EQ(items[2].at("arguments"), "{\"x\":1}");
  EXPECT_EQ(arguments, "{\"x\":1}");
  EXPECT_EQ(items[3].at("arguments"), "{}");
  EXPECT_NE(items[2].at("call_id"), items[3].at("call_id"));
  for (const auto& item : items) EXPECT_EQ(item.at("status"), "completed");
  EXPECT_EQ(types, (std::vector<std::string>{"output_item.added 0",
                                             "content_part.added 0",
                                             "reasoning_text.delta 0",
                                             "reasoning_text.delta 0",
                                             "reasoning_text.done 0",
                                             "content_part.done 0",
                                             "output_item.done 0",
                                             "output_item.added 1",
                                             "content_part.added 1",
                                             "output_text.delta 1",
                                             "output_text.done 1",
                                             "content_part.done 1",
                                             "output_item.done 1",
                                             "output_item.added 2",
                                             "function_call_arguments.delta 2",
                                             "function_call_arguments.delta 2",
                                             "function_call_arguments.done 2",
                                             "output_item.done 2",
                                             "output_item.added 3",
                                             "function_call_arguments.delta 3",
                                             "function_call_arguments.done 3",
                                             "output_item.done 3"}));
}

}  // namespace
}  // namespace ondol::api
