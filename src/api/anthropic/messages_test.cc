// Anthropic's Messages over the fake model: what is read, what is refused and how, and that the
// answer is the chat completion's own.
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "api/anthropic/conversation.h"
#include "api/testing/api_setting.h"

namespace ondol::api::anthropic {
namespace {

namespace json = boost::json;

std::string body(const std::string& more, const std::string& messages = "hello there") {
  return R"({"model":"fake","messages":[{"role":"user","content":")" + messages + R"("}])" +
         (more.empty() ? "" : "," + more) + "}";
}

std::string text_of(const json::object& reply) {
  std::string out;
  for (const json::value& block : reply.at("content").as_array()) {
    EXPECT_EQ(block.at("type"), "text");
    out += std::string(block.at("text").as_string());
  }
  return out;
}

// The data of a stream's events; their names must be their types.
std::vector<json::object> events_of(const FakeExchange& exchange) {
  std::vector<json::object> out;
  std::string_view rest = exchange.response.body;
  while (!rest.empty()) {
    const std::string_view event = rest.substr(0, rest.find("\n\n"));
    const std::size_t line = event.find('\n');
    out.push_back(json::parse(event.substr(line + 7)).as_object());
    EXPECT_EQ(event.substr(0, line), "event: " + std::string(out.back().at("type").as_string()));
    rest.remove_prefix(event.size() + 2);
  }
  return out;
}

std::string error_of(const FakeExchange& exchange) {
  const json::object reply = exchange.json();
  EXPECT_EQ(reply.at("type"), "error");
  EXPECT_EQ(reply.size(), 2U);
  return std::string(reply.at("error").at("type").as_string()) + ": " +
         std::string(reply.at("error").at("message").as_string());
}

TEST(Anthropic, TheAnswerIsTheChatCompletions) {
  ApiSetting setting;
  const auto chat =
      setting.post("/v1/chat/completions", body(R"("max_tokens":20,"temperature":0)"));
  const json::object choice = chat->json().at("choices").as_array().at(0).as_object();
  const auto whole = setting.post("/v1/messages", body(R"("max_tokens":20,"temperature":0)"));
  ASSERT_EQ(whole->response.status, 200) << whole->response.body;
  const json::object reply = whole->json();
  EXPECT_EQ(text_of(reply), choice.at("message").at("content").as_string());
  const auto stream =
      setting.post("/v1/messages", body(R"("max_tokens":20,"temperature":0,"stream":true)"));
  std::string streamed;
  const auto events = events_of(*stream);
  for (const json::object& event : events) {
    if (event.at("type") == "content_block_delta") {
      streamed += std::string(event.at("delta").at("text").as_string());
    }
  }
  EXPECT_EQ(streamed, text_of(reply));
  EXPECT_EQ(events.front().at("type"), "message_start");
  EXPECT_EQ(events.back().at("type"), "message_stop");
  const json::object& delta = events[events.size() - 2];
  EXPECT_EQ(delta.at("delta").at("stop_reason"), reply.at("stop_reason"));
  EXPECT_EQ(delta.at("usage").at("output_tokens"), reply.at("usage").at("output_tokens"));
}

TEST(Anthropic, StopSequencesAndLimits) {
  ApiSetting setting;
  const std::string text =
      text_of(setting.post("/v1/messages", body(R"("max_tokens":20,"temperature":0)"))->json());
  ASSERT_GE(text.size(), 4U);
  const json::value stop = json::string(text.substr(2, 2));
  const auto stopped = setting.post(
      "/v1/messages",
      body(R"("max_tokens":20,"temperature":0,"stop_sequences":[)" + json::serialize(stop) + "]"));
  EXPECT_EQ(stopped->json().at("stop_reason"), "stop_sequence") << stopped->response.body;
  EXPECT_EQ(stopped->json().at("stop_sequence"), stop);
  EXPECT_TRUE(text.starts_with(text_of(stopped->json())));
  const auto cut = setting.post("/v1/messages", body(R"("max_tokens":2,"temperature":0)"));
  EXPECT_EQ(cut->json().at("stop_reason"), "max_tokens");
  EXPECT_EQ(cut->json().at("usage").at("output_tokens"), 2);
}

TEST(Anthropic, BadRequestsNameTheField) {
  ApiSetting setting;
  for (
      const auto& [more, field] : std::vector<std::pair<std::string, std::string>>{
          {"", "max_tokens"},
          {R"("max_tokens":0)", "max_tokens"},
          {R"("max_tokens":1,"temperature":1.5)", "temperature"},
          {R"("max_tokens":1,"top_k":-1)", "top_k"},
          {R"("max_tokens":1,"top_p":0)", "top_p"},
          {R"("max_tokens":1,"stop_sequences":[5])", "stop_sequences[0]"},
          {R"("max_tokens":1,"stop_sequences":[""])", "stop_sequences: "},
          {R"("max_tokens":1,"n":2)", "n is no parameter"},
          {R"("max_tokens":1,"system":5)", "system"},
          {R"("max_tokens":1,"system":[{"type":"image"}])", "system[0].type"},
          {R"("max_tokens":1,"metadata":{"x":1})", "metadata.x"},
          {R"("max_tokens":1,"service_tier":"gold")", "service_tier"},
          {R"("max_tokens":1,"thinking":{"type":"enabled"})", "thinking.budget_tokens"},
          {R"("max_tokens":1,"thinking":{"type":"enabled","budget_tokens":5})",
           "thinking.budget_tokens"},
          {R"("max_tokens":1,"thinking":{"type":"deep"})", "thinking.type"},
          {R"("max_tokens":1,"output_config":{"effort":"low"})", "output_config.effort"},
          {R"("max_tokens":1,"output_config":{"format":{"type":"text"}})",
           "output_config.format.type"},
          {R"("max_tokens":1,"tools":[{"name":"f"}])", "tools[0].input_schema"},
          {R"("max_tokens":1,"tools":[{"type":"web_search_20250305","name":"f","input_schema":{}}])",
           "tools[0].type"},
          {R"("max_tokens":1,"tools":[{"name":"a b","input_schema":{"type":"object"}}])",
           "tools[0].name"},
          {R"("max_tokens":1,"tools":[{"name":"f","input_schema":{"type":"nonsense"}}])",
           "tools[0].input_schema"},
          {R"("max_tokens":1,"output_config":{"format":{"type":"json_schema","schema":{"type":"no"}}})",
           "output_config.format.schema"},
          {R"("max_tokens":1,"thinking":{"type":"enabled","budget_tokens":1024})", "thinking"},
          {R"("max_tokens":1,"tool_choice":{"type":"tool"})", "tool_choice.name"},
          {R"("max_tokens":1,"tool_choice":{"type":"auto","x":1})", "tool_choice.x"},
          {R"("max_tokens":1,"mcp_servers":[])", "mcp_servers"}}) {
    const auto exchange = setting.post("/v1/messages", body(more));
    EXPECT_EQ(exchange->response.status, 400) << more << exchange->response.body;
    const std::string error = error_of(*exchange);
    EXPECT_TRUE(error.starts_with("invalid_request_error: ")) << error;
    EXPECT_NE(error.find(field), std::string::npos) << more << error;
  }
}

TEST(Anthropic, BadMessagesNameTheirPath) {
  ApiSetting setting;
  for (const auto& [messages, field] : std::vector<std::pair<std::string, std::string>>{
           {"null", "messages"},
           {"[]", "messages"},
           {R"([{"content":"a"}])", "messages[0].role"},
           {R"([{"role":"tool","content":"a"}])", "messages[0].role"},
           {R"([{"role":"user"}])", "messages[0].content"},
           {R"([{"role":"user","content":{}}])", "messages[0].content"},
           {R"([{"role":"user","content":["a"]}])", "messages[0].content[0]"},
           {R"([{"role":"user","content":[{"type":"text"}]}])", "messages[0].content[0].text"},
           {R"([{"role":"user","content":[{"type":"image","source":{}}]}])",
            "messages[0].content[0].type"},
           {R"([{"role":"user","content":[{"type":"text","text":"a","x":1}]}])",
            "messages[0].content[0].x"},
           {R"([{"role":"user","content":[{"type":"tool_result","tool_use_id":"t"}]}])",
            "messages[0].content[0].tool_use_id"},
           {R"([{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f"}]}])",
            "messages[0].content[0].input"},
           {R"([{"role":"user","content":"a"},{"role":"assistant","content":"b "}])", "messages"},
           {R"([{"role":"user","content":"a"},{"role":"assistant","content":"b","x":1}])",
            "messages[1].x"}}) {
    const auto exchange =
        setting.post("/v1/messages", R"({"max_tokens":1,"messages":)" + messages + "}");
    EXPECT_EQ(exchange->response.status, 400) << messages;
    EXPECT_NE(error_of(*exchange).find(field), std::string::npos)
        << messages << exchange->response.body;
  }
}

TEST(Anthropic, ConversationAsAChatTemplateTakesIt) {
  const json::object request = json::parse(R"({
    "system": [{"type": "text", "text": "Be", "cache_control": {"type": "ephemeral"}},
               {"type": "text", "text": "brief."}],
    "messages": [
      {"role": "user", "content": "one"},
      {"role": "user", "content": [{"type": "text", "text": "two"}]},
      {"role": "assistant", "content": [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "text", "text": "Let me see."},
        {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": [1]}},
        {"type": "tool_use", "id": "t2", "name": "g", "input": {}}]},
      {"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "t2", "content": [{"type": "text", "text": "no"}],
         "is_error": true},
        {"type": "tool_result", "tool_use_id": "t1", "content": "5"},
        {"type": "text", "text": "So?"}]},
      {"role": "assistant", "content": "five"}]})")
                                   .as_object();
  std::optional<Refusal> refusal;
  Fields fields(request, "", refusal);
  const json::array messages = read_conversation(fields);
  EXPECT_FALSE(refusal) << refusal->message;
  EXPECT_EQ(messages, json::parse(R"([
    {"role": "system", "content": "Be\nbrief."},
    {"role": "user", "content": "one\ntwo"},
    {"role": "assistant", "content": "Let me see.", "reasoning_content": "hm", "tool_calls": [
      {"id": "t1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":[1]}"}},
      {"id": "t2", "type": "function", "function": {"name": "g", "arguments": "{}"}}]},
    {"role": "tool", "tool_call_id": "t2", "content": "Error: no"},
    {"role": "tool", "tool_call_id": "t1", "content": "5"},
    {"role": "user", "content": "So?"},
    {"role": "assistant", "content": "five"}])"));
}

std::int64_t count(ApiSetting& setting, const std::string& request) {
  const auto exchange = setting.post("/v1/messages/count_tokens", request);
  EXPECT_EQ(exchange->response.status, 200) << exchange->response.body;
  return exchange->json().at("input_tokens").as_int64();
}

TEST(Anthropic, CountsAsTheAnswerDoes) {
  ApiSetting setting;
  const std::int64_t n = count(setting, body(""));
  EXPECT_EQ(setting.post("/v1/messages", body(R"("max_tokens":1)"))
                ->json()
                .at("usage")
                .at("input_tokens"),
            n);
  // What does not fit is counted, too.
  EXPECT_GT(count(setting, body("", std::string(400, 'a'))), 400);
  const auto refused = setting.post("/v1/messages/count_tokens", body(R"("max_tokens":1)"));
  EXPECT_EQ(refused->response.status, 400);
}

TEST(Anthropic, AnAnswerThatIsBegunGoesOn) {
  ApiSetting setting;
  const std::string begun =
      R"({"messages":[{"role":"user","content":"hello"},{"role":"assistant","content":"ab"}])";
  const std::int64_t n = count(setting, R"({"messages":[{"role":"user","content":"hello"}]})");
  EXPECT_EQ(count(setting, begun + "}"), n + 2);
  const auto goes_on = setting.post("/v1/messages", begun + R"(,"max_tokens":8,"temperature":0})");
  const auto by_text = setting.post(
      "/v1/completions",
      R"({"prompt":"user: hello\nassistant: ab","add_special_tokens":false,"max_tokens":8,"temperature":0})");
  EXPECT_EQ(text_of(goes_on->json()),
            by_text->json().at("choices").as_array().at(0).at("text").as_string());
}

TEST(Anthropic, PromptThatDoesNotFit) {
  ApiSetting setting;
  const auto exchange =
      setting.post("/v1/messages", body(R"("max_tokens":1)", std::string(400, 'a')));
  EXPECT_EQ(exchange->response.status, 400);
  const std::string error = error_of(*exchange);
  EXPECT_NE(error.find("messages: the context holds 256 tokens"), std::string::npos) << error;
}

TEST(Anthropic, WhatRoutesDoNotSeeIsRefusedInTheSameForm) {
  ApiOptions options;
  options.keys.emplace_back();
  options.keys.back().digest = digest_of("right-key");
  ApiSetting setting(options);
  const auto ask = [&](const std::string& method, const std::string& path, http::Headers headers) {
    http::Request request;
    request.method = method;
    request.path = path;
    request.headers = std::move(headers);
    request.body = "{";
    return setting.ask(std::make_shared<FakeExchange>(std::move(request)));
  };
  const http::Headers keyed = {{"Host", "localhost"}, {"x-api-key", "right-key"}};
  const auto no_key = ask("POST", "/v1/messages", {{"Host", "localhost"}});
  EXPECT_EQ(no_key->response.status, 401);
  EXPECT_TRUE(error_of(*no_key).starts_with("authentication_error: "));
  const auto host = ask("POST", "/v1/messages", {{"Host", "evil.example"}});
  EXPECT_EQ(host->response.status, 403);
  EXPECT_TRUE(error_of(*host).starts_with("permission_error: "));
  EXPECT_TRUE(error_of(*ask("GET", "/v1/messages", keyed)).starts_with("invalid_request_error: "));
  EXPECT_TRUE(error_of(*ask("GET", "/v1/messages/batches", keyed)).starts_with("not_found_error"));
  EXPECT_TRUE(error_of(*ask("POST", "/v1/messages", keyed)).starts_with("invalid_request_error: "));
  http::Headers old = keyed;
  old.emplace_back("anthropic-version", "2023-01-01");
  EXPECT_NE(error_of(*ask("POST", "/v1/messages", old)).find("2023-06-01 and 2026-10-21"),
            std::string::npos);
  ApiSetting busy;
  busy.source.error = Error{ErrorCode::kLimit, "/secret", "", "", "", ""};
  const auto refused = busy.post("/v1/messages", body(R"("max_tokens":1)"));
  EXPECT_EQ(refused->response.status, 503);
  EXPECT_TRUE(error_of(*refused).starts_with("overloaded_error: "));
  EXPECT_TRUE(http::find_header(refused->response.headers, "Retry-After"));
}

}  // namespace
}  // namespace ondol::api::anthropic
