// Ollama's replies, line for line, from the pieces that a model's answer is made of.
#include "api/ollama/reply.h"

#include <boost/json.hpp>

#include "api/testing/api_setting.h"

namespace ondol::api::ollama {
namespace {

namespace json = boost::json;
using Kind = text::OutputPiece::Kind;

AnswerHead head(Form form, bool stream) {
  auto model = std::make_shared<ServedModel>();
  model->card.id = "fake";
  AnswerHead out;
  out.form = form;
  out.model = std::move(model);
  out.stream = stream;
  out.started_at = out.loaded_at = std::chrono::steady_clock::now();
  return out;
}

// The reply without what differs from run to run: the time, and the total.
std::string timeless(std::string text) {
  const auto mask = [&](std::string_view name, char end) {
    for (std::size_t at = 0; (at = text.find(name, at)) != std::string::npos;) {
      at += name.size();
      text.replace(at, text.find(end, at) - at, "*");
    }
  };
  mask("\"created_at\":\"", '"');
  mask("\"total_duration\":", ',');
  return without_ids(text, "call_");
}

std::string reply_of(AnswerHead head, const std::vector<text::OutputPiece>& pieces,
                     std::string_view reason) {
  const auto exchange = post_json("/api/chat", "");
  const auto sink = make_answer(std::move(head), exchange);
  sink->begin();
  for (const text::OutputPiece& piece : pieces) sink->delta(0, {{piece}, {}});
  AnswerEnd end;
  end.reason = reason;
  end.timings.prefill_ms = 1.5;
  end.timings.decode_ms = 2;
  end.tokens = {7, 8};
  sink->answer_end(0, std::move(end));
  Usage usage;
  usage.n_prompt = 12;
  usage.n_completion = 2;
  sink->end(usage);
  EXPECT_EQ(exchange->response.status, 200);
  return timeless(exchange->response.body);
}

const std::vector<text::OutputPiece> kPieces = {
    {Kind::kReasoning, 0, "hm"},          {Kind::kContent, 0, "Hi"},
    {Kind::kContent, 0, " \"you\""},      {Kind::kCallStart, 0, "f"},
    {Kind::kCallArguments, 0, "{\"a\":"}, {Kind::kCallArguments, 0, " [1]}"},
    {Kind::kCallStart, 1, "g"},           {Kind::kCallArguments, 1, "{}"},
};

constexpr std::string_view kCounts =
    R"("total_duration":*,"load_duration":0,"prompt_eval_count":12,"prompt_eval_duration":1500000,)"
    R"("eval_count":2,"eval_duration":2000000})";

TEST(OllamaReply, ChatStreamExactly) {
  const std::string start = R"({"model":"fake","created_at":"*","message":{"role":"assistant",)";
  EXPECT_EQ(
      reply_of(head(Form::kChat, true), kPieces, "tool_calls"),
      start + R"("content":"","thinking":"hm"},"done":false})" + "\n" + start +
          R"("content":"Hi"},"done":false})" + "\n" + start +
          R"("content":" \"you\""},"done":false})" + "\n" + start +
          R"("content":"","tool_calls":[{"id":"call_*","function":{"name":"f","arguments":{"a":[1]}}}]},"done":false})" +
          "\n" + start +
          R"("content":"","tool_calls":[{"id":"call_*","function":{"name":"g","arguments":{}}}]},"done":false})" +
          "\n" + start + R"("content":""},"done":true,"done_reason":"stop",)" +
          std::string(kCounts) + "\n");
}

TEST(OllamaReply, WholeChatExactly) {
  EXPECT_EQ(
      reply_of(head(Form::kChat, false), kPieces, "tool_calls"),
      R"({"model":"fake","created_at":"*","message":{"role":"assistant","content":"Hi \"you\"",)"
      R"("thinking":"hm","tool_calls":[{"id":"call_*","function":{"name":"f","arguments":{"a":[1]}}},)"
      R"({"id":"call_*","function":{"name":"g","arguments":{}}}]},"done":true,"done_reason":"stop",)" +
          std::string(kCounts));
}

TEST(OllamaReply, GenerateExactly) {
  AnswerHead whole = head(Form::kGenerate, false);
  whole.context = {5, 6};
  const std::vector<text::OutputPiece> pieces = {{Kind::kReasoning, 0, "hm"},
                                                 {Kind::kContent, 0, "Hi"}};
  EXPECT_EQ(reply_of(whole, pieces, "length"),
            R"({"model":"fake","created_at":"*","response":"Hi","thinking":"hm","done":true,)"
            R"("done_reason":"length","context":[5,6,7,8],)" +
                std::string(kCounts));
  EXPECT_EQ(reply_of(head(Form::kGenerate, true), pieces, "stop"),
            R"({"model":"fake","created_at":"*","response":"","thinking":"hm","done":false})"
            "\n"
            R"({"model":"fake","created_at":"*","response":"Hi","done":false})"
            "\n"
            R"({"model":"fake","created_at":"*","response":"","done":true,"done_reason":"stop",)" +
                std::string(kCounts) + "\n");
}

TEST(OllamaReply, ACallThatWasCutIsNotTold) {
  const std::string reply = reply_of(head(Form::kChat, false),
                                     {{Kind::kContent, 0, "so"},
                                      {Kind::kCallStart, 0, "f"},
                                      {Kind::kCallArguments, 0, "{\"a\": "}},
                                     "length");
  EXPECT_EQ(reply.find("tool_calls"), std::string::npos) << reply;
}

TEST(OllamaReply, ErrorsBeforeAndWithinAStream) {
  const Refusal refusal = unavailable("too many", "overloaded", 1);
  const auto early = post_json("/api/chat", "");
  make_answer(head(Form::kChat, true), early)->fail(refusal);
  EXPECT_EQ(early->response.status, 503);
  EXPECT_EQ(early->response.body, R"({"error":"too many"})");
  const auto late = post_json("/api/chat", "");
  const auto sink = make_answer(head(Form::kChat, true), late);
  sink->begin();
  sink->fail(refusal);
  EXPECT_TRUE(late->is_ended);
  EXPECT_EQ(late->response.body, "{\"error\":\"too many\"}\n");
}

TEST(OllamaReply, Timestamps) {
  using namespace std::chrono;
  EXPECT_EQ(timestamp(sys_days(year{2026} / 11 / 26) + hours(15) + nanoseconds(5)),
            "2026-11-26T15:00:00.000000005Z");
  EXPECT_EQ(timestamp(sys_days(year{1969} / 12 / 31)), "1969-12-31T00:00:00.000000000Z");
}

}  // namespace
}  // namespace ondol::api::ollama
