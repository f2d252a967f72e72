// An answer's pieces as the output items of a response: reasoning, messages and
// function calls, in the order in which they come, each told by its typed events.
//
// Owner: one response. Threads: one at a time. Invariant: the deltas of an item
// concatenate to what its done events and items() hold.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <functional>
#include <string_view>
#include <vector>

#include "text/tools/output_parser.h"

namespace ondol::api {

class ResponseOutput {
 public:
  /// An event's type and its own fields; empty: nobody listens.
  using Emit = std::function<void(std::string_view type, boost::json::object fields)>;
  explicit ResponseOutput(Emit emit) : emit_(std::move(emit)) {}

  /// `logprobs` are those of the tokens that the pieces are made of; kept with a message.
  void add(const std::vector<text::OutputPiece>& pieces, boost::json::array logprobs);
  /// The answer has ended; `status` is that of the item that is open. An answer
  /// without anything is an empty message.
  void finish(std::string_view status);

  const boost::json::array& items() const { return items_; }

 private:
  using Kind = text::OutputPiece::Kind;

  void add_piece(const text::OutputPiece& piece, boost::json::array logprobs);
  void open_text(Kind kind);
  void open_call(std::string_view name);
  void open(Kind kind, boost::json::object item);
  void append_text(std::string_view text, boost::json::array logprobs);
  void append_arguments(std::string_view text);
  void close(std::string_view status);
  void close_text();

  void emit(std::string_view type, boost::json::object fields) const;
  boost::json::object& item() { return items_.back().as_object(); }
  boost::json::object& part() { return item().at("content").as_array().back().as_object(); }

  Emit emit_;
  boost::json::array items_;
  bool is_open_ = false;
  Kind kind_ = Kind::kContent;  // of the open item: kContent, kReasoning or kCallStart
};

}  // namespace ondol::api
