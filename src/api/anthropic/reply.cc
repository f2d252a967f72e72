#include "api/anthropic/reply.h"

#include <boost/json.hpp>
#include <optional>
#include <utility>

#include "api/reply.h"

namespace ondol::api::anthropic {
namespace {

namespace json = boost::json;
using Kind = text::OutputPiece::Kind;

constexpr std::string_view kMessagePrefix = "msg_";
constexpr std::string_view kCallPrefix = "toolu_";
constexpr std::size_t kMaxInputDepth = 128;

json::object own_usage(const Usage& usage) {
  // input_tokens are those that were computed; what the cache held is told apart.
  return {{"input_tokens", usage.n_prompt - usage.n_cached},
          {"cache_creation_input_tokens", 0},
          {"cache_read_input_tokens", usage.n_cached},
          {"output_tokens", usage.n_completion}};
}

json::object message_json(const MessageHead& head, std::string_view id, const Usage& usage) {
  return {{"id", id},
          {"type", "message"},
          {"role", "assistant"},
          {"model", head.model},
          {"content", json::array()},
          {"stop_reason", nullptr},
          {"stop_sequence", nullptr},
          {"usage", own_usage(usage)}};
}

// {"stop_reason", "stop_sequence"}
json::object stop_json(const MessageHead& head, const AnswerEnd& end, const Usage& usage) {
  json::object out = {{"stop_reason", "end_turn"}, {"stop_sequence", nullptr}};
  if (end.reason == "tool_calls") {
    out["stop_reason"] = "tool_use";
  } else if (end.stop_index) {
    out["stop_reason"] = "stop_sequence";
    out["stop_sequence"] = head.stops[*end.stop_index];
  } else if (end.reason == "length") {
    const bool is_full = usage.n_completion < head.max_tokens;
    out["stop_reason"] = is_full ? "model_context_window_exceeded" : "max_tokens";
  }
  return out;
}

// A block as it begins, and what its pieces are called.
json::object empty_block(const text::OutputPiece& piece) {
  switch (piece.kind) {
    case Kind::kReasoning:
      return {{"type", "thinking"}, {"thinking", ""}, {"signature", ""}};
    case Kind::kCallStart:
    case Kind::kCallArguments:
      return {{"type", "tool_use"},
              {"id", new_id(kCallPrefix)},
              {"name", piece.text},
              {"input", json::object()}};
    case Kind::kContent:
      break;
  }
  return {{"type", "text"}, {"text", ""}};
}

json::object delta_json(const text::OutputPiece& piece) {
  switch (piece.kind) {
    case Kind::kReasoning:
      return {{"type", "thinking_delta"}, {"thinking", piece.text}};
    case Kind::kCallStart:
    case Kind::kCallArguments:
      return {{"type", "input_json_delta"}, {"partial_json", piece.text}};
    case Kind::kContent:
      break;
  }
  return {{"type", "text_delta"}, {"text", piece.text}};
}

// Whether a piece begins a block, when `open` is the kind of the block before it.
bool begins_block(const std::optional<Kind>& open, Kind kind) {
  if (kind == Kind::kCallStart) return true;
  return kind != Kind::kCallArguments && open != kind;
}

class MessageReply : public GenerationSink {
 public:
  MessageReply(MessageHead head, std::shared_ptr<http::Exchange> exchange)
      : head_(std::move(head)), exchange_(std::move(exchange)) {}

  void begin() override {}

  void delta(std::size_t /*answer*/, AnswerDelta delta) override {
    for (const text::OutputPiece& piece : delta.pieces) {
      if (begins_block(open_, piece.kind)) {
        close();
        block_ = empty_block(piece);
        open_ = piece.kind;
        if (piece.kind == Kind::kCallStart) continue;
      }
      text_ += piece.text;
    }
  }

  void answer_end(std::size_t /*answer*/, AnswerEnd end) override {
    close();
    end_ = std::move(end);
  }

  void end(const Usage& usage) override {
    json::object out = message_json(head_, new_id(kMessagePrefix), usage);
    for (auto& [name, value] : stop_json(head_, end_, usage)) out[name] = std::move(value);
    out["content"] = std::move(content_);
    exchange_->reply(json_response(out));
  }

  void fail(const Refusal& refusal) override {
    exchange_->reply(error_response(refusal, Wire::kAnthropic));
  }

 private:
  // Arguments that the end of the answer has cut are no JSON: such a call is not told.
  void close() {
    if (!open_) return;
    const std::string text = std::exchange(text_, {});
    if (*std::exchange(open_, std::nullopt) == Kind::kCallStart) {
      boost::system::error_code error;
      json::parse_options options;
      options.max_depth = kMaxInputDepth;
      json::value input = json::parse(text, error, {}, options);
      if (error || !input.is_object()) return;
      block_["input"] = std::move(input);
    } else {
      block_[block_["type"] == "thinking" ? "thinking" : "text"] = text;
    }
    content_.push_back(std::move(block_));
  }

  MessageHead head_;
  std::shared_ptr<http::Exchange> exchange_;
  json::array content_;
  std::optional<Kind> open_;  // of block_
  json::object block_;
  std::string text_;  // of block_, as far as it has come
  AnswerEnd end_;
};

class MessageStream : public GenerationSink {
 public:
  MessageStream(MessageHead head, std::shared_ptr<http::Exchange> exchange)
      : head_(std::move(head)), exchange_(std::move(exchange)) {}

  void begin() override {
    has_begun_ = true;
    begin_events(*exchange_);
    // What the cache holds is known later: message_delta corrects it.
    Usage usage;
    usage.n_prompt = head_.n_prompt;
    send("message_start", {{"message", message_json(head_, new_id(kMessagePrefix), usage)}});
    send("ping", {});
  }

  void delta(std::size_t /*answer*/, AnswerDelta delta) override {
    for (const text::OutputPiece& piece : delta.pieces) {
      if (begins_block(open_, piece.kind)) {
        close();
        send("content_block_start", {{"index", n_blocks_}, {"content_block", empty_block(piece)}});
        open_ = piece.kind;
        if (piece.kind == Kind::kCallStart) continue;
      }
      send("content_block_delta", {{"index", n_blocks_}, {"delta", delta_json(piece)}});
    }
  }

  void answer_end(std::size_t /*answer*/, AnswerEnd end) override {
    close();
    end_ = std::move(end);
  }

  void end(const Usage& usage) override {
    send("message_delta", {{"delta", stop_json(head_, end_, usage)}, {"usage", own_usage(usage)}});
    send("message_stop", {});
    exchange_->end();
  }

  void fail(const Refusal& refusal) override {
    if (!has_begun_) return exchange_->reply(error_response(refusal, Wire::kAnthropic));
    exchange_->write(
        http::sse_event(json::serialize(error_json(refusal, Wire::kAnthropic)), "error"));
    exchange_->end();
  }

 private:
  void close() {
    if (!open_) return;
    open_.reset();
    send("content_block_stop", {{"index", n_blocks_}});
    ++n_blocks_;
  }

  void send(std::string_view type, json::object fields) {
    json::object event = {{"type", type}};
    for (auto& [name, value] : fields) event[name] = std::move(value);
    exchange_->write(http::sse_event(json::serialize(event), type));
  }

  MessageHead head_;
  std::shared_ptr<http::Exchange> exchange_;
  bool has_begun_ = false;
  std::optional<Kind> open_;  // of the block that is being told
  std::size_t n_blocks_ = 0;  // told
  AnswerEnd end_;
};

}  // namespace

std::unique_ptr<GenerationSink> make_answer(MessageHead head,
                                            std::shared_ptr<http::Exchange> exchange) {
  if (head.stream) return std::make_unique<MessageStream>(std::move(head), std::move(exchange));
  return std::make_unique<MessageReply>(std::move(head), std::move(exchange));
}

}  // namespace ondol::api::anthropic
