// What the tests of this room share; see test_client.h.
#include "http/test_client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <utility>

#include "http/message.h"

namespace ondol::http {

int Reply::status() const {
  int out = 0;
  if (head.size() > 12) std::from_chars(head.data() + 9, head.data() + 12, out);
  return out;
}

std::optional<std::string> Reply::header(std::string_view name) const {
  std::string_view rest = head;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find("\r\n"));
    rest.remove_prefix(std::min(rest.size(), line.size() + 2));
    const std::size_t colon = line.find(": ");
    if (colon != std::string_view::npos && names_equal(line.substr(0, colon), name)) {
      return std::string(line.substr(colon + 2));
    }
  }
  return std::nullopt;
}

TestClient::TestClient(std::uint16_t port, const std::string& tls_ca) {
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    close();
    return;
  }
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (tls_ca.empty()) return;
  context_ = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_verify(context_, SSL_VERIFY_PEER, nullptr);
  EXPECT_EQ(SSL_CTX_load_verify_locations(context_, tls_ca.c_str(), nullptr), 1);
  tls_ = SSL_new(context_);
  SSL_set1_host(tls_, "localhost");
  SSL_set_fd(tls_, fd_);
  if (SSL_connect(tls_) != 1) close();
}

TestClient::~TestClient() { close(); }

void TestClient::close(bool reset) {
  if (tls_ != nullptr) SSL_free(tls_);
  if (context_ != nullptr) SSL_CTX_free(context_);
  tls_ = nullptr;
  context_ = nullptr;
  if (fd_ < 0) return;
  if (reset) {
    const linger abrupt{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &abrupt, sizeof abrupt);
  }
  ::close(fd_);
  fd_ = -1;
}

bool TestClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = tls_ != nullptr
                          ? SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size()))
                          : ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

std::string TestClient::read_some(int timeout_ms) {
  pollfd wait{fd_, POLLIN, 0};
  const bool is_buffered = tls_ != nullptr && SSL_pending(tls_) > 0;
  if (!is_buffered && ::poll(&wait, 1, timeout_ms) <= 0) return {};
  std::array<char, 65536> bytes;
  const ssize_t n = tls_ != nullptr ? SSL_read(tls_, bytes.data(), static_cast<int>(bytes.size()))
                                    : ::recv(fd_, bytes.data(), bytes.size(), 0);
  return n > 0 ? std::string(bytes.data(), static_cast<std::size_t>(n)) : std::string();
}

std::string TestClient::read_all() {
  while (fill()) {
  }
  return std::exchange(buffer_, {});
}

bool TestClient::is_at_end(int timeout_ms) {
  pollfd wait{fd_, POLLIN, 0};
  return buffer_.empty() && ::poll(&wait, 1, timeout_ms) == 1 && read_some(0).empty();
}

bool TestClient::fill() {
  const std::string more = read_some();
  buffer_ += more;
  return !more.empty();
}

std::optional<Reply> TestClient::read_reply(bool to_head) {
  Reply reply;
  std::size_t end = 0;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    if (!fill()) return std::nullopt;
  }
  reply.head = buffer_.substr(0, end);
  buffer_.erase(0, end + 4);
  const int status = reply.status();
  if (to_head || status < 200 || status == 204 || status == 304) return reply;
  if (const auto length = reply.header("Content-Length")) {
    const std::size_t n_bytes = std::stoul(*length);
    while (buffer_.size() < n_bytes) {
      if (!fill()) return std::nullopt;
    }
    reply.body = buffer_.substr(0, n_bytes);
    buffer_.erase(0, n_bytes);
    return reply;
  }
  if (!reply.header("Transfer-Encoding")) {
    reply.body = read_all();
    return reply;
  }
  if (!read_chunks(reply.body)) return std::nullopt;
  return reply;
}

bool TestClient::read_chunks(std::string& body) {
  for (;;) {
    std::size_t line_end = 0;
    while ((line_end = buffer_.find("\r\n")) == std::string::npos) {
      if (!fill()) return false;
    }
    const std::size_t n_bytes = std::stoul(buffer_.substr(0, line_end), nullptr, 16);
    while (buffer_.size() < line_end + 2 + n_bytes + 2) {
      if (!fill()) return false;
    }
    body += buffer_.substr(line_end + 2, n_bytes);
    buffer_.erase(0, line_end + 2 + n_bytes + 2);
    if (n_bytes == 0) return true;
  }
}

std::optional<Reply> TestClient::ask(std::string_view request) {
  if (!send(request)) return std::nullopt;
  return read_reply(request.substr(0, 5) == "HEAD ");
}

}  // namespace ondol::http
