// For tests only: a server with a handful of routes, and what its handlers and its
// log saw.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "http/server.h"

namespace ondol::http {

struct LogLine {
  bool has_request = false;
  std::string path;
  int status = 0;
  std::uint64_t bytes_sent = 0;
  double duration_ms = 0;
  bool is_cut = false;
};

/// GET /hello, /echo (method, path, query, body), /big?N, /stream?N (N events), and
/// what a test adds by on(). Anything else is 404.
class TestServer {
 public:
  using Route = std::function<void(const std::shared_ptr<Exchange>&)>;

  explicit TestServer(ServerOptions options = {});
  ~TestServer() { stop(); }

  void on(const std::string& path, Route route);
  std::uint16_t port() const { return port_; }
  Server& server() { return *server_; }
  void stop() { server_.reset(); }

  /// Waits for n lines.
  std::vector<LogLine> log(std::size_t n);

 private:
  void handle(const std::shared_ptr<Exchange>& exchange);

  std::mutex mutex_;  // guards routes_ and log_
  std::condition_variable changed_;
  std::map<std::string, Route> routes_;
  std::vector<LogLine> log_;
  std::unique_ptr<Server> server_;
  std::uint16_t port_ = 0;
};

/// True once the condition holds, at the latest after 10 s.
bool becomes(const std::function<bool()>& condition);

}  // namespace ondol::http
