// One accepted connection: reads requests, hands them on one after the other,
// sends the replies, and keeps the time.
//
// Owner: itself, through its pending operations, and the server's registry until
// close. Threads: all of it on one strand, the socket's executor, but for
// ExchangeOwner and the functions marked "any thread", which post to it.
// Invariants: at most one read, one write and one wait for the timer are pending;
// while a handler works the connection reads on, so that it notices when the peer
// leaves, until max_header_bytes of later requests wait.
#pragma once

#include <array>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/exchange_core.h"
#include "http/request_parser.h"
#include "http/server.h"
#include "http/transport.h"

namespace ondol::http {

class Connection;

/// What the connections of a server share. Threads: all calls are thread-safe.
class ConnectionHost {
 public:
  virtual const ServerOptions& options() const = 0;
  /// Runs the handler in a handler thread.
  virtual void dispatch(std::shared_ptr<Exchange> exchange) = 0;
  virtual std::string next_request_id() = 0;
  /// Counts so many more bytes of bodies; false, and nothing is counted, when that
  /// would be more than max_bodies_bytes.
  virtual bool take_body_bytes(std::size_t n_bytes) = 0;
  virtual void give_body_bytes(std::size_t n_bytes) = 0;
  virtual void on_closed(Connection& connection) = 0;

 protected:
  ~ConnectionHost() = default;
};

class Connection final : public std::enable_shared_from_this<Connection>, public ExchangeOwner {
 public:
  enum class Kind {
    kUsual,
    kLate,    // came while the server drains: it gets one answer
    kExcess,  // one more than the limit: it is answered 503
  };

  /// REQUIRES: host outlives it.
  Connection(ConnectionHost& host, std::unique_ptr<Transport> transport, std::string peer,
             Kind kind);

  Kind kind() const { return kind_; }

  void start();  // any thread
  void drain();  // any thread: closes if idle, else after the exchange in progress
  void stop();   // any thread: closes at once

 private:
  enum class Phase {
    kHandshake,
    kIdle,      // no byte of the next request yet
    kHeader,    // of a request
    kBody,      // of a request
    kExchange,  // a handler works, or its reply goes out
    kRefusal,   // a reply of ours goes out, after which the connection closes
    kLinger,    // all is sent; waits for the peer to close (see linger())
    kClosed,
  };
  using Clock = std::chrono::steady_clock;

  // ExchangeOwner
  void post(std::function<void()> task) override;
  void on_output() override;
  void on_dropped() override;

  void wait_for_request();
  void start_reading();
  void on_read(boost::system::error_code error, std::size_t n_bytes);
  void on_peer_finished();
  void parse();
  bool count_body();
  void forget_body();
  void start_exchange();
  void refuse(int status, std::string_view detail);

  void flush();
  void send_some();
  void on_write(boost::system::error_code error, std::size_t n_bytes);
  void on_all_sent(ExchangeCore::State state);
  void finish_exchange();
  void report(const Request* request, int status, bool is_cut);

  void linger();
  void cut(bool is_abrupt);
  void close(bool is_abrupt);

  void set_deadline(std::int64_t timeout_ms);
  void clear_deadline();
  void arm_timer();
  void on_timer(boost::system::error_code error);
  void on_timeout();

  ConnectionHost& host_;
  const Limits& limits_;
  const std::unique_ptr<Transport> transport_;
  const std::string peer_;
  const Kind kind_;
  Phase phase_ = Phase::kHandshake;
  bool is_draining_ = false;
  bool is_peer_finished_ = false;  // it sends nothing more
  bool is_reused_ = false;         // a request was answered before

  bool is_reading_ = false;
  std::array<char, 16 << 10> read_buffer_;
  std::string input_;  // read, not parsed yet
  std::optional<RequestParser> parser_;
  std::size_t body_bytes_ = 0;  // counted, of the request that is read or answered
  Clock::time_point request_start_;

  std::shared_ptr<ExchangeCore> exchange_;  // null but in kExchange
  bool is_writing_ = false;
  std::string own_output_;       // interim replies and refusals; goes out first
  ExchangeCore::Output output_;  // what is being written
  std::size_t n_written_ = 0;    // of output_
  bool output_is_exchanges_ = false;
  std::uint64_t bytes_sent_ = 0;  // for this request
  int refusal_status_ = 0;

  boost::asio::steady_timer timer_;
  Clock::time_point deadline_ = Clock::time_point::max();
  bool is_timer_armed_ = false;
};

}  // namespace ondol::http
