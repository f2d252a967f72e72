// POST /v1/chat/completions: whole (ChatReply) or as a stream of chunks (ChatStream).
#include <boost/json.hpp>
#include <utility>
#include <vector>

#include "api/chat_request.h"
#include "api/fields.h"
#include "api/reply.h"
#include "api/routes.h"
#include "api/with_model.h"

namespace ondol::api {
namespace {

namespace json = boost::json;
using text::OutputPiece;
using Kind = OutputPiece::Kind;

constexpr std::string_view kIdPrefix = "chatcmpl-";
constexpr std::string_view kCallPrefix = "call_";

json::value logprobs_json(json::array content, bool wanted) {
  if (!wanted) return nullptr;
  return json::object{{"content", std::move(content)}, {"refusal", nullptr}};
}

// The tool call with which an answer's pieces of that number begin.
json::object call_start(const OutputPiece& piece) {
  return {{"id", new_id(kCallPrefix)},
          {"type", "function"},
          {"function", json::object{{"name", piece.text}, {"arguments", ""}}}};
}

void append(json::object& object, std::string_view name, std::string_view text) {
  json::value& value = object[name];
  if (!value.is_string()) value.emplace_string();
  value.get_string().append(text);
}

// What both forms know of their request.
struct ChatHead {
  std::shared_ptr<const ServedModel> model;
  bool wants_logprobs = false;
  bool include_usage = false;  // in a stream
  std::string id = new_id(kIdPrefix);
  std::int64_t created = unix_time();
};

class ChatReply : public GenerationSink {
 public:
  ChatReply(ChatHead head, std::shared_ptr<http::Exchange> exchange, std::size_t n_answers)
      : head_(std::move(head)), exchange_(std::move(exchange)), answers_(n_answers) {}

  void begin() override {}

  void delta(std::size_t index, AnswerDelta delta) override {
    Answer& answer = answers_[index];
    for (const OutputPiece& piece : delta.pieces) {
      switch (piece.kind) {
        case Kind::kContent:
          append(answer.message, "content", piece.text);
          break;
        case Kind::kReasoning:
          append(answer.message, "reasoning_content", piece.text);
          break;
        case Kind::kCallStart:
          answer.calls.push_back(call_start(piece));
          break;
        case Kind::kCallArguments:
          append(answer.calls[piece.call].as_object()["function"].as_object(), "arguments",
                 piece.text);
          break;
      }
    }
    append_logprobs(*head_.model->tokenizer, delta.tokens, answer.logprobs);
  }

  void answer_end(std::size_t index, AnswerEnd end) override {
    answers_[index].reason = end.reason;
    timings_ = end.timings;
  }

  void end(const Usage& usage) override {
    json::object out = reply_head(head_.id, "chat.completion", head_.created, *head_.model);
    json::array& choices = out["choices"].emplace_array();
    for (std::size_t i = 0; i < answers_.size(); ++i) choices.push_back(choice(i));
    out["usage"] = usage_json(usage);
    if (answers_.size() == 1) out["timings"] = timings_json(timings_);
    exchange_->reply(json_response(out));
  }

  void fail(const Refusal& refusal) override { exchange_->reply(error_response(refusal)); }

 private:
  struct Answer {
    json::object message = {{"role", "assistant"}, {"content", nullptr}, {"refusal", nullptr}};
    json::array calls;
    json::array logprobs;
    std::string_view reason;
  };

  json::object choice(std::size_t index) {
    Answer& answer = answers_[index];
    if (!answer.calls.empty()) {
      answer.message["tool_calls"] = std::move(answer.calls);
    } else if (answer.message["content"].is_null()) {
      answer.message["content"] = "";
    }
    return {{"index", index},
            {"message", std::move(answer.message)},
            {"logprobs", logprobs_json(std::move(answer.logprobs), head_.wants_logprobs)},
            {"finish_reason", answer.reason}};
  }

  ChatHead head_;
  std::shared_ptr<http::Exchange> exchange_;
  std::vector<Answer> answers_;
  engine::Timings timings_;
};

class ChatStream : public GenerationSink {
 public:
  ChatStream(ChatHead head, std::shared_ptr<http::Exchange> exchange, std::size_t n_answers)
      : head_(std::move(head)), stream_(std::move(exchange)), n_answers_(n_answers) {}

  void begin() override {
    stream_.begin();
    for (std::size_t i = 0; i < n_answers_; ++i) {
      send(i, {{"role", "assistant"}, {"content", ""}, {"refusal", nullptr}}, {}, nullptr);
    }
  }

  void delta(std::size_t index, AnswerDelta delta) override {
    json::object out;
    json::array calls;
    for (const OutputPiece& piece : delta.pieces) add_piece(piece, out, calls);
    if (!calls.empty()) out["tool_calls"] = std::move(calls);
    send(index, std::move(out), delta.tokens, nullptr);
  }

  void answer_end(std::size_t index, AnswerEnd end) override {
    send(index, {}, {}, json::value(end.reason));
  }

  void end(const Usage& usage) override {
    if (head_.include_usage) stream_.send_usage(chunk(), usage);
    stream_.end();
  }

  void fail(const Refusal& refusal) override { stream_.fail(refusal); }

 private:
  static void add_piece(const OutputPiece& piece, json::object& out, json::array& calls) {
    switch (piece.kind) {
      case Kind::kContent:
        return append(out, "content", piece.text);
      case Kind::kReasoning:
        return append(out, "reasoning_content", piece.text);
      case Kind::kCallStart: {
        json::object call = call_start(piece);
        call["index"] = piece.call;
        calls.push_back(std::move(call));
        return;
      }
      case Kind::kCallArguments:
        calls.push_back(json::object{{"index", piece.call},
                                     {"function", json::object{{"arguments", piece.text}}}});
        return;
    }
  }

  json::object chunk() const {
    return reply_head(head_.id, "chat.completion.chunk", head_.created, *head_.model);
  }

  void send(std::size_t index, json::object delta, const std::vector<AnswerToken>& tokens,
            json::value reason) {
    json::array logprobs;
    append_logprobs(*head_.model->tokenizer, tokens, logprobs);
    json::object out = chunk();
    out["choices"] = json::array{json::object{
        {"index", index},
        {"delta", std::move(delta)},
        {"logprobs", logprobs_json(std::move(logprobs), head_.wants_logprobs && !tokens.empty())},
        {"finish_reason", std::move(reason)}}};
    if (head_.include_usage) out["usage"] = nullptr;
    stream_.send(out);
  }

  ChatHead head_;
  EventStream stream_;
  std::size_t n_answers_;
};

template <class Sink>
std::unique_ptr<GenerationSink> make_sink(ChatHead head, const Call& call, std::size_t n_answers) {
  return std::make_unique<Sink>(std::move(head), call.exchange, n_answers);
}

}  // namespace

void chat_completions(const Call& call) {
  const auto body = parse_object(call.request().body);
  if (!body) return refuse(call, body.error());
  auto request = read_chat_request(*body);
  if (!request) return refuse(call, request.error());
  const std::string model_id = request->common.model;
  with_model(call, model_id,
             [call, request = *std::move(request)](
                 std::shared_ptr<const ServedModel> model) -> OrRefusal<void> {
               ONDOL_TRY(GenerationPlan plan, chat_plan(request, model));
               ChatHead head;
               head.model = std::move(model);
               head.wants_logprobs = request.n_top_logprobs >= 0;
               head.include_usage = request.common.include_usage;
               const auto make =
                   request.common.stream ? &make_sink<ChatStream> : &make_sink<ChatReply>;
               auto sink = make(std::move(head), call, plan.n_answers());
               start_generation(call, std::move(plan), std::move(sink));
               return {};
             });
}

}  // namespace ondol::api
