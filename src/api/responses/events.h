// A response on its way out: whole, or as a stream of typed events with consecutive
// sequence numbers. Exactly one event closes a stream: response.completed,
// response.incomplete or response.failed.
//
// Owner: shared by whoever still has to answer. Threads: the exchange's strand.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <memory>
#include <string_view>

#include "api/errors.h"
#include "http/exchange.h"

namespace ondol::api {

class ResponseEvents {
 public:
  ResponseEvents(std::shared_ptr<http::Exchange> exchange, bool is_stream)
      : exchange_(std::move(exchange)), is_stream_(is_stream) {}

  bool is_stream() const { return is_stream_; }
  /// The stream's status and its first two events. REQUIRES: is_stream().
  void begin(const boost::json::object& response);
  void send(std::string_view type, boost::json::object fields);
  /// The reply, or the last event. `response` has its final status.
  void end(const boost::json::object& response);
  /// An error's reply, or the last event: `response` as far as it came.
  void fail(const Refusal& refusal, boost::json::object response);
  /// Runs on the strand.
  void post(std::function<void()> task) { exchange_->post(std::move(task)); }

 private:
  const std::shared_ptr<http::Exchange> exchange_;
  const bool is_stream_;
  bool has_begun_ = false;
  std::int64_t next_number_ = 0;
};

}  // namespace ondol::api
