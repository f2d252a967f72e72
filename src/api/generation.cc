#include "api/generation.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "api/active_generations.h"
#include "api/api.h"
#include "base/check.h"
#include "text/detokenizer.h"
#include "text/stop_matcher.h"

namespace ondol::api {
namespace {

using Clock = std::chrono::steady_clock;
using engine::Event;

constexpr std::size_t kHighWaterBytes = std::size_t{64} << 10;  // unread: no event is taken
constexpr std::size_t kMaxOpen = 16;  // requests of one call in the engine at a time
constexpr int kRetryAfterS = 1;

double milliseconds(Clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

Refusal overloaded() {
  return unavailable("too many requests are waiting", "overloaded", kRetryAfterS);
}

// Marks of calls and reasoning may be special tokens; the parser reads them as text.
std::vector<text::TokenId> shown_by(const GenerationPlan& plan) {
  return plan.parser ? plan.parser->format.shown_ids() : std::vector<text::TokenId>();
}

// One answer while it is being made.
struct Answer {
  Answer(const GenerationPlan& plan, text::StopMatcher matcher, engine::Stream opened)
      : stream(std::move(opened)),
        detokenizer(plan.model->tokenizer, /*skip_special=*/true, shown_by(plan)),
        stops(std::move(matcher)),
        parser(plan.parser ? std::optional<text::OutputParser>(*plan.parser) : std::nullopt) {}

  engine::Stream stream;
  text::StreamingDetokenizer detokenizer;
  text::StopMatcher stops;
  std::optional<text::OutputParser> parser;
  std::vector<AnswerToken> waiting;  // whose text has not been shown
  std::size_t n_text = 0;            // bytes that the tokens so far make
  std::size_t n_shown = 0;           // of them, let through by `stops`
  std::vector<std::int32_t> tokens;
  bool is_reasoning = false;
  std::int64_t n_reasoning = 0;  // tokens
  bool is_open = true;
  std::optional<Clock::time_point> last_at;  // its latest token
};

// Ownership: the exchange holds the callbacks, of which on_gone's holds this; this
// holds the exchange until release(), which ends the circle. A connection that ends
// without a word drops its callbacks, and the destructors cancel what is open.
class Generation : public Stoppable, public std::enable_shared_from_this<Generation> {
 public:
  Generation(const Call& call, GenerationPlan plan, std::unique_ptr<GenerationSink> sink)
      : call_(call), plan_(std::move(plan)), sink_(std::move(sink)), answers_(plan_.n_answers()) {}

  void start();
  void stop(const Refusal& why) override {
    if (!is_over()) fail(why);
  }

 private:
  bool is_over() const { return sink_ == nullptr; }

  void pump();
  void take(std::size_t index, Event event);
  void take_token(std::size_t index, Event& event);
  void take_finish(std::size_t index, Event& event);
  void show(std::size_t index, const std::string& shown_text, bool is_last = false);
  void end_if_done();

  void submit_more();
  bool may_submit(std::size_t index) const;
  bool submit(std::size_t index);
  engine::GenerationRequest request_of(std::size_t index) const;

  void fail(const Refusal& refusal);
  void gone();
  void release(std::string_view outcome);

  Call call_;
  GenerationPlan plan_;
  std::unique_ptr<GenerationSink> sink_;  // null: over
  std::vector<std::optional<Answer>> answers_;
  std::size_t n_submitted_ = 0;
  std::size_t n_open_ = 0;
  Usage usage_;
  std::optional<Clock::time_point> first_at_;
  std::string_view reason_;  // of the answer that ended last
};

void Generation::start() {
  call_.exchange->on_gone([self = shared_from_this()] { self->gone(); });
  if (is_over()) return;
  call_.exchange->on_writable([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->pump();
  });
  call_.api->active().add(call_.exchange, weak_from_this());
  for (const auto& prompt : plan_.prompts) {
    call_.caller->charge(static_cast<std::int64_t>(prompt.size()));
  }
  submit_more();
}

// Answers are taken in turn, one event each: one that is far ahead does not hold
// the others back.
void Generation::pump() {
  bool has_more = true;
  while (has_more && !is_over()) {
    has_more = false;
    for (std::size_t i = 0; i < n_submitted_; ++i) {
      if (!answers_[i]->is_open) continue;
      if (call_.exchange->queued_bytes() > kHighWaterBytes) return;  // on_writable goes on
      auto event = answers_[i]->stream.try_next();
      if (!event) continue;
      has_more = true;
      take(i, *std::move(event));
      if (is_over()) return;
    }
  }
  if (is_over()) return;
  submit_more();
  end_if_done();
}

void Generation::take(std::size_t index, Event event) {
  switch (event.kind) {
    case Event::Kind::kToken:
      return take_token(index, event);
    case Event::Kind::kPrompt:
      return sink_->prompt_logprobs(
          index, {std::move(event.prompt_logprobs), std::move(event.prompt_top)});
    case Event::Kind::kFinish:
      return take_finish(index, event);
  }
}

void Generation::take_token(std::size_t index, Event& event) {
  Answer& answer = *answers_[index];
  if (answer.stops.matched()) return;  // computed before the cancellation was seen
  const auto now = Clock::now();
  Metrics& metrics = call_.api->metrics();
  if (!first_at_) first_at_ = now;
  if (answer.last_at) {
    metrics.inter_token(plan_.model->card.id, milliseconds(now - *answer.last_at));
  } else {
    metrics.first_token(plan_.model->card.id, milliseconds(now - call_.started_at));
  }
  answer.last_at = now;
  answer.tokens.push_back(event.token);

  const std::string text = answer.detokenizer.push(event.token);
  if (plan_.n_top_logprobs >= 0) {
    answer.waiting.push_back({event.token, event.logprob, std::move(event.top), answer.n_text});
  }
  answer.n_text += text.size();
  show(index, answer.stops.push(text));
  if (answer.is_reasoning) ++answer.n_reasoning;
  if (answer.stops.matched()) answer.stream.cancel();  // its finish ends the answer
}

void Generation::show(std::size_t index, const std::string& shown_text, bool is_last) {
  Answer& answer = *answers_[index];
  answer.n_shown += shown_text.size();
  AnswerDelta delta;
  const auto add = [&](std::vector<text::OutputPiece> pieces) {
    for (text::OutputPiece& piece : pieces) {
      answer.is_reasoning = piece.kind == text::OutputPiece::Kind::kReasoning;
      delta.pieces.push_back(std::move(piece));
    }
  };
  if (!answer.parser) {
    if (!shown_text.empty()) {
      delta.pieces.push_back({text::OutputPiece::Kind::kContent, 0, shown_text});
    }
  } else {
    add(answer.parser->push(shown_text));
    if (is_last) add(answer.parser->finish());
  }
  // A token counts as shown when its first byte is; those behind a stop string never are.
  const bool all = is_last && !answer.stops.matched();
  const auto shown = std::find_if(
      answer.waiting.begin(), answer.waiting.end(),
      [&](const AnswerToken& token) { return !all && token.offset >= answer.n_shown; });
  delta.tokens.assign(std::make_move_iterator(answer.waiting.begin()),
                      std::make_move_iterator(shown));
  answer.waiting.erase(answer.waiting.begin(), shown);
  if (!delta.pieces.empty() || !delta.tokens.empty()) sink_->delta(index, std::move(delta));
}

void Generation::take_finish(std::size_t index, Event& event) {
  Answer& answer = *answers_[index];
  if (event.error) return fail(Refusal(*event.error));
  if (event.reason == engine::FinishReason::kCancelled && !answer.stops.matched()) {
    return fail(unavailable("the server ended the request", "cancelled", kRetryAfterS));
  }
  // Both are empty after a match.
  std::string rest = answer.stops.push(answer.detokenizer.finish());
  rest += answer.stops.finish();
  show(index, rest, /*is_last=*/true);

  AnswerEnd end;
  const bool is_stopped = answer.stops.matched();
  end.reason = event.reason == engine::FinishReason::kLength && !is_stopped ? "length" : "stop";
  const bool has_called = answer.parser && answer.parser->n_calls() > 0;
  if (has_called && end.reason == "stop") end.reason = "tool_calls";
  if (is_stopped) end.stop_index = answer.stops.matched_index();
  end.timings = event.timings;
  end.embedding = std::move(event.embedding);
  reason_ = end.reason;
  usage_.n_completion += static_cast<std::int64_t>(answer.tokens.size());
  end.n_reasoning = answer.n_reasoning;
  end.tokens = answer.tokens;
  if (index % static_cast<std::size_t>(plan_.n) == 0) {
    usage_.n_prompt += event.timings.n_prompt;
    usage_.n_cached += event.timings.n_cached;
  }
  call_.api->metrics().finished(plan_.model->card.id, end.reason, event.timings,
                                milliseconds(Clock::now() - call_.started_at));
  answer.is_open = false;
  --n_open_;
  sink_->answer_end(index, std::move(end));
}

void Generation::end_if_done() {
  if (is_over() || n_open_ > 0 || n_submitted_ < answers_.size()) return;
  sink_->end(usage_);
  release(reason_);
}

// The answers to one prompt share its keys and values through the engine's prefix
// cache: the first goes ahead until the prompt is computed, the others follow.
bool Generation::may_submit(std::size_t index) const {
  if (n_open_ >= kMaxOpen) return false;
  const std::size_t nth = index % static_cast<std::size_t>(plan_.n);
  const std::size_t n_prompt = plan_.prompts[index / static_cast<std::size_t>(plan_.n)].size();
  const bool is_shared =
      nth > 0 && plan_.use_prefix_cache &&
      n_prompt > static_cast<std::size_t>(plan_.model->engine->options().page_tokens);
  if (!is_shared) return true;
  const Answer& first = *answers_[index - nth];
  return !first.tokens.empty() || !first.is_open;
}

void Generation::submit_more() {
  while (!is_over() && n_submitted_ < answers_.size() && may_submit(n_submitted_)) {
    if (!submit(n_submitted_)) return;
  }
}

engine::GenerationRequest Generation::request_of(std::size_t index) const {
  const auto n = static_cast<std::size_t>(plan_.n);
  engine::GenerationRequest out;
  out.prompt = plan_.prompts[index / n];
  out.max_tokens = plan_.max_tokens;
  out.sampling = plan_.sampling;
  out.sampling.seed += index % n;
  out.stop_tokens = plan_.stop_tokens;
  out.n_top_logprobs = plan_.n_top_logprobs;
  out.priority = call_.caller->priority();
  out.tenant = call_.caller->tenant();
  out.use_prefix_cache = plan_.use_prefix_cache;
  out.wants_embedding = plan_.wants_embedding;
  out.wants_prompt_logprobs = plan_.wants_prompt_logprobs;
  if (plan_.make_mask) out.mask = plan_.make_mask();
  return out;
}

// False: not now, or never (then it is over).
bool Generation::submit(std::size_t index) {
  auto stream = plan_.model->engine->submit(request_of(index));
  if (!stream) {
    const bool is_full = stream.error().code == ErrorCode::kLimit;
    if (is_full && n_open_ > 0) return false;  // tried again when one of ours has ended
    fail(is_full ? overloaded() : Refusal(stream.error()));
    return false;
  }
  auto stops = text::StopMatcher::create(plan_.stops);
  ONDOL_CHECK(stops.has_value());  // check_plan has seen them
  answers_[index].emplace(plan_, *std::move(stops), *std::move(stream));
  ++n_submitted_;
  ++n_open_;
  if (n_submitted_ == 1) sink_->begin();
  // The exchange only: a Generation must not end on the engine's thread.
  answers_[index]->stream.on_event([exchange = call_.exchange, weak = weak_from_this()] {
    exchange->post([weak] {
      if (const auto self = weak.lock()) self->pump();
    });
  });
  return true;
}

void Generation::fail(const Refusal& refusal) {
  sink_->fail(refusal);
  call_.api->metrics().ended(plan_.model->card.id, "error");
  release(refusal.code);
}

void Generation::gone() {
  if (is_over()) return;
  call_.api->metrics().ended(plan_.model->card.id, "abort");
  release("gone");
}

void Generation::release(std::string_view outcome) {
  const auto now = Clock::now();
  std::int64_t n_completion = 0;
  for (const auto& answer : answers_) {
    if (answer) n_completion += static_cast<std::int64_t>(answer->tokens.size());
  }
  call_.caller->charge(n_completion);
  if (const auto& on_generation = call_.api->options().on_generation) {
    GenerationRecord record;
    record.request_id = call_.request().id;
    record.key_name = call_.caller->key_name();
    record.model = plan_.model->card.id;
    record.outcome = outcome;
    record.n_answers = static_cast<std::int64_t>(answers_.size());
    record.n_prompt = usage_.n_prompt;
    record.n_cached = usage_.n_cached;
    record.n_completion = n_completion;
    if (first_at_) record.first_token_ms = milliseconds(*first_at_ - call_.started_at);
    record.duration_ms = milliseconds(now - call_.started_at);
    on_generation(record);
  }
  sink_.reset();
  answers_.clear();  // cancels what is open
  n_submitted_ = 0;
  plan_ = {};
  call_.caller.reset();
  call_.exchange.reset();
}

}  // namespace

OrRefusal<void> check_plan(const GenerationPlan& plan) {
  const auto n_answers = static_cast<std::int64_t>(plan.n_answers());
  if (n_answers > kMaxAnswers && !plan.wants_embedding) {
    return tl::unexpected(bad_parameter(
        "n", fmt::format("{} answers at once, more than {}", n_answers, kMaxAnswers)));
  }
  const std::int64_t max_context = plan.model->engine->options().max_context;
  for (const auto& prompt : plan.prompts) {
    const auto n_prompt = static_cast<std::int64_t>(prompt.size());
    if (n_prompt == 0)
      return tl::unexpected(bad_parameter(std::string(plan.prompt_param), "it has no tokens"));
    if (n_prompt < max_context) continue;
    return tl::unexpected(bad_parameter(
        std::string(plan.prompt_param),
        fmt::format("the context holds {} tokens, of which one is needed for the answer; the "
                    "prompt has {}",
                    max_context, n_prompt),
        "context_length_exceeded"));
  }
  const auto stops = text::StopMatcher::create(plan.stops);
  if (!stops) return tl::unexpected(Refusal(stops.error()));
  return {};
}

void start_generation(const Call& call, GenerationPlan plan, std::unique_ptr<GenerationSink> sink) {
  auto generation = std::make_shared<Generation>(call, std::move(plan), std::move(sink));
  call.exchange->post([generation] { generation->start(); });
}

}  // namespace ondol::api
