// Chat completions over an exchange in memory and the fake model: what streams say,
// what whole replies say, and what becomes of callers that are slow, gone or too many.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <mutex>

#include "api/api.h"
#include "api/testing/api_setting.h"
#include "api/testing/fake_exchange.h"
#include "api/testing/fake_source.h"
#include "base/utf8.h"

namespace ondol::api {
namespace {

namespace json = boost::json;

struct Setting {
  explicit Setting(const engine::EngineOptions& options = small_engine(),
                   std::function<void()> before_forward = {})
      : source(fake_served_model(options, std::move(before_forward))), api(source, {}) {}

  std::shared_ptr<FakeExchange> ask(const std::string& path, const std::string& body) {
    auto exchange = post_json(path, body);
    api.handle(exchange);
    EXPECT_TRUE(exchange->run_to_end()) << body;
    return exchange;
  }
  engine::EngineStats stats() { return source.loaded().front()->engine->stats(); }
  /// Nothing runs or waits any more.
  bool becomes_idle() {
    for (int i = 0; i < 1000; ++i) {
      if (stats().n_running == 0 && stats().n_waiting == 0) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  }

  FakeSource source;
  Api api;
};

std::string chat_body(const std::string& more) {
  return R"({"model":"fake","messages":[{"role":"user","content":"hello there"}])" +
         (more.empty() ? "" : "," + more) + "}";
}

const json::object& choice(const json::object& reply, std::size_t index = 0) {
  return reply.at("choices").as_array().at(index).as_object();
}

// Tokens of the fake vocabulary that are no text.
bool is_special(const std::string& token) { return token.size() > 1 && token.front() == '<'; }

// Makes an answer last a second, so that something can happen to it.
void take_time() { std::this_thread::sleep_for(std::chrono::milliseconds(4)); }

// A stream's text, its finish reason and its number of chunks; checks its form.
struct Streamed {
  std::string text;
  std::string reason;
  json::array logprobs;
  std::optional<json::object> usage;
};

Streamed read_chat_stream(const FakeExchange& exchange, std::int64_t index = 0) {
  Streamed out;
  EXPECT_EQ(exchange.response.status, 200);
  const auto events = exchange.events();
  EXPECT_EQ(events.back(), "[DONE]");
  std::string id;
  for (std::size_t i = 0; i + 1 < events.size(); ++i) {
    const json::object chunk = json::parse(events[i]).as_object();
    EXPECT_EQ(chunk.at("object"), "chat.completion.chunk");
    if (id.empty()) id = std::string(chunk.at("id").as_string());
    EXPECT_EQ(chunk.at("id").as_string(), id);
    if (chunk.at("choices").as_array().empty()) {
      out.usage = chunk.at("usage").as_object();
      continue;
    }
    const json::object& c = choice(chunk);
    if (c.at("index") != index) continue;
    const json::object& delta = c.at("delta").as_object();
    if (const auto* content = delta.if_contains("content")) {
      EXPECT_TRUE(is_valid_utf8(content->as_string()));
      out.text += std::string(content->as_string());
    }
    if (c.at("logprobs").is_object()) {
      for (const auto& item : c.at("logprobs").at("content").as_array()) {
        out.logprobs.push_back(item);
      }
    }
    EXPECT_TRUE(out.reason.empty()) << "a chunk after the finish";
    if (c.at("finish_reason").is_string()) out.reason = c.at("finish_reason").as_string();
  }
  return out;
}

TEST(Chat, WholeReply) {
  Setting setting;
  const auto exchange =
      setting.ask("/v1/chat/completions", chat_body("\"max_tokens\":5,\"seed\":3"));
  ASSERT_EQ(exchange->response.status, 200) << exchange->response.body;
  const json::object reply = exchange->json();
  EXPECT_EQ(reply.at("object"), "chat.completion");
  EXPECT_EQ(reply.at("model"), "fake");
  const json::object& c = choice(reply);
  EXPECT_EQ(c.at("message").at("role"), "assistant");
  EXPECT_TRUE(c.at("message").at("content").is_string());
  EXPECT_TRUE(c.at("logprobs").is_null());
  const json::object& usage = reply.at("usage").as_object();
  EXPECT_EQ(usage.at("total_tokens").as_int64(),
            usage.at("prompt_tokens").as_int64() + usage.at("completion_tokens").as_int64());
  EXPECT_LE(usage.at("completion_tokens").as_int64(), 5);
  const json::object& timings = reply.at("timings").as_object();
  EXPECT_GE(timings.at("prefill_ms").to_number<double>(), 0);
  EXPECT_EQ(timings.at("n_draft"), 0);  // this engine does not speculate
  EXPECT_EQ(timings.at("n_draft_accepted"), 0);
}

TEST(Chat, StreamConcatenatesToTheWholeReply) {
  Setting setting;
  for (int seed = 0; seed < 20; ++seed) {
    const std::string more =
        "\"max_tokens\":30,\"logprobs\":true,\"top_logprobs\":2,\"stop\":[\"ab\",\"q\"],"
        "\"seed\":" +
        std::to_string(seed);
    const auto whole = setting.ask("/v1/chat/completions", chat_body(more));
    const auto stream =
        setting.ask("/v1/chat/completions",
                    chat_body(more + R"(,"stream":true,"stream_options":{"include_usage":true})"));
    const json::object reply = whole->json();
    const Streamed streamed = read_chat_stream(*stream);
    EXPECT_EQ(streamed.text, choice(reply).at("message").at("content").as_string());
    EXPECT_EQ(streamed.reason, choice(reply).at("finish_reason").as_string());
    EXPECT_EQ(streamed.logprobs, choice(reply).at("logprobs").at("content").as_array());
    ASSERT_TRUE(streamed.usage.has_value());
    EXPECT_EQ(streamed.usage->at("completion_tokens"), reply.at("usage").at("completion_tokens"));
    // The tokens told of spell the text.
    std::string spelled;
    for (const auto& item : streamed.logprobs) {
      const std::string token(item.at("token").as_string());
      if (!is_special(token)) spelled += token;
    }
    EXPECT_TRUE(spelled.starts_with(streamed.text)) << spelled << " / " << streamed.text;
    EXPECT_EQ(streamed.text.find("ab"), std::string::npos);
    EXPECT_EQ(streamed.text.find('q'), std::string::npos);
  }
}

TEST(Chat, SeveralAnswersAreThoseOfTheirSeeds) {
  Setting setting;
  const auto many =
      setting.ask("/v1/chat/completions", chat_body("\"max_tokens\":12,\"seed\":5,\"n\":4"));
  const json::object reply = many->json();
  ASSERT_EQ(reply.at("choices").as_array().size(), 4U);
  const auto stream = setting.ask(
      "/v1/chat/completions", chat_body("\"max_tokens\":12,\"seed\":5,\"n\":4,\"stream\":true"));
  for (std::int64_t i = 0; i < 4; ++i) {
    const auto one = setting.ask("/v1/chat/completions",
                                 chat_body("\"max_tokens\":12,\"seed\":" + std::to_string(5 + i)));
    const json::object alone = one->json();
    const auto& content = choice(alone).at("message").at("content").as_string();
    EXPECT_EQ(choice(reply, static_cast<std::size_t>(i)).at("message").at("content").as_string(),
              content);
    EXPECT_EQ(read_chat_stream(*stream, i).text, content);
  }
  // More than the engine runs together, and than it lets wait.
  const auto most =
      setting.ask("/v1/chat/completions", chat_body("\"max_tokens\":1,\"seed\":5,\"n\":128"));
  EXPECT_EQ(most->response.status, 200) << most->response.body;
  EXPECT_EQ(most->json().at("choices").as_array().size(), 128U);
}

TEST(Chat, BadRequestsNameTheField) {
  Setting setting;
  for (const auto& [more, param] : std::vector<std::pair<std::string, std::string>>{
           {"\"temperature\":3", "temperature"},
           {"\"top_p\":0", "top_p"},
           {"\"n\":0", "n"},
           {"\"n\":129", "n"},
           {"\"max_tokens\":0", "max_tokens"},
           {"\"max_completion_tokens\":-1", "max_completion_tokens"},
           {"\"max_completion_tokens\":1,\"max_tokens\":2", "max_tokens"},
           {"\"seed\":9223372036854775808", "seed"},
           {"\"logit_bias\":{\"a\":1}", "logit_bias"},
           {"\"logit_bias\":{\"5\":101}", "logit_bias.5"},
           {"\"logit_bias\":{\"97\":1}", "logit_bias"},
           {"\"stop\":[\"\"]", "stop"},
           {"\"top_logprobs\":2", "top_logprobs"},
           {"\"logprobs\":true,\"top_logprobs\":21", "top_logprobs"},
           {"\"stream_options\":{\"include_usage\":true}", "stream_options"},
           {"\"stream\":true,\"stream_options\":{\"x\":true}", "stream_options.x"},
           {"\"tools\":5", "tools"},
           {"\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a b\"}}]",
            "tools[0].function.name"},
           {"\"tool_choice\":\"required\"", "tool_choice"},
           {"\"functions\":[]", "functions"},
           {"\"response_format\":{\"type\":\"xml\"}", "response_format.type"},
           {"\"store\":true", "store"},
           {"\"audio\":{}", "audio"},
           {"\"best\":1", "best"},
           {"\"stop_token_ids\":[97]", "stop_tokens"}}) {
    const auto exchange = setting.ask("/v1/chat/completions", chat_body(more));
    EXPECT_EQ(exchange->response.status, 400) << more << exchange->response.body;
    EXPECT_EQ(param_of(*exchange), param) << more << exchange->response.body;
  }
}

TEST(Chat, BadMessagesNameTheirPath) {
  Setting setting;
  for (const auto& [messages, param] : std::vector<std::pair<std::string, std::string>>{
           {"null", "messages"},
           {"[]", "messages"},
           {"{}", "messages"},
           {"[1]", "messages[0]"},
           {R"([{"content":"a"}])", "messages[0].role"},
           {R"([{"role":"king","content":"a"}])", "messages[0].role"},
           {R"([{"role":"user"}])", "messages[0].content"},
           {R"([{"role":"user","content":5}])", "messages[0].content"},
           {R"([{"role":"user","content":"a"},{"role":"user","content":[{"type":"text"}]}])",
            "messages[1].content[0].text"},
           {R"([{"role":"user","content":[{"type":"image_url","image_url":{}}]}])",
            "messages[0].content[0].type"},
           {R"([{"role":"tool","content":"a"}])", "messages[0].tool_call_id"},
           {R"([{"role":"user","content":"a","tool_calls":[]}])", "messages[0].tool_calls"},
           {R"([{"role":"assistant","tool_calls":[{"id":"c","type":"function",)"
            R"("function":{"name":"f","arguments":"{"}}]}])",
            "messages[0].tool_calls[0].function.arguments"},
           {R"([{"role":"user","content":"a","x":1}])", "messages[0].x"}}) {
    const auto exchange = setting.ask("/v1/chat/completions", "{\"messages\":" + messages + "}");
    EXPECT_EQ(exchange->response.status, 400) << messages;
    EXPECT_EQ(param_of(*exchange), param) << messages << exchange->response.body;
  }
  // Parts are lines.
  const auto parts = setting.ask(
      "/tokenize",
      R"({"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}]})");
  const auto lines = setting.ask("/tokenize", R"({"messages":[{"role":"user","content":"a\nb"}]})");
  EXPECT_EQ(parts->json().at("tokens"), lines->json().at("tokens"));
}

TEST(Chat, PromptThatDoesNotFitIsToldBothCounts) {
  Setting setting;
  const std::string text(400, 'a');
  const auto exchange = setting.ask(
      "/v1/chat/completions", R"({"messages":[{"role":"user","content":")" + text + R"("}]})");
  EXPECT_EQ(exchange->response.status, 400);
  const json::object error = exchange->json().at("error").as_object();
  EXPECT_EQ(error.at("code"), "context_length_exceeded");
  EXPECT_EQ(error.at("param"), "messages");
  const std::string message(error.at("message").as_string());
  EXPECT_NE(message.find("256"), std::string::npos) << message;
  EXPECT_NE(message.find('4'), std::string::npos) << message;
}

// Holds the engine before each step until it is let go.
class Brake {
 public:
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return is_off_; });
  }
  void let_go() {
    const std::lock_guard lock(mutex_);
    is_off_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_off_ = false;
};

TEST(Chat, TooManyRequestsAreRefusedAtOnce) {
  Brake brake;
  engine::EngineOptions options = small_engine();
  options.max_sequences = 2;
  options.max_waiting = 2;
  Setting setting(options, [&] { brake.wait(); });
  std::vector<std::shared_ptr<FakeExchange>> taken;
  for (int i = 0; i < 4; ++i) {
    taken.push_back(post_json("/v1/chat/completions", chat_body("\"max_tokens\":2,\"seed\":1")));
    setting.api.handle(taken.back());
    taken.back()->run_ready();
  }
  const auto refused = setting.ask("/v1/chat/completions", chat_body("\"max_tokens\":2"));
  EXPECT_EQ(refused->response.status, 503);
  EXPECT_TRUE(http::find_header(refused->response.headers, "Retry-After"));
  brake.let_go();
  for (const auto& exchange : taken) {
    EXPECT_TRUE(exchange->run_to_end());
    EXPECT_EQ(exchange->response.status, 200);
  }
}

TEST(Chat, AGoneClientFreesItsPlace) {
  Setting setting(small_engine(), &take_time);
  const auto exchange =
      post_json("/v1/chat/completions", chat_body("\"ignore_eos\":true,\"stream\":true,"
                                                  "\"logit_bias\":{\"13\":-100},\"seed\":1"));
  setting.api.handle(exchange);
  ASSERT_TRUE(exchange->run_until([&] { return exchange->events().size() > 2; }));
  exchange->gone();
  exchange->gone = nullptr;
  EXPECT_TRUE(setting.becomes_idle());
  exchange->run_ready();
  EXPECT_FALSE(exchange->is_ended);
}

TEST(Chat, ASlowReaderIsWaitedFor) {
  engine::EngineOptions options = small_engine();
  options.max_context = 1024;
  options.kv_tokens = 2048;
  Setting setting(options);
  const auto exchange = post_json(
      "/v1/chat/completions",
      chat_body("\"ignore_eos\":true,\"stream\":true,\"logit_bias\":{\"13\":-100},\"seed\":1"));
  exchange->is_slow = true;
  setting.api.handle(exchange);
  ASSERT_TRUE(exchange->run_until([&] { return exchange->n_queued > 64 * 1024; }));
  exchange->run_ready();
  const std::size_t n_then = exchange->response.body.size();
  EXPECT_LT(n_then, 80 * 1024U);
  exchange->run_ready();
  EXPECT_EQ(exchange->response.body.size(), n_then);
  exchange->n_queued = 0;
  exchange->is_slow = false;
  exchange->writable();
  ASSERT_TRUE(exchange->run_to_end());
  EXPECT_EQ(read_chat_stream(*exchange).reason, "length");
}

TEST(Chat, AServerThatStopsSaysSo) {
  Setting setting(small_engine(), &take_time);
  const auto exchange =
      post_json("/v1/chat/completions", chat_body("\"ignore_eos\":true,\"stream\":true,"
                                                  "\"logit_bias\":{\"13\":-100},\"seed\":1"));
  setting.api.handle(exchange);
  ASSERT_TRUE(exchange->run_until([&] { return exchange->events().size() > 2; }));
  setting.api.end_generations();
  ASSERT_TRUE(exchange->run_to_end());
  const auto events = exchange->events();
  EXPECT_EQ(events.back(), "[DONE]");
  EXPECT_EQ(json::parse(events[events.size() - 2]).at("error").at("code"), "shutting_down");
  EXPECT_TRUE(setting.becomes_idle());
}

TEST(Chat, AnEngineErrorEndsTheStreamWithAnEvent) {
  Setting setting;
  // After its end token the fake model answers NaN.
  const std::string more = "\"ignore_eos\":true,\"logit_bias\":{\"13\":100},\"temperature\":0";
  const auto stream = setting.ask("/v1/chat/completions", chat_body(more + ",\"stream\":true"));
  const auto events = stream->events();
  EXPECT_EQ(events.back(), "[DONE]");
  EXPECT_TRUE(json::parse(events[events.size() - 2]).as_object().contains("error"));
  EXPECT_GE(setting.ask("/v1/chat/completions", chat_body(more))->response.status, 500);
}

}  // namespace
}  // namespace ondol::api
