// What the tests of this room share; see test_server.h.
#include "http/test_server.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace ondol::http {
namespace {

void echo(const std::shared_ptr<Exchange>& exchange) {
  const Request& r = exchange->request();
  exchange->reply({200, {}, r.method + " " + r.path + " " + r.query + " " + r.body});
}

void stream(const std::shared_ptr<Exchange>& exchange) {
  exchange->begin(200, {{"Content-Type", "text/event-stream"}});
  const int n = std::stoi(exchange->request().query);
  for (int i = 0; i < n; ++i) exchange->write(sse_event(std::to_string(i)));
  exchange->end();
}

}  // namespace

TestServer::TestServer(ServerOptions options) {
  on("/hello", [](const auto& exchange) { exchange->reply({200, {}, "hello"}); });
  on("/echo", echo);
  on("/big", [](const auto& exchange) {
    exchange->reply({200, {}, std::string(std::stoul(exchange->request().query), 'b')});
  });
  on("/stream", stream);
  options.on_completed = [this](const Completed& done) {
    const std::lock_guard lock(mutex_);
    log_.push_back({done.request != nullptr, done.request ? done.request->path : "", done.status,
                    done.bytes_sent, done.duration_ms, done.is_cut});
    changed_.notify_all();
  };
  auto started = Server::start(options, [this](const std::shared_ptr<Exchange>& e) { handle(e); });
  EXPECT_TRUE(started) << (started ? "" : started.error().message());
  if (!started) return;
  server_ = *std::move(started);
  port_ = server_->port();
}

void TestServer::on(const std::string& path, Route route) {
  const std::lock_guard lock(mutex_);
  routes_[path] = std::move(route);
}

void TestServer::handle(const std::shared_ptr<Exchange>& exchange) {
  Route route;
  {
    const std::lock_guard lock(mutex_);
    const auto found = routes_.find(exchange->request().path);
    if (found != routes_.end()) route = found->second;
  }
  route ? route(exchange) : exchange->reply({404, {}, "no such route"});
}

std::vector<LogLine> TestServer::log(std::size_t n) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::seconds(10), [&] { return log_.size() >= n; });
  return log_;
}

bool becomes(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace ondol::http
