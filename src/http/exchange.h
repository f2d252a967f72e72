// One request and the reply to it, shared between the connection and whoever
// answers. A reply is either whole (reply) or a stream (begin, write..., end).
//
// Owner: shared_ptr, by the connection until the reply has gone out or the peer
// has left, and by the handler as long as it likes; an exchange whose last
// handler reference goes without a reply is answered 500 (a stream is cut).
// Threads: any thread may call any function; none blocks. Calls after the end, or
// after the peer has gone, have no effect, even when the server is no more.
//
// Callbacks are let go of when the exchange is over. One that holds the exchange
// itself keeps it from being answered 500 when everybody else has forgotten it.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "http/message.h"

namespace ondol::http {

class Exchange {
 public:
  virtual ~Exchange() = default;

  virtual const Request& request() const = 0;

  /// The whole reply. REQUIRES: no reply or begin before.
  virtual void reply(Response response) = 0;

  /// Status and headers of a streamed reply (chunked; on HTTP/1.0 until close).
  virtual void begin(int status, Headers headers) = 0;
  /// Queues bytes of the stream. Callers wait for on_writable while
  /// queued_bytes() is high: what a slow reader leaves unread must not pile up.
  virtual void write(std::string bytes) = 0;
  virtual void end() = 0;
  /// Ends a stream so that the peer sees it was cut: closes the connection
  /// without the last chunk.
  virtual void abort() = 0;

  /// Bytes to be sent that the system has not taken yet, framing included.
  virtual std::size_t queued_bytes() const = 0;
  /// Called on the exchange's strand each time that the queue of a stream has
  /// emptied, the head's own bytes included. Set it before begin(): it tells of
  /// changes, so a queue that is empty already calls nothing.
  virtual void on_writable(std::function<void()> callback) = 0;
  /// Called at most once, on the strand, when the peer is gone before the end
  /// of the reply (closed, reset, or too slow to read, or the server stops); at
  /// once and in the caller's thread if it is gone already.
  virtual void on_gone(std::function<void()> callback) = 0;

  /// Runs a short task on the exchange's strand: one at a time, in order. A task
  /// that comes when the exchange is over is dropped; on_gone has been called.
  virtual void post(std::function<void()> task) = 0;
};

}  // namespace ondol::http
