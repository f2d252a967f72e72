// For tests only: a raw client socket, plain or under TLS, that sends exactly
// the bytes it is told and reads with a limit on time.
#pragma once

#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace ondol::http {

struct Reply {
  std::string head;  // status line and headers, without the empty line
  std::string body;  // chunks joined
  int status() const;
  std::optional<std::string> header(std::string_view name) const;
};

class TestClient {
 public:
  static constexpr int kTimeoutMs = 20'000;

  explicit TestClient(std::uint16_t port, const std::string& tls_ca = {});
  ~TestClient();
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  SSL* tls() const { return tls_; }

  /// False when the peer does not take them.
  bool send(std::string_view bytes);
  void finish_sending() { ::shutdown(fd_, SHUT_WR); }
  /// Closes at once; `reset` sends RST instead of FIN.
  void close(bool reset = false);

  /// Some bytes; empty at the end, at an error and after timeout_ms.
  std::string read_some(int timeout_ms = kTimeoutMs);
  /// Everything to the end of the connection (bounded by time).
  std::string read_all();
  bool is_at_end(int timeout_ms = kTimeoutMs);  // closed, nothing left to read
  /// One reply; nullopt if the connection ends or the reply is cut before its end.
  /// `to_head`: it has no body whatever its headers say.
  std::optional<Reply> read_reply(bool to_head = false);
  std::optional<Reply> ask(std::string_view request);

 private:
  bool fill();
  bool read_chunks(std::string& body);

  int fd_ = -1;
  SSL_CTX* context_ = nullptr;
  SSL* tls_ = nullptr;
  std::string buffer_;
};

}  // namespace ondol::http
