#include "api/responses/output.h"

#include <boost/json.hpp>
#include <utility>

#include "api/reply.h"

namespace ondol::api {
namespace {

namespace json = boost::json;

json::object empty_part(text::OutputPiece::Kind kind) {
  if (kind == text::OutputPiece::Kind::kReasoning)
    return {{"type", "reasoning_text"}, {"text", ""}};
  return {{"type", "output_text"},
          {"text", ""},
          {"annotations", json::array()},
          {"logprobs", json::array()}};
}

json::object empty_item(text::OutputPiece::Kind kind) {
  if (kind == text::OutputPiece::Kind::kReasoning) {
    return {{"id", new_id("rs_")},
            {"type", "reasoning"},
            {"status", "in_progress"},
            {"summary", json::array()},
            {"content", json::array()}};
  }
  return {{"id", new_id("msg_")},
          {"type", "message"},
          {"status", "in_progress"},
          {"role", "assistant"},
          {"content", json::array()}};
}

std::string_view text_event(text::OutputPiece::Kind kind, bool is_done) {
  if (kind == text::OutputPiece::Kind::kReasoning) {
    return is_done ? "response.reasoning_text.done" : "response.reasoning_text.delta";
  }
  return is_done ? "response.output_text.done" : "response.output_text.delta";
}

}  // namespace

void ResponseOutput::emit(std::string_view type, json::object fields) const {
  if (!emit_) return;
  fields["output_index"] = items_.size() - 1;
  emit_(type, std::move(fields));
}

void ResponseOutput::open(Kind kind, json::object item) {
  close("completed");
  items_.push_back(std::move(item));
  is_open_ = true;
  kind_ = kind;
  emit("response.output_item.added", {{"item", items_.back()}});
}

void ResponseOutput::open_text(Kind kind) {
  if (is_open_ && kind_ == kind) return;
  open(kind, empty_item(kind));
  item()["content"].as_array().push_back(empty_part(kind));
  emit("response.content_part.added",
       {{"item_id", item()["id"]}, {"content_index", 0}, {"part", part()}});
}

void ResponseOutput::open_call(std::string_view name) {
  open(Kind::kCallStart, {{"id", new_id("fc_")},
                          {"type", "function_call"},
                          {"status", "in_progress"},
                          {"call_id", new_id("call_")},
                          {"name", name},
                          {"arguments", ""}});
}

void ResponseOutput::append_text(std::string_view text, json::array logprobs) {
  part()["text"].as_string().append(text);
  json::object event{{"item_id", item()["id"]}, {"content_index", 0}, {"delta", text}};
  if (kind_ == Kind::kContent) {
    json::array& all = part()["logprobs"].as_array();
    all.insert(all.end(), logprobs.begin(), logprobs.end());
    event["logprobs"] = std::move(logprobs);
  }
  emit(text_event(kind_, false), std::move(event));
}

void ResponseOutput::append_arguments(std::string_view text) {
  item()["arguments"].as_string().append(text);
  emit("response.function_call_arguments.delta", {{"item_id", item()["id"]}, {"delta", text}});
}

void ResponseOutput::add_piece(const text::OutputPiece& piece, json::array logprobs) {
  switch (piece.kind) {
    case Kind::kContent:
    case Kind::kReasoning:
      open_text(piece.kind);
      return append_text(piece.text, std::move(logprobs));
    case Kind::kCallStart:
      return open_call(piece.text);
    case Kind::kCallArguments:  // of the call that started last
      return append_arguments(piece.text);
  }
}

void ResponseOutput::add(const std::vector<text::OutputPiece>& pieces, json::array logprobs) {
  for (const text::OutputPiece& piece : pieces) {
    const bool is_message = piece.kind == Kind::kContent;
    add_piece(piece, is_message ? std::exchange(logprobs, {}) : json::array());
  }
  // Tokens that make no text are told of, too.
  const bool is_in_message = is_open_ && kind_ == Kind::kContent;
  if (!logprobs.empty() && is_in_message) append_text("", std::move(logprobs));
}

void ResponseOutput::close_text() {
  json::object event{{"item_id", item()["id"]}, {"content_index", 0}, {"text", part()["text"]}};
  if (kind_ == Kind::kContent) event["logprobs"] = part()["logprobs"];
  emit(text_event(kind_, true), std::move(event));
  emit("response.content_part.done",
       {{"item_id", item()["id"]}, {"content_index", 0}, {"part", part()}});
}

void ResponseOutput::close(std::string_view status) {
  if (!is_open_) return;
  is_open_ = false;
  item()["status"] = status;
  if (kind_ == Kind::kCallStart) {
    emit("response.function_call_arguments.done",
         {{"item_id", item()["id"]}, {"name", item()["name"]}, {"arguments", item()["arguments"]}});
  } else {
    close_text();
  }
  emit("response.output_item.done", {{"item", items_.back()}});
}

void ResponseOutput::finish(std::string_view status) {
  if (items_.empty()) open_text(Kind::kContent);
  close(status);
}

}  // namespace ondol::api
