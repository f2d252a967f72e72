// POST /v1/completions: continues texts. The prompt is a text, or token ids, or a list
// of either.
#include <algorithm>
#include <boost/json.hpp>
#include <utility>
#include <vector>

#include "api/completion_request.h"
#include "api/reply.h"
#include "api/routes.h"
#include "api/with_model.h"

namespace ondol::api {
namespace {

namespace json = boost::json;

constexpr std::string_view kIdPrefix = "cmpl-";

// The parallel arrays of a completion's logprobs. Offsets count characters, as
// Python indexes text.
class LogprobLists {
 public:
  explicit LogprobLists(const text::Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  void add(const engine::TokenLogprob& token, const std::vector<engine::TokenLogprob>& top,
           std::size_t offset) {
    tokens_.push_back(json::value(token_text(tokenizer_, token.token)));
    logprobs_.push_back(finite_logprob(token.logprob));
    json::object others;
    for (const auto& other : top) {
      others[token_text(tokenizer_, other.token)] = finite_logprob(other.logprob);
    }
    // The chosen token is always told of, though it may not be among the likeliest.
    if (!top.empty()) others[token_text(tokenizer_, token.token)] = finite_logprob(token.logprob);
    top_.push_back(top.empty() ? json::value(nullptr) : json::value(std::move(others)));
    offsets_.push_back(offset);
  }

  /// The prompt's first token follows nothing: it has no probability.
  void add_first(std::int32_t token) {
    tokens_.push_back(json::value(token_text(tokenizer_, token)));
    logprobs_.push_back(nullptr);
    top_.push_back(nullptr);
    offsets_.push_back(std::size_t{0});
  }

  bool empty() const { return tokens_.empty(); }
  json::object take() {
    return {{"tokens", std::exchange(tokens_, {})},
            {"token_logprobs", std::exchange(logprobs_, {})},
            {"top_logprobs", std::exchange(top_, {})},
            {"text_offset", std::exchange(offsets_, {})}};
  }

 private:
  const text::Tokenizer& tokenizer_;
  json::array tokens_, logprobs_, top_, offsets_;
};

struct CompletionHead {
  std::shared_ptr<const ServedModel> model;
  CompletionRequest request;
  std::vector<EchoedPrompt> prompts;
  std::string id = new_id(kIdPrefix);
  std::int64_t created = unix_time();

  bool wants_logprobs() const { return request.n_top_logprobs >= 0; }
  const EchoedPrompt& prompt_of(std::size_t answer) const {
    return prompts[answer / static_cast<std::size_t>(request.common.n)];
  }
};

// One answer's text and logprobs as they come, the echoed prompt in front.
class CompletionAnswer {
 public:
  explicit CompletionAnswer(const CompletionHead& head) : lists_(*head.model->tokenizer) {}

  void echo(const EchoedPrompt& prompt) {
    fresh_ += prompt.text;
    n_characters_ = count_characters(prompt.text);
  }

  void echo_logprobs(const EchoedPrompt& prompt, const PromptLogprobs& logprobs) {
    lists_.add_first(prompt.first_token);
    for (std::size_t i = 0; i < logprobs.tokens.size(); ++i) {
      static const std::vector<engine::TokenLogprob> kNone;
      const auto& top = i < logprobs.top.size() ? logprobs.top[i] : kNone;
      lists_.add(logprobs.tokens[i], top, prompt.offsets[i + 1]);
    }
  }

  void add(const AnswerDelta& delta) {
    for (const text::OutputPiece& piece : delta.pieces) {
      fresh_ += piece.text;
      answer_ += piece.text;
    }
    for (const AnswerToken& token : delta.tokens) {
      const std::size_t end = std::min(token.offset, answer_.size());
      n_characters_ +=
          count_characters(std::string_view(answer_).substr(n_counted_, end - n_counted_));
      n_counted_ = end;
      lists_.add({token.id, token.logprob}, token.top, n_characters_);
    }
  }

  /// {"index", "text", "logprobs", "finish_reason"} of what has come since the last call.
  json::object take(const CompletionHead& head, std::size_t index, json::value reason) {
    json::object out{{"index", index}, {"text", std::exchange(fresh_, {})}};
    out["logprobs"] = head.wants_logprobs() ? json::value(lists_.take()) : json::value(nullptr);
    out["finish_reason"] = std::move(reason);
    return out;
  }

 private:
  std::string fresh_;
  std::string answer_;
  std::size_t n_counted_ = 0;     // bytes of answer_ that n_characters_ counts
  std::size_t n_characters_ = 0;  // of the echo and of the answer so far
  LogprobLists lists_;
};

class CompletionSink : public GenerationSink {
 public:
  CompletionSink(CompletionHead head, std::size_t n_answers) : head_(std::move(head)) {
    for (std::size_t i = 0; i < n_answers; ++i) {
      answers_.emplace_back(head_);
      if (head_.request.echo) answers_.back().echo(head_.prompt_of(i));
    }
  }

 protected:
  json::object chunk() const {
    return reply_head(head_.id, "text_completion", head_.created, *head_.model);
  }

  CompletionHead head_;
  std::vector<CompletionAnswer> answers_;
};

class CompletionReply : public CompletionSink {
 public:
  CompletionReply(CompletionHead head, std::shared_ptr<http::Exchange> exchange,
                  std::size_t n_answers)
      : CompletionSink(std::move(head), n_answers),
        exchange_(std::move(exchange)),
        reasons_(n_answers) {}

  void begin() override {}
  void prompt_logprobs(std::size_t index, PromptLogprobs logprobs) override {
    answers_[index].echo_logprobs(head_.prompt_of(index), logprobs);
  }
  void delta(std::size_t index, AnswerDelta delta) override { answers_[index].add(delta); }
  void answer_end(std::size_t index, AnswerEnd end) override {
    reasons_[index] = end.reason;
    timings_ = end.timings;
  }
  void end(const Usage& usage) override {
    json::object out = chunk();
    json::array& choices = out["choices"].emplace_array();
    for (std::size_t i = 0; i < answers_.size(); ++i) {
      choices.push_back(answers_[i].take(head_, i, json::value(reasons_[i])));
    }
    out["usage"] = usage_json(usage);
    if (answers_.size() == 1) out["timings"] = timings_json(timings_);
    exchange_->reply(json_response(out));
  }
  void fail(const Refusal& refusal) override { exchange_->reply(error_response(refusal)); }

 private:
  std::shared_ptr<http::Exchange> exchange_;
  std::vector<std::string_view> reasons_;
  engine::Timings timings_;
};

class CompletionStream : public CompletionSink {
 public:
  CompletionStream(CompletionHead head, std::shared_ptr<http::Exchange> exchange,
                   std::size_t n_answers)
      : CompletionSink(std::move(head), n_answers), stream_(std::move(exchange)) {}

  void begin() override {
    stream_.begin();
    if (!head_.request.echo || head_.wants_logprobs()) return;
    for (std::size_t i = 0; i < answers_.size(); ++i) send(i, nullptr);
  }
  void prompt_logprobs(std::size_t index, PromptLogprobs logprobs) override {
    answers_[index].echo_logprobs(head_.prompt_of(index), logprobs);
    send(index, nullptr);
  }
  void delta(std::size_t index, AnswerDelta delta) override {
    answers_[index].add(delta);
    send(index, nullptr);
  }
  void answer_end(std::size_t index, AnswerEnd end) override {
    send(index, json::value(end.reason));
  }
  void end(const Usage& usage) override {
    if (head_.request.common.include_usage) stream_.send_usage(chunk(), usage);
    stream_.end();
  }
  void fail(const Refusal& refusal) override { stream_.fail(refusal); }

 private:
  void send(std::size_t index, json::value reason) {
    json::object out = chunk();
    out["choices"] = json::array{answers_[index].take(head_, index, std::move(reason))};
    if (head_.request.common.include_usage) out["usage"] = nullptr;
    stream_.send(out);
  }

  EventStream stream_;
};

OrRefusal<void> complete(const Call& call, const CompletionRequest& request,
                         std::shared_ptr<const ServedModel> model) {
  CompletionHead head;
  head.request = request;
  ONDOL_TRY(GenerationPlan plan, completion_plan(request, model));
  if (request.echo) head.prompts = echoed_prompts(request, *model, plan.prompts);
  head.model = std::move(model);
  head.request.prompts.clear();
  const std::size_t n_answers = plan.n_answers();
  std::unique_ptr<GenerationSink> sink;
  if (request.common.stream) {
    sink = std::make_unique<CompletionStream>(std::move(head), call.exchange, n_answers);
  } else {
    sink = std::make_unique<CompletionReply>(std::move(head), call.exchange, n_answers);
  }
  start_generation(call, std::move(plan), std::move(sink));
  return {};
}

}  // namespace

void completions(const Call& call) {
  auto request = read_completion_request(call.request().body);
  if (!request) return refuse(call, request.error());
  const std::string model_id = request->common.model;
  with_model(call, model_id,
             [call, request = *std::move(request)](std::shared_ptr<const ServedModel> model) {
               return complete(call, request, std::move(model));
             });
}

}  // namespace ondol::api
