#include "api/ollama/reply.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <boost/json.hpp>
#include <utility>

#include "api/reply.h"

namespace ondol::api::ollama {
namespace {

namespace json = boost::json;
using Kind = text::OutputPiece::Kind;

constexpr std::size_t kMaxArgumentsDepth = 128;

std::int64_t nanoseconds(double ms) { return static_cast<std::int64_t>(ms * 1e6); }
std::int64_t nanoseconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
}

json::object message_json(Part part) {
  json::object out = {{"role", "assistant"}, {"content", part.content}};
  if (!part.thinking.empty()) out["thinking"] = part.thinking;
  if (!part.calls.empty()) out["tool_calls"] = std::move(part.calls);
  return out;
}

json::object line_json(const AnswerHead& head, Part part, bool done) {
  json::object out = {{"model", head.model->card.id}, {"created_at", timestamp()}};
  json::array logprobs = std::move(part.logprobs);
  if (head.form == Form::kChat) {
    out["message"] = message_json(std::move(part));
  } else {
    out["response"] = part.content;
    if (!part.thinking.empty()) out["thinking"] = part.thinking;
  }
  if (!logprobs.empty()) out["logprobs"] = std::move(logprobs);
  out["done"] = done;
  return out;
}

class AnswerSink : public GenerationSink {
 public:
  AnswerSink(AnswerHead head, std::shared_ptr<http::Exchange> exchange)
      : head_(std::move(head)), exchange_(std::move(exchange)) {}

  void begin() override {
    if (!head_.stream) return;
    has_begun_ = true;
    exchange_->begin(200, {{"Content-Type", "application/x-ndjson"}, {"X-Accel-Buffering", "no"}});
  }

  void delta(std::size_t /*answer*/, AnswerDelta delta) override {
    for (const text::OutputPiece& piece : delta.pieces) add(piece);
    if (head_.wants_logprobs) {
      append_logprobs(*head_.model->tokenizer, delta.tokens, part_.logprobs);
    }
    send_part();
  }

  void answer_end(std::size_t /*answer*/, AnswerEnd end) override {
    close_call();
    send_part();
    // Calls of tools are no reason of their own on this wire.
    reason_ = end.reason == "length" ? "length" : "stop";
    timings_ = end.timings;
    if (!head_.context.empty()) {
      head_.context.insert(head_.context.end(), end.tokens.begin(), end.tokens.end());
    }
  }

  void end(const Usage& usage) override {
    json::object last = line_json(head_, std::move(part_), /*done=*/true);
    last["done_reason"] = reason_;
    if (!head_.context.empty()) {
      last["context"] = json::array(head_.context.begin(), head_.context.end());
    }
    last["total_duration"] = nanoseconds(std::chrono::steady_clock::now() - head_.started_at);
    last["load_duration"] = nanoseconds(head_.loaded_at - head_.started_at);
    last["prompt_eval_count"] = usage.n_prompt;
    last["prompt_eval_duration"] = nanoseconds(timings_.prefill_ms);
    last["eval_count"] = usage.n_completion;
    last["eval_duration"] = nanoseconds(timings_.decode_ms);
    if (!has_begun_) return exchange_->reply(json_response(last));
    write(last);
    exchange_->end();
  }

  void fail(const Refusal& refusal) override {
    if (!has_begun_) return exchange_->reply(error_response(refusal, Wire::kOllama));
    write(error_json(refusal, Wire::kOllama));
    exchange_->end();
  }

 private:
  void add(const text::OutputPiece& piece) {
    if (piece.kind != Kind::kCallArguments) close_call();
    switch (piece.kind) {
      case Kind::kContent:
        part_.content += piece.text;
        break;
      case Kind::kReasoning:
        part_.thinking += piece.text;
        break;
      case Kind::kCallStart:
        call_.begin(piece.text);
        break;
      case Kind::kCallArguments:
        call_.append(piece.text);
        break;
    }
  }

  void close_call() {
    if (auto call = call_.take()) part_.calls.push_back(*std::move(call));
  }

  void send_part() {
    if (!has_begun_ || part_.empty()) return;
    write(line_json(head_, std::exchange(part_, {}), /*done=*/false));
  }

  void write(const json::value& line) { exchange_->write(json::serialize(line) + "\n"); }

  AnswerHead head_;
  std::shared_ptr<http::Exchange> exchange_;
  bool has_begun_ = false;
  Part part_;  // of a whole reply: everything
  OpenCall call_;
  std::string_view reason_;
  engine::Timings timings_;
};

}  // namespace

std::string timestamp(std::chrono::system_clock::time_point time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto rest = std::chrono::duration_cast<std::chrono::nanoseconds>(time - seconds).count();
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:09}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)), rest);
}

void OpenCall::begin(const std::string& function) {
  function_ = function;
  arguments_.clear();
}

std::optional<json::object> OpenCall::take() {
  if (!function_) return std::nullopt;
  const std::string function = *std::exchange(function_, std::nullopt);
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = kMaxArgumentsDepth;
  json::value arguments = json::parse(arguments_, error, {}, options);
  if (error || !arguments.is_object()) return std::nullopt;
  return json::object{
      {"id", new_id("call_")},
      {"function", json::object{{"name", function}, {"arguments", std::move(arguments)}}}};
}

AnswerHead answer_head(Form form, const Call& call, const CommonFields& request,
                       std::shared_ptr<const ServedModel> model) {
  AnswerHead out;
  out.form = form;
  out.model = std::move(model);
  out.stream = request.generation.stream;
  out.wants_logprobs = request.n_top_logprobs >= 0;
  out.started_at = call.started_at;
  out.loaded_at = std::chrono::steady_clock::now();
  return out;
}

std::unique_ptr<GenerationSink> make_answer(AnswerHead head,
                                            std::shared_ptr<http::Exchange> exchange) {
  return std::make_unique<AnswerSink>(std::move(head), std::move(exchange));
}

json::object load_reply(const AnswerHead& head) {
  json::object out = line_json(head, {}, /*done=*/true);
  out["done_reason"] = "load";
  return out;
}

}  // namespace ondol::api::ollama
