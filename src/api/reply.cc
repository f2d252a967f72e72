#include "api/reply.h"

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <random>

#include "base/utf8.h"

namespace ondol::api {
namespace {

namespace json = boost::json;

constexpr std::string_view kFingerprint = "ondol";

json::object logprob_json(const text::Tokenizer& tokenizer, const engine::TokenLogprob& token) {
  json::array bytes;
  for (const char c : tokenizer.token_bytes(token.token)) {
    bytes.push_back(static_cast<unsigned char>(c));
  }
  return {{"token", token_text(tokenizer, token.token)},
          {"logprob", finite_logprob(token.logprob)},
          {"bytes", std::move(bytes)}};
}

}  // namespace

std::string new_id(std::string_view prefix) {
  constexpr std::string_view kLetters =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  constexpr std::size_t kLength = 24;
  thread_local std::random_device entropy;
  std::uniform_int_distribution<std::size_t> letter(0, kLetters.size() - 1);
  std::string out(prefix);
  for (std::size_t i = 0; i < kLength; ++i) out += kLetters[letter(entropy)];
  return out;
}

std::int64_t unix_time() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

json::object reply_head(std::string_view id, std::string_view object, std::int64_t created,
                        const ServedModel& model) {
  return {{"id", id},
          {"object", object},
          {"created", created},
          {"model", model.card.id},
          {"system_fingerprint", kFingerprint}};
}

json::object usage_json(const Usage& usage) {
  return {{"prompt_tokens", usage.n_prompt},
          {"completion_tokens", usage.n_completion},
          {"total_tokens", usage.n_prompt + usage.n_completion},
          {"prompt_tokens_details", json::object{{"cached_tokens", usage.n_cached}}}};
}

json::object timings_json(const engine::Timings& timings) {
  return {{"queue_ms", timings.queue_ms},
          {"prefill_ms", timings.prefill_ms},
          {"decode_ms", timings.decode_ms},
          {"n_draft", timings.n_draft},
          {"n_draft_accepted", timings.n_draft_accepted}};
}

std::string token_text(const text::Tokenizer& tokenizer, std::int32_t id) {
  return replace_invalid_utf8(tokenizer.token_bytes(id));
}

double finite_logprob(float logprob) { return std::max(static_cast<double>(logprob), -9999.0); }

void append_logprobs(const text::Tokenizer& tokenizer, const std::vector<AnswerToken>& tokens,
                     json::array& out) {
  for (const AnswerToken& token : tokens) {
    json::object item = logprob_json(tokenizer, {token.id, token.logprob});
    json::array& top = item["top_logprobs"].emplace_array();
    for (const engine::TokenLogprob& other : token.top) {
      top.push_back(logprob_json(tokenizer, other));
    }
    out.push_back(std::move(item));
  }
}

std::size_t count_characters(std::string_view text) {
  const auto starts_one = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; };
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), starts_one));
}

void begin_events(http::Exchange& exchange) {
  exchange.begin(200, {{"Content-Type", "text/event-stream; charset=utf-8"},
                       {"Cache-Control", "no-cache"},
                       {"X-Accel-Buffering", "no"}});  // nginx would hold events back
}

void EventStream::begin() {
  if (has_begun_) return;
  has_begun_ = true;
  begin_events(*exchange_);
}

void EventStream::send(const json::value& value) {
  exchange_->write(http::sse_event(json::serialize(value)));
}

void EventStream::send_usage(json::object chunk, const Usage& usage) {
  chunk["choices"].emplace_array();
  chunk["usage"] = usage_json(usage);
  send(chunk);
}

void EventStream::end() {
  exchange_->write(http::sse_event("[DONE]"));
  exchange_->end();
}

void EventStream::fail(const Refusal& refusal) {
  if (!has_begun_) return exchange_->reply(error_response(refusal));
  send(error_json(refusal));
  end();
}

}  // namespace ondol::api
