// Answers of /api/chat and /api/generate: one JSON object, or a stream of them, one a
// line, of which the last says "done": true with reason, counts and nanoseconds.
//
//   chat      {"model", "created_at", "message": {"role", "content", "thinking",
//              "tool_calls"}, "done"}
//   generate  {"model", "created_at", "response", "thinking", "done", "context"}
//
// Owner: a Generation. Threads: the exchange's strand.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/generation.h"
#include "api/ollama/request.h"
#include "http/exchange.h"

namespace ondol::api::ollama {

/// RFC 3339 in UTC, with nanoseconds.
std::string timestamp(std::chrono::system_clock::time_point time);
inline std::string timestamp() { return timestamp(std::chrono::system_clock::now()); }

/// Tool calls on their way: on this wire a call comes whole, its arguments an object.
class OpenCall {
 public:
  void begin(const std::string& function);
  void append(const std::string& arguments) { arguments_ += arguments; }
  /// The call, if one was begun and its arguments are whole: those that the end of the
  /// answer has cut are no JSON and cannot be told.
  std::optional<boost::json::object> take();

 private:
  std::optional<std::string> function_;
  std::string arguments_;
};

/// What of an answer has not been told yet.
struct Part {
  std::string content;
  std::string thinking;
  boost::json::array calls;
  boost::json::array logprobs;

  bool empty() const {
    return content.empty() && thinking.empty() && calls.empty() && logprobs.empty();
  }
};

enum class Form : std::uint8_t { kChat, kGenerate };

struct AnswerHead {
  Form form = Form::kChat;
  std::shared_ptr<const ServedModel> model;
  bool stream = true;
  bool wants_logprobs = false;
  /// With kGenerate: the prompt, to which the answer's tokens are added; empty: no context.
  std::vector<std::int32_t> context;
  std::chrono::steady_clock::time_point started_at;
  std::chrono::steady_clock::time_point loaded_at;
};

/// What chat and generate say alike; made when the model has just been acquired.
AnswerHead answer_head(Form form, const Call& call, const CommonFields& request,
                       std::shared_ptr<const ServedModel> model);

std::unique_ptr<GenerationSink> make_answer(AnswerHead head,
                                            std::shared_ptr<http::Exchange> exchange);

/// The answer to a request that only loads its model.
boost::json::object load_reply(const AnswerHead& head);

}  // namespace ondol::api::ollama
