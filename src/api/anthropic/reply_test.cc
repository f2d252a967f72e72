// Anthropic's replies, byte for byte, from the pieces that a model's answer is made of.
#include "api/anthropic/reply.h"

#include <boost/json.hpp>

#include "api/testing/api_setting.h"

namespace ondol::api::anthropic {
namespace {

namespace json = boost::json;
using Kind = text::OutputPiece::Kind;

MessageHead head(bool stream) {
  MessageHead out;
  out.model = "fake";
  out.stops = {"END"};
  out.max_tokens = 50;
  out.n_prompt = 12;
  out.stream = stream;
  return out;
}

const std::vector<text::OutputPiece> kPieces = {
    {Kind::kReasoning, 0, "hm"},        {Kind::kReasoning, 0, "."},
    {Kind::kContent, 0, "Hi"},          {Kind::kContent, 0, " \"you\""},
    {Kind::kCallStart, 0, "f"},         {Kind::kCallArguments, 0, "{\"a\":"},
    {Kind::kCallArguments, 0, " [1]}"}, {Kind::kCallStart, 1, "g"},
    {Kind::kCallArguments, 1, "{}"},
};

Usage usage() {
  Usage out;
  out.n_prompt = 12;
  out.n_cached = 4;
  out.n_completion = 7;
  return out;
}

// The reply to an answer of these pieces, each in a delta of its own.
std::string reply_of(bool stream, const std::vector<text::OutputPiece>& pieces,
                     const AnswerEnd& end) {
  const auto exchange = post_json("/v1/messages", "");
  const auto sink = make_answer(head(stream), exchange);
  sink->begin();
  for (const text::OutputPiece& piece : pieces) sink->delta(0, {{piece}, {}});
  sink->answer_end(0, end);
  sink->end(usage());
  EXPECT_EQ(exchange->response.status, 200);
  return without_ids(without_ids(exchange->response.body, "msg_"), "toolu_");
}

AnswerEnd end_of(std::string_view reason) {
  AnswerEnd out;
  out.reason = reason;
  return out;
}

TEST(AnthropicReply, StreamExactly) {
  EXPECT_EQ(reply_of(true, kPieces, end_of("tool_calls")),
            R"(event: message_start
data: {"type":"message_start","message":{"id":"msg_*","type":"message","role":"assistant","model":"fake","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":12,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}}}

event: ping
data: {"type":"ping"}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"."}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: content_block_start
data: {"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hi"}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":" \"you\""}}

event: content_block_stop
data: {"type":"content_block_stop","index":1}

event: content_block_start
data: {"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"toolu_*","name":"f","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"a\":"}}

event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":" [1]}"}}

event: content_block_stop
data: {"type":"content_block_stop","index":2}

event: content_block_start
data: {"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"toolu_*","name":"g","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"{}"}}

event: content_block_stop
data: {"type":"content_block_stop","index":3}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"input_tokens":8,"cache_creation_input_tokens":0,"cache_read_input_tokens":4,"output_tokens":7}}

event: message_stop
data: {"type":"message_stop"}

)");
}

TEST(AnthropicReply, WholeExactly) {
  EXPECT_EQ(
      reply_of(false, kPieces, end_of("tool_calls")),
      R"({"id":"msg_*","type":"message","role":"assistant","model":"fake","content":[)"
      R"({"type":"thinking","thinking":"hm.","signature":""},)"
      R"({"type":"text","text":"Hi \"you\""},)"
      R"({"type":"tool_use","id":"toolu_*","name":"f","input":{"a":[1]}},)"
      R"({"type":"tool_use","id":"toolu_*","name":"g","input":{}}],)"
      R"("stop_reason":"tool_use","stop_sequence":null,)"
      R"("usage":{"input_tokens":8,"cache_creation_input_tokens":0,"cache_read_input_tokens":4,"output_tokens":7}})");
}

TEST(AnthropicReply, WhyItEnded) {
  const auto reason = [](const AnswerEnd& end) {
    const json::object reply = json::parse(reply_of(false, {}, end)).as_object();
    return json::serialize(json::array{reply.at("stop_reason"), reply.at("stop_sequence")});
  };
  EXPECT_EQ(reason(end_of("stop")), R"(["end_turn",null])");
  AnswerEnd stopped = end_of("stop");
  stopped.stop_index = 0;
  EXPECT_EQ(reason(stopped), R"(["stop_sequence","END"])");
  // Seven of fifty tokens: the context was full.
  EXPECT_EQ(reason(end_of("length")), R"(["model_context_window_exceeded",null])");
}

TEST(AnthropicReply, ACallThatWasCutIsNotTold) {
  const std::vector<text::OutputPiece> cut = {
      {Kind::kContent, 0, "so"}, {Kind::kCallStart, 0, "f"}, {Kind::kCallArguments, 0, "{\"a\": "}};
  const json::object reply = json::parse(reply_of(false, cut, end_of("length"))).as_object();
  EXPECT_EQ(reply.at("content").as_array().size(), 1U);
}

TEST(AnthropicReply, ErrorsBeforeAndWithinAStream) {
  const Refusal refusal = unavailable("too many", "overloaded", 1);
  const auto early = post_json("/v1/messages", "");
  make_answer(head(true), early)->fail(refusal);
  EXPECT_EQ(early->response.status, 503);
  EXPECT_EQ(early->response.body,
            R"({"type":"error","error":{"type":"overloaded_error","message":"too many"}})");
  const auto late = post_json("/v1/messages", "");
  const auto sink = make_answer(head(true), late);
  sink->begin();
  sink->fail(refusal);
  EXPECT_TRUE(late->is_ended);
  EXPECT_TRUE(late->response.body.ends_with(
      "event: error\ndata: "
      R"({"type":"error","error":{"type":"overloaded_error","message":"too many"}})"
      "\n\n"));
}

}  // namespace
}  // namespace ondol::api::anthropic
