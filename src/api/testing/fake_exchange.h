// For tests: an exchange in memory. Its strand is the test's own thread, which runs
// the tasks that were posted while it waits for something.
#pragma once

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "http/exchange.h"

namespace ondol::api {

class FakeExchange : public http::Exchange {
 public:
  explicit FakeExchange(http::Request request) : request_(std::move(request)) {}

  const http::Request& request() const override { return request_; }
  void reply(http::Response whole) override {
    EXPECT_FALSE(is_replied || is_begun) << "a second reply";
    is_replied = true;
    response = std::move(whole);
    finish();
  }
  void begin(int status, http::Headers headers) override {
    EXPECT_FALSE(is_replied || is_begun) << "a second reply";
    is_begun = true;
    response.status = status;
    response.headers = std::move(headers);
  }
  void write(std::string bytes) override {
    EXPECT_TRUE(is_begun && !is_ended);
    if (is_slow) n_queued += bytes.size();
    response.body += bytes;
  }
  void end() override {
    EXPECT_TRUE(is_begun && !is_ended);
    finish();
  }
  void abort() override { finish(); }
  std::size_t queued_bytes() const override { return n_queued; }
  void on_writable(std::function<void()> callback) override { writable = std::move(callback); }
  void on_gone(std::function<void()> callback) override { gone = std::move(callback); }
  void post(std::function<void()> task) override {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    changed_.notify_all();
  }

  /// Runs tasks until it holds; false after ten seconds.
  bool run_until(const std::function<bool()>& holds) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!holds()) {
      std::function<void()> task;
      {
        std::unique_lock lock(mutex_);
        if (!changed_.wait_until(lock, deadline, [this] { return !tasks_.empty(); })) return false;
        task = std::move(tasks_.front());
        tasks_.pop_front();
      }
      task();
    }
    return true;
  }
  bool run_to_end() {
    return run_until([this] { return is_ended; });
  }
  /// What lies there now.
  void run_ready() {
    for (;;) {
      std::function<void()> task;
      {
        const std::lock_guard lock(mutex_);
        if (tasks_.empty()) return;
        task = std::move(tasks_.front());
        tasks_.pop_front();
      }
      task();
    }
  }

  boost::json::object json() const { return boost::json::parse(response.body).as_object(); }
  /// The data of a stream's events.
  std::vector<std::string> events() const {
    std::vector<std::string> out;
    std::string_view rest = response.body;
    while (!rest.empty()) {
      const auto end = rest.find("\n\n");
      EXPECT_NE(end, std::string_view::npos);
      EXPECT_TRUE(rest.starts_with("data: "));
      out.emplace_back(rest.substr(6, end - 6));
      rest.remove_prefix(end + 2);
    }
    return out;
  }

  bool is_replied = false;
  bool is_begun = false;
  bool is_ended = false;
  bool is_slow = false;  // what is written stays queued
  std::size_t n_queued = 0;
  http::Response response;
  std::function<void()> writable;
  std::function<void()> gone;

 private:
  // As a connection does: an exchange that is over keeps no callbacks.
  void finish() {
    is_ended = true;
    writable = nullptr;
    gone = nullptr;
  }

  http::Request request_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
};

inline std::shared_ptr<FakeExchange> post_json(const std::string& path, const std::string& body) {
  http::Request request;
  request.method = "POST";
  request.path = path;
  request.headers = {{"Host", "localhost:1"}, {"Content-Type", "application/json"}};
  request.body = body;
  request.id = "test";
  return std::make_shared<FakeExchange>(std::move(request));
}

inline std::shared_ptr<FakeExchange> get(const std::string& path) {
  http::Request request;
  request.method = "GET";
  request.path = path;
  request.headers = {{"Host", "localhost:1"}};
  request.id = "test";
  return std::make_shared<FakeExchange>(std::move(request));
}

}  // namespace ondol::api
