// A connected socket, plain or under TLS, as the connection uses it: one read and
// one write at a time, side by side.
//
// Owner: one connection. Threads: the connection's strand, which is the socket's
// executor, so completions run on it too. A completion keeps whatever it captures
// alive; the transport must outlive its pending operations.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <cstddef>
#include <functional>
#include <memory>

namespace ondol::http {

class Transport {
 public:
  using Socket = boost::asio::ip::tcp::socket;
  using Done = std::function<void(boost::system::error_code, std::size_t)>;

  virtual ~Transport() = default;

  virtual bool is_secure() const = 0;
  virtual Socket& socket() = 0;
  virtual void handshake(Done done) = 0;
  /// At least one byte, or an error; the end of the peer's bytes is an error.
  virtual void read_some(boost::asio::mutable_buffer buffer, Done done) = 0;
  virtual void write_some(boost::asio::const_buffer buffer, Done done) = 0;
  /// Tells the peer that nothing more comes. REQUIRES: no write pending.
  virtual void finish_writing(Done done) = 0;
  /// At once; pending operations end with an error. `is_abrupt`: the peer gets a
  /// reset, so it cannot take what it has for the whole.
  void close(bool is_abrupt);
};

std::unique_ptr<Transport> make_plain_transport(Transport::Socket socket);
std::unique_ptr<Transport> make_tls_transport(Transport::Socket socket,
                                              boost::asio::ssl::context& context);

}  // namespace ondol::http
