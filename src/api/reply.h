// What replies of the OpenAI wire have in common: ids and times, usage, logprobs,
// and streams of server-sent events.
// Threads: an EventStream is used on its exchange's strand.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "api/errors.h"
#include "api/generation.h"
#include "http/exchange.h"
#include "text/tokenizer.h"

namespace ondol::api {

/// `prefix` and 24 random letters and digits: "chatcmpl-...".
std::string new_id(std::string_view prefix);
std::int64_t unix_time();

/// {"id", "object", "created", "model", "system_fingerprint"}: the head of each reply and chunk.
boost::json::object reply_head(std::string_view id, std::string_view object, std::int64_t created,
                               const ServedModel& model);

boost::json::object usage_json(const Usage& usage);
/// Where the time of an answer went, and what speculation gave: our addition to a whole reply.
boost::json::object timings_json(const engine::Timings& timings);

/// A token's text with U+FFFD where it holds part of a character.
std::string token_text(const text::Tokenizer& tokenizer, std::int32_t id);

/// The OpenAI reference's figure for "very unlikely" at least: JSON has no infinity.
double finite_logprob(float logprob);

/// Each as {"token", "logprob", "bytes", "top_logprobs"}.
void append_logprobs(const text::Tokenizer& tokenizer, const std::vector<AnswerToken>& tokens,
                     boost::json::array& out);

/// Code points of valid UTF-8: how Python measures text.
std::size_t count_characters(std::string_view text);

/// 200, and the headers of a stream of server-sent events.
void begin_events(http::Exchange& exchange);

/// Events of one reply. Until begin() the reply may still be an error with a status
/// of its own; afterwards an error is an event. "[DONE]" ends it in any case.
class EventStream {
 public:
  explicit EventStream(std::shared_ptr<http::Exchange> exchange) : exchange_(std::move(exchange)) {}

  void begin();
  void send(const boost::json::value& value);
  /// A chunk without choices that tells the usage of the whole stream: its last one.
  void send_usage(boost::json::object chunk, const Usage& usage);
  void end();
  void fail(const Refusal& refusal);

 private:
  std::shared_ptr<http::Exchange> exchange_;
  bool has_begun_ = false;
};

}  // namespace ondol::api
