// An HTTP/1.1 server: sockets, TLS, parsing, limits, time-outs. It hands every
// well-formed request to one handler and answers the others itself.
//
// Owner: the application. Threads: I/O threads of its own for sockets, and
// handler threads in which the handler runs (it may take milliseconds: it
// tokenizes, compiles schemas); neither waits for the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "http/exchange.h"

namespace ondol::http {

struct TlsFiles {
  std::string certificate;  // PEM, chain included
  std::string key;          // PEM
};

struct Limits {
  std::size_t max_header_bytes = std::size_t{32} << 10;  // request line and headers: 431
  std::size_t max_body_bytes = std::size_t{32} << 20;    // as decoded: 413
  // Of all requests that are read or answered just now: 503 for the one that is too much.
  std::size_t max_bodies_bytes = std::size_t{256} << 20;
  std::size_t max_connections = 1024;  // more are answered 503 and closed
  // First byte of a request to its last header: 408. A new connection has as long
  // for its first byte, and for the TLS handshake; it is closed then.
  std::int64_t header_timeout_ms = 10'000;
  std::int64_t body_timeout_ms = 60'000;   // the whole body: 408
  std::int64_t write_timeout_ms = 30'000;  // no byte taken by the peer for so long: cut
  std::int64_t idle_timeout_ms = 75'000;   // between requests of a connection: closed
};

/// What an exchange came to; for logs and metrics.
struct Completed {
  const Request* request = nullptr;  // null when it could not be parsed
  int status = 0;                    // 0: the peer left before a reply
  std::uint64_t bytes_sent = 0;
  double duration_ms = 0;
  bool is_cut = false;  // the peer left, or the stream was aborted
};

struct ServerOptions {
  std::string address = "127.0.0.1";  // an IP address
  std::uint16_t port = 0;             // 0: any free one, see Server::port()
  std::optional<TlsFiles> tls;
  Limits limits;
  int n_io_threads = 1;
  int n_handler_threads = 2;
  /// Makes the reply to what the server refuses itself (400, 408, 413, 414, 415,
  /// 417, 431, 500, 501, 503, 505); the default is one line of text. Any I/O thread.
  std::function<Response(int status, std::string_view detail)> refuse;
  std::function<void(const Completed&)> on_completed;  // any I/O thread; may be empty
  /// What an operator should know but nothing stops at (a certificate that has
  /// expired); called by start(). May be empty.
  std::function<void(const std::string&)> on_warning;
};

using Handler = std::function<void(std::shared_ptr<Exchange>)>;

class Server {
 public:
  virtual ~Server() = default;  // closes everything at once and joins; not from a callback

  /// Listens and answers from now on. Errors: kInvalidArgument (address,
  /// limits), kInvalidFile (certificate or key), kIo (the port is taken).
  static Result<std::unique_ptr<Server>> start(const ServerOptions& options, Handler handler);

  virtual std::uint16_t port() const = 0;
  virtual std::size_t n_connections() const = 0;

  /// Closes idle connections and lets exchanges in progress end; at the deadline the
  /// rest is cut. Connections that come meanwhile get one answer each, so that the
  /// handler can say that it is going; when the others have ended they are cut, and no
  /// more are accepted. Blocks, so it is not for callbacks and handlers. True: all that
  /// was in progress ended in time.
  virtual bool drain(std::int64_t deadline_ms) = 0;
};

}  // namespace ondol::http
