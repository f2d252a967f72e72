// Ollama's API over the fake model: what is read, what is refused and how, and that the answers
// are those of this server's other routes.
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "api/ollama/messages.h"
#include "api/testing/api_setting.h"

namespace ondol::api::ollama {
namespace {

namespace json = boost::json;

std::string chat_body(const std::string& more) {
  return R"({"model":"fake","messages":[{"role":"user","content":"hello there"}])" +
         (more.empty() ? "" : "," + more) + "}";
}

std::string error_of(const FakeExchange& exchange) {
  const json::object reply = exchange.json();
  EXPECT_EQ(reply.size(), 1U);
  return std::string(reply.at("error").as_string());
}

std::vector<json::object> lines_of(const FakeExchange& exchange) {
  std::vector<json::object> out;
  std::string_view rest = exchange.response.body;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    out.push_back(json::parse(line).as_object());
    rest.remove_prefix(line.size() + 1);
  }
  return out;
}

TEST(Ollama, TheAnswerIsTheChatCompletions) {
  ApiSetting setting;
  const auto chat =
      setting.post("/v1/chat/completions", chat_body(R"("max_tokens":20,"temperature":0)"));
  const json::object choice = chat->json().at("choices").as_array().at(0).as_object();
  const std::string options = R"("options":{"num_predict":20,"temperature":0})";
  const auto whole = setting.post("/api/chat", chat_body(options + R"(,"stream":false)"));
  ASSERT_EQ(whole->response.status, 200) << whole->response.body;
  const json::object reply = whole->json();
  EXPECT_EQ(reply.at("message").at("content"), choice.at("message").at("content"));
  EXPECT_EQ(reply.at("done_reason"), choice.at("finish_reason"));
  EXPECT_EQ(reply.at("eval_count"), chat->json().at("usage").at("completion_tokens"));
  const auto stream = setting.post("/api/chat", chat_body(options));
  EXPECT_EQ(http::find_header(stream->response.headers, "Content-Type"), "application/x-ndjson");
  std::string streamed;
  const auto lines = lines_of(*stream);
  for (const json::object& line : lines) {
    streamed += std::string(line.at("message").at("content").as_string());
    EXPECT_EQ(line.at("done").as_bool(), &line == &lines.back());
  }
  EXPECT_EQ(streamed, reply.at("message").at("content").as_string());
  // Generate is the chat with one message.
  const auto generate = setting.post(
      "/api/generate",
      R"({"model":"fake:latest","prompt":"hello there","stream":false,)" + options + "}");
  ASSERT_EQ(generate->response.status, 200) << generate->response.body;
  EXPECT_EQ(generate->json().at("response"), reply.at("message").at("content"));
}

TEST(Ollama, RawPromptsAreCompletions) {
  ApiSetting setting;
  const auto completion =
      setting.post("/v1/completions", R"({"prompt":"abc","max_tokens":8,"temperature":0})");
  const auto raw =
      setting.post("/api/generate", R"({"model":"fake","prompt":"abc","raw":true,"stream":false,)"
                                    R"("options":{"num_predict":8,"temperature":0}})");
  ASSERT_EQ(raw->response.status, 200) << raw->response.body;
  EXPECT_EQ(raw->json().at("response"),
            completion->json().at("choices").as_array().at(0).at("text"));
  EXPECT_FALSE(raw->json().contains("context"));
}

TEST(Ollama, ContextGoesOnWithTheConversation) {
  ApiSetting setting;
  const std::string options = R"("stream":false,"options":{"num_predict":6,"temperature":0})";
  const auto first =
      setting.post("/api/generate", R"({"model":"fake","prompt":"hello",)" + options + "}")->json();
  const auto second =
      setting.post("/api/generate", R"({"model":"fake","prompt":"again","context":)" +
                                        json::serialize(first.at("context")) + "," + options + "}");
  ASSERT_EQ(second->response.status, 200) << second->response.body;
  // What was said, unchanged, and the template's text up to the next answer.
  const auto turn = setting.post(
      "/tokenize", R"({"prompt":"\nuser: again\nassistant: ","add_special_tokens":false})");
  json::array prompt = first.at("context").as_array();
  const json::value counted = turn->json();
  for (const json::value& token : counted.at("tokens").as_array()) prompt.push_back(token);
  EXPECT_EQ(second->json().at("prompt_eval_count"), std::ssize(prompt));
  json::array context = second->json().at("context").as_array();
  ASSERT_GE(context.size(), prompt.size());
  context.resize(prompt.size());
  EXPECT_EQ(context, prompt);
}

TEST(Ollama, BadRequestsNameTheField) {
  ApiSetting setting;
  for (const auto& [more, field] : std::vector<std::pair<std::string, std::string>>{
           {R"("options":{"temperature":-1})", "options.temperature"},
           {R"("options":{"top_p":0})", "options.top_p"},
           {R"("options":{"min_p":1})", "options.min_p"},
           {R"("options":{"num_predict":-3})", "options.num_predict"},
           {R"("options":{"num_predict":1.5})", "options.num_predict"},
           {R"("options":{"num_ctx":257})", "options.num_ctx"},
           {R"("options":{"num_ctx":0})", "options.num_ctx"},
           {R"("options":{"seed":9223372036854775808})", "options.seed"},
           {R"("options":{"stop":[""]})", "stop"},
           {R"("options":{"stop":5})", "options.stop"},
           {R"("options":{"mirostat":2})", "options.mirostat"},
           {R"("options":{"tfs_z":0.5})", "options.tfs_z"},
           {R"("options":{"vocab_only":true})", "options.vocab_only"},
           {R"("options":{"penalize_newline":false})", "options.penalize_newline"},
           {R"("options":{"num_thread":"all"})", "options.num_thread"},
           {R"("options":{"draft":1})", "options.draft"},
           {R"("options":5)", "options"},
           {R"("format":"xml")", "format"},
           {R"("format":5)", "format"},
           {R"("format":{"type":"nonsense"})", "format: "},
           {R"("tools":5)", "tools"},
           {R"("tools":[{"type":"function","function":{"name":"a b"}}])", "tools[0].function.name"},
           {R"("think":true)", "think"},
           {R"("think":"high")", "think"},
           {R"("think":5)", "think"},
           {R"("keep_alive":"soon")", "keep_alive"},
           {R"("keep_alive":true)", "keep_alive"},
           {R"("top_logprobs":2)", "top_logprobs"},
           {R"("stream":1)", "stream"},
           {R"("template":"x")", "template"},
           {R"("temperature":0)", "temperature"}}) {
    const auto exchange = setting.post("/api/chat", chat_body(more));
    EXPECT_EQ(exchange->response.status, 400) << more << exchange->response.body;
    EXPECT_NE(error_of(*exchange).find(field), std::string::npos)
        << more << exchange->response.body;
  }
  for (const auto& [more, field] :
       std::vector<std::pair<std::string, std::string>>{{R"("suffix":"x")", "suffix"},
                                                        {R"("template":"x")", "template"},
                                                        {R"("images":["aGk="])", "images"},
                                                        {R"("raw":true,"system":"x")", "raw"},
                                                        {R"("context":[1],"system":"x")", "system"},
                                                        {R"("context":[-1])", "context[0]"},
                                                        {R"("context":[97])", "prompt"},
                                                        {R"("width":5)", "width"}}) {
    const auto exchange =
        setting.post("/api/generate", R"({"model":"fake","prompt":"a",)" + more + "}");
    EXPECT_EQ(exchange->response.status, 400) << more << exchange->response.body;
    EXPECT_NE(error_of(*exchange).find(field), std::string::npos)
        << more << exchange->response.body;
  }
  EXPECT_NE(error_of(*setting.post("/api/chat", R"({"messages":[]})")).find("model"),
            std::string::npos);
  const auto unknown = setting.post("/api/chat", R"({"model":"x","messages":[]})");
  EXPECT_EQ(unknown->response.status, 404);
  EXPECT_NE(error_of(*unknown).find("'x'"), std::string::npos);
  const auto full = setting.post("/api/generate",
                                 R"({"model":"fake","prompt":")" + std::string(400, 'a') + R"("})");
  EXPECT_NE(error_of(*full).find("prompt: the context holds 256 tokens"), std::string::npos)
      << full->response.body;
}

TEST(Ollama, OptionsThatChangeNothingAreTaken) {
  ApiSetting setting;
  for (const std::string more :
       {R"("options":{"num_thread":4,"num_gpu":-1,"num_batch":512,"use_mmap":true,"num_keep":5})",
        R"("options":{"mirostat":0,"mirostat_tau":0.8,"tfs_z":1,"penalize_newline":true})",
        R"("options":{"num_ctx":256,"repeat_last_n":0,"repeat_penalty":1.2,"num_predict":2})",
        R"("options":{"stop":"ab","seed":-1,"top_k":0,"num_predict":2})", R"("options":{})",
        R"("keep_alive":"5m")", R"("keep_alive":-1)", R"("keep_alive":"1h30m")",
        R"("keep_alive":"-1s")", R"("keep_alive":0)", R"("keep_alive":"1.5h")", R"("format":"")",
        R"("think":false)"}) {
    const auto exchange = setting.post("/api/chat", chat_body(more + R"(,"stream":false)"));
    EXPECT_EQ(exchange->response.status, 200) << more << exchange->response.body;
  }
}

TEST(Ollama, EmptyRequestsLoadTheModel) {
  ApiSetting setting;
  const auto chat = setting.post("/api/chat", R"({"model":"fake"})");
  EXPECT_EQ(chat->json().at("done_reason"), "load") << chat->response.body;
  EXPECT_EQ(chat->json().at("done"), true);
  EXPECT_EQ(setting.post("/api/generate", R"({"model":"fake"})")->json().at("done_reason"), "load");
  for (const std::string path : {"/api/chat", "/api/generate"}) {
    for (const std::string zero : {"0", "\"0\"", "\"0s\""}) {
      const auto unload = setting.post(path, R"({"model":"fake","keep_alive":)" + zero + "}");
      EXPECT_EQ(unload->response.status, 400);
      EXPECT_NE(error_of(*unload).find("keep_alive"), std::string::npos);
    }
  }
}

TEST(Ollama, LogprobsAreTheChatCompletions) {
  ApiSetting setting;
  const auto chat =
      setting.post("/v1/chat/completions",
                   chat_body(R"("max_tokens":5,"temperature":0,"logprobs":true,"top_logprobs":2)"));
  const auto ollama = setting.post(
      "/api/chat", chat_body(R"("options":{"num_predict":5,"temperature":0},"logprobs":true,)"
                             R"("top_logprobs":2,"stream":false)"));
  EXPECT_EQ(ollama->json().at("logprobs"),
            chat->json().at("choices").as_array().at(0).at("logprobs").at("content"));
}

json::array messages_of(const std::string& text, std::optional<Refusal>& refusal) {
  const json::object request = {{"messages", json::parse(text)}};
  Fields fields(request, "", refusal);
  return read_messages(fields);
}

TEST(Ollama, MessagesAsAChatTemplateTakesThem) {
  std::optional<Refusal> refusal;
  const json::array messages = messages_of(R"([
      {"role": "system", "content": "Be brief."},
      {"role": "user", "content": "So?", "images": []},
      {"role": "assistant", "thinking": "hm", "tool_calls": [
        {"function": {"name": "f", "arguments": {"a": [1]}, "index": 0}},
        {"id": "own", "function": {"name": "f", "arguments": {}}},
        {"function": {"name": "g"}}]},
      {"role": "tool", "tool_name": "g", "content": "3"},
      {"role": "tool", "content": "1"},
      {"role": "tool", "tool_call_id": "own", "content": "2"}])",
                                           refusal);
  EXPECT_FALSE(refusal) << refusal->message;
  EXPECT_EQ(messages, json::parse(R"([
      {"role": "system", "content": "Be brief."},
      {"role": "user", "content": "So?"},
      {"role": "assistant", "content": "", "reasoning_content": "hm", "tool_calls": [
        {"id": "call_0", "type": "function",
         "function": {"name": "f", "arguments": "{\"a\":[1]}"}},
        {"id": "own", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        {"id": "call_2", "type": "function", "function": {"name": "g", "arguments": "{}"}}]},
      {"role": "tool", "content": "3", "tool_call_id": "call_2"},
      {"role": "tool", "content": "1", "tool_call_id": "call_0"},
      {"role": "tool", "content": "2", "tool_call_id": "own"}])"));
}

TEST(Ollama, BadMessagesNameTheirPath) {
  for (const auto& [messages, param] : std::vector<std::pair<std::string, std::string>>{
           {"{}", "messages"},
           {"[1]", "messages[0]"},
           {R"([{"content":"a"}])", "messages[0].role"},
           {R"([{"role":"developer","content":"a"}])", "messages[0].role"},
           {R"([{"role":"user","content":5}])", "messages[0].content"},
           {R"([{"role":"user","content":"a","images":["aGk="]}])", "messages[0].images"},
           {R"([{"role":"user","content":"a","x":1}])", "messages[0].x"},
           {R"([{"role":"user","tool_calls":[]}])", "messages[0].tool_calls"},
           {R"([{"role":"tool","content":"a"}])", "messages[0].tool_name"},
           {R"([{"role":"tool","tool_call_id":"x","content":"a"}])", "messages[0].tool_call_id"},
           {R"([{"role":"assistant","tool_calls":[{}]}])", "messages[0].tool_calls[0].function"},
           {R"([{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{}"}}]}])",
            "messages[0].tool_calls[0].function.arguments"}}) {
    std::optional<Refusal> refusal;
    messages_of(messages, refusal);
    ASSERT_TRUE(refusal) << messages;
    EXPECT_EQ(refusal->param, param) << messages << refusal->message;
  }
}

TEST(Ollama, CallsWithoutResultsAreBounded) {
  std::string messages = "[";
  for (int i = 0; i < 1025; ++i) {
    messages += R"({"role":"assistant","tool_calls":[{"function":{"name":"f"}}]},)";
  }
  messages.back() = ']';
  std::optional<Refusal> refusal;
  messages_of(messages, refusal);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->param, "messages[1024].tool_calls[0].function");
}

TEST(Ollama, EmbeddingsAreTheOpenAiWires) {
  ApiSetting setting;
  const auto openai = setting.post("/v1/embeddings", R"({"input":["abc","b"]})");
  const json::array data = openai->json().at("data").as_array();
  const auto embed = setting.post("/api/embed", R"({"model":"fake","input":["abc","b"]})");
  ASSERT_EQ(embed->response.status, 200) << embed->response.body;
  const json::array embeddings = embed->json().at("embeddings").as_array();
  ASSERT_EQ(embeddings.size(), 2U);
  EXPECT_EQ(embeddings[0], data[0].at("embedding"));
  EXPECT_EQ(embeddings[1], data[1].at("embedding"));
  EXPECT_EQ(setting.post("/api/embeddings", R"({"model":"fake","prompt":"abc","options":{}})")
                ->json()
                .at("embedding"),
            data[0].at("embedding"));
  const std::string text = "\"" + std::string(400, 'a') + "\"";
  const auto full = setting.post("/api/embed", R"({"model":"fake","input":)" + text + "}");
  EXPECT_NE(error_of(*full).find("input: the context holds 256"), std::string::npos);
  EXPECT_EQ(setting.post("/api/embed", R"({"model":"fake","truncate":true,"input":)" + text + "}")
                ->json()
                .at("prompt_eval_count"),
            255);
  EXPECT_NE(error_of(*setting.post("/api/embed", R"({"model":"fake","input":[]})")).find("input"),
            std::string::npos);
}

TEST(Ollama, WhatThereIs) {
  ApiOptions options;
  options.version = "1.2.3";
  ApiSetting setting(options);
  const json::object tag =
      setting.ask(get("/api/tags"))->json().at("models").as_array().at(0).as_object();
  EXPECT_EQ(tag.at("name"), "fake");
  EXPECT_EQ(tag.at("model"), "fake");
  EXPECT_EQ(tag.at("digest").as_string().size(), 64U);
  EXPECT_EQ(tag.at("modified_at"), "1970-01-01T00:00:00.000000000Z");
  EXPECT_EQ(setting.ask(get("/api/ps"))->json().at("models").as_array().at(0).at("context_length"),
            256);
  EXPECT_EQ(setting.ask(get("/api/version"))->json().at("version"), "1.2.3");
  const auto show = setting.post("/api/show", R"({"model":"fake:latest"})");
  ASSERT_EQ(show->response.status, 200) << show->response.body;
  EXPECT_TRUE(show->json().at("template").as_string().find("assistant:") != std::string::npos);
  EXPECT_EQ(setting.post("/api/show", R"({"name":"fake"})")->response.status, 200);
  EXPECT_EQ(setting.post("/api/show", R"({"model":"x"})")->response.status, 404);
  EXPECT_EQ(setting.post("/api/show", R"({"model":"fake","verbose":true})")->response.status, 400);
}

TEST(Ollama, ModelsAreTheOperators) {
  ApiSetting setting;
  for (const std::string path : {"/api/pull", "/api/push", "/api/create", "/api/copy"}) {
    const auto exchange = setting.post(path, R"({"model":"x"})");
    EXPECT_EQ(exchange->response.status, 400);
    EXPECT_NE(error_of(*exchange).find("ondol pull"), std::string::npos);
  }
  EXPECT_NE(error_of(*setting.ask(get("/api/nothing"))).find("nothing at this path"),
            std::string::npos);
}

}  // namespace
}  // namespace ondol::api::ollama
