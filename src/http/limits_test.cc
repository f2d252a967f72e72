// What a slow, broken or hostile client can do: limits, time-outs, disconnects.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "http/server.h"
#include "http/test_client.h"
#include "http/test_server.h"

namespace ondol::http {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kMs = std::chrono::milliseconds(1);

const std::string kGet = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";

// Only the limit under test is short: on a busy machine the others would strike too.
ServerOptions with(std::int64_t Limits::* limit, std::int64_t timeout_ms) {
  ServerOptions options;
  options.limits.*limit = timeout_ms;
  return options;
}

TEST(Limits, RefusalsCloseTheConnection) {
  TestServer server;
  const std::string much(40'000, 'x');
  const std::vector<std::pair<std::string, int>> cases = {
      {"nonsense\r\n\r\n" + kGet, 400},
      {"GET /" + much + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: " + much + "\r\n\r\n", 431},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 33554433\r\n\r\n" + much, 413},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2000001\r\n" + much, 413},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" +
           kGet,
       400},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx", 415},
      {"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505}};
  for (const auto& [bytes, status] : cases) {
    TestClient client(server.port());
    client.send(bytes);
    const auto reply = client.read_reply();
    ASSERT_TRUE(reply) << bytes.substr(0, 60);
    EXPECT_EQ(reply->status(), status) << bytes.substr(0, 60);
    EXPECT_EQ(reply->header("Connection"), "close");
    EXPECT_TRUE(reply->header("x-request-id"));
    EXPECT_TRUE(client.is_at_end());  // what followed was not taken for a request
  }
  for (const LogLine& line : server.log(cases.size())) EXPECT_FALSE(line.has_request);
}

TEST(Limits, RefusalsAreTheApplications) {
  ServerOptions options;
  options.refuse = [](int status, std::string_view detail) {
    return Response{
        status, {{"Content-Type", "application/json"}}, "{" + std::string(detail) + "}"};
  };
  TestServer server(options);
  TestClient client(server.port());
  const auto reply = client.ask("bad\r\n\r\n");
  EXPECT_EQ(reply->header("Content-Type"), "application/json");
  EXPECT_EQ(reply->body, "{the request is malformed}");
}

TEST(Limits, BodiesOfAllRequestsTogether) {
  ServerOptions options;
  options.limits.max_body_bytes = std::size_t{1} << 20;
  options.limits.max_bodies_bytes = std::size_t{3} << 19;  // one and a half
  TestServer server(options);
  const std::string body(std::size_t{1} << 20, 'x');
  const std::string head =
      fmt::format("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.size());
  TestClient waiting(server.port());  // all but its last byte
  waiting.send(head + body.substr(1));
  // It has arrived when there is no room for another one any more.
  const auto status = [&] {
    TestClient client(server.port());
    client.send(head + body);
    const auto reply = client.read_reply();
    if (reply && reply->status() == 503) {
      EXPECT_TRUE(reply->header("Retry-After"));
      EXPECT_EQ(reply->header("Connection"), "close");
    }
    return reply ? reply->status() : 0;
  };
  EXPECT_TRUE(becomes([&] { return status() == 503; }));
  TestClient small(server.port());
  EXPECT_EQ(small.ask(kGet)->status(), 200);
  waiting.send("x");
  EXPECT_EQ(waiting.read_reply()->status(), 200);
  EXPECT_EQ(status(), 200);
  // Also what is cut in the middle is given back.
  for (int i = 0; i < 5; ++i) {
    TestClient leaving(server.port());
    leaving.send(head + body.substr(1));
    leaving.close(/*reset=*/true);
  }
  EXPECT_TRUE(becomes([&] { return status() == 200; }));
}

TEST(Limits, SlowHeader) {
  TestServer server(with(&Limits::header_timeout_ms, 300));
  TestClient client(server.port());
  const auto start = Clock::now();
  // A byte now and then does not help.
  std::thread dripping([&] {
    for (int i = 0; i < 100 && client.send("G"); ++i) std::this_thread::sleep_for(20 * kMs);
  });
  const auto reply = client.read_reply();
  dripping.join();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status(), 408);
  EXPECT_GE(Clock::now() - start, 250 * kMs);
}

TEST(Limits, SlowBody) {
  TestServer server(with(&Limits::body_timeout_ms, 300));
  for (const char* framing : {"Content-Length: 100\r\n", "Transfer-Encoding: chunked\r\n",
                              "Expect: 100-continue\r\nContent-Length: 100\r\n"}) {
    TestClient client(server.port());
    client.send(fmt::format("POST /echo HTTP/1.1\r\nHost: a\r\n{}\r\n", framing));
    auto reply = client.read_reply();
    if (reply && reply->status() == 100) reply = client.read_reply();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status(), 408);
    EXPECT_TRUE(client.is_at_end());
  }
}

TEST(Limits, IdleConnectionsClose) {
  ServerOptions options = with(&Limits::idle_timeout_ms, 300);
  options.limits.header_timeout_ms = 2000;  // what a connection has that never asks
  TestServer server(options);
  TestClient fresh(server.port());
  TestClient used(server.port());
  EXPECT_EQ(used.ask(kGet)->status(), 200);
  EXPECT_TRUE(fresh.is_at_end(5000));
  EXPECT_TRUE(used.is_at_end(5000));
  EXPECT_TRUE(becomes([&] { return server.server().n_connections() == 0; }));
  EXPECT_EQ(server.log(1).size(), 1u);
}

TEST(Limits, AHandlerMayTakeLongerThanAnyTimeout) {
  ServerOptions options = with(&Limits::write_timeout_ms, 300);
  options.limits.header_timeout_ms = 500;
  TestServer server(options);
  server.on("/long", [](const auto& exchange) {
    std::this_thread::sleep_for(1000 * kMs);
    exchange->reply({200, {}, "long"});
  });
  TestClient client(server.port());
  EXPECT_EQ(client.ask("GET /long HTTP/1.1\r\nHost: a\r\n\r\n")->body, "long");
}

TEST(Limits, ASlowReaderIsCutAndHoldsUpNobody) {
  ServerOptions options = with(&Limits::write_timeout_ms, 300);
  TestServer server(options);
  TestClient slow(server.port());
  slow.send("GET /big?200000000 HTTP/1.1\r\nHost: a\r\n\r\n");
  TestClient other(server.port());
  const auto start = Clock::now();
  while (Clock::now() - start < 250 * kMs) ASSERT_EQ(other.ask(kGet)->body, "hello");
  const auto log = [&] {
    for (const LogLine& line : server.log(1)) {
      if (line.path == "/big") return line;
    }
    return LogLine{};
  };
  ASSERT_TRUE(becomes([&] { return log().path == "/big"; }));
  EXPECT_TRUE(log().is_cut);
  EXPECT_LT(log().bytes_sent, 200'000'000u);
}

TEST(Limits, BackpressureBoundsAStream) {
  TestServer server;
  std::promise<std::shared_ptr<Exchange>> promise;
  std::atomic<int> n_writable = 0;
  server.on("/kept", [&](const auto& exchange) {
    exchange->on_writable([&] { ++n_writable; });
    exchange->begin(200, {});
    promise.set_value(exchange);
  });
  TestClient client(server.port());
  client.send("GET /kept HTTP/1.1\r\nHost: a\r\n\r\n");
  const auto exchange = promise.get_future().get();
  ASSERT_TRUE(becomes([&] { return n_writable == 1; }));  // the head
  EXPECT_EQ(exchange->queued_bytes(), 0u);
  std::size_t n_bytes = 0;
  while (exchange->queued_bytes() < 100'000 && n_bytes < 100'000'000) {
    exchange->write(std::string(50'000, 'w'));
    n_bytes += 50'000;
    std::this_thread::sleep_for(kMs);
  }
  EXPECT_LT(n_bytes, 100'000'000u);
  EXPECT_GE(exchange->queued_bytes(), 100'000u);  // the reader does not read
  exchange->end();
  EXPECT_EQ(client.read_reply()->body.size(), n_bytes);
}

TEST(Limits, ConnectionLimit) {
  ServerOptions options;
  options.limits.max_connections = 3;
  TestServer server(options);
  std::vector<std::unique_ptr<TestClient>> kept;
  for (int i = 0; i < 3; ++i) {
    kept.push_back(std::make_unique<TestClient>(server.port()));
    ASSERT_EQ(kept.back()->ask(kGet)->status(), 200);
  }
  for (int i = 0; i < 5; ++i) {
    TestClient more(server.port());
    const auto reply = more.ask(kGet);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status(), 503);
    EXPECT_EQ(reply->header("Retry-After"), "1");
    EXPECT_TRUE(more.is_at_end());
  }
  EXPECT_EQ(kept[0]->ask(kGet)->status(), 200);
  kept.pop_back();
  EXPECT_TRUE(becomes([&] {
    const auto reply = TestClient(server.port()).ask(kGet);
    return reply && reply->status() == 200;
  }));
}

Clock::duration time_to_notice(std::string_view target) {
  TestServer server;
  std::promise<Clock::time_point> gone;
  std::promise<std::shared_ptr<Exchange>> promise;
  server.on("/work", [&](const auto& exchange) {
    exchange->on_gone([&] { gone.set_value(Clock::now()); });
    promise.set_value(exchange);
  });
  server.on("/stream", [&](const auto& exchange) {
    exchange->on_gone([&] { gone.set_value(Clock::now()); });
    exchange->begin(200, {});
    exchange->write("x");
    promise.set_value(exchange);
  });
  TestClient client(server.port());
  client.send(fmt::format("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", target));
  auto exchange = promise.get_future().get();
  const auto left = Clock::now();
  client.close(/*reset=*/target == "/stream?reset");
  auto future = gone.get_future();
  if (future.wait_for(std::chrono::seconds(10)) != std::future_status::ready) {
    ADD_FAILURE() << "not noticed";
    return Clock::duration::max();
  }
  exchange->write("too late");
  exchange->end();
  exchange->reply({200, {}, "too late"});
  const auto log = server.log(1);
  EXPECT_EQ(log.size(), 1u);
  EXPECT_TRUE(log[0].is_cut);
  EXPECT_EQ(log[0].status, target == "/work" ? 0 : 200);
  EXPECT_EQ(server.server().n_connections(), 0u);
  return future.get() - left;
}

class Disconnect : public ::testing::TestWithParam<const char*> {};

TEST_P(Disconnect, IsNoticedWhileAHandlerWorks) {
  // The fastest of some tries: a busy machine may hold up any one of them.
  Clock::duration fastest = Clock::duration::max();
  for (int i = 0; i < 10 && fastest > 100 * kMs; ++i) {
    fastest = std::min(fastest, time_to_notice(GetParam()));
  }
  EXPECT_LT(fastest, 100 * kMs);
}

INSTANTIATE_TEST_SUITE_P(Ways, Disconnect,
                         ::testing::Values("/work", "/stream?close", "/stream?reset"));

TEST(Limits, AWholeReplyGoesOutToAPeerThatOnlyReads) {
  TestServer server;
  TestClient client(server.port());
  client.send("GET /big?8000000 HTTP/1.1\r\nHost: a\r\n\r\n");
  const std::string first = client.read_some();
  EXPECT_FALSE(first.empty());
  client.finish_sending();
  std::this_thread::sleep_for(50 * kMs);
  EXPECT_GT(first.size() + client.read_all().size(), 8'000'000u);
}

TEST(Limits, AFloodOfPipelinedRequestsWaits) {
  ServerOptions options;
  options.limits.max_header_bytes = 1024;
  TestServer server(options);
  std::promise<std::shared_ptr<Exchange>> promise;
  server.on("/kept", [&](const auto& exchange) { promise.set_value(exchange); });
  TestClient client(server.port());
  client.send("GET /kept HTTP/1.1\r\nHost: a\r\n\r\n");
  const auto exchange = promise.get_future().get();
  constexpr int kRequests = 5000;
  std::thread flood([&] {
    std::string all;
    for (int i = 0; i < kRequests; ++i) all += kGet;
    client.send(all);
  });
  std::this_thread::sleep_for(50 * kMs);
  exchange->reply({200, {}, "first"});
  EXPECT_EQ(client.read_reply()->body, "first");
  for (int i = 0; i < kRequests; ++i) ASSERT_EQ(client.read_reply()->body, "hello") << i;
  flood.join();
}

// Noise, and sound requests with damage, cut anywhere: no crash, no hang, and the
// server still answers.
TEST(Limits, RandomStreams) {
  ServerOptions options = with(&Limits::header_timeout_ms, 100);
  options.limits.body_timeout_ms = 100;
  options.n_io_threads = 2;
  TestServer server(options);
  std::mt19937 random(11);
  const auto below = [&random](std::size_t n) { return random() % n; };
  constexpr std::string_view kAlphabet = "GET POST/hello? HTTP/1.1\r\n\r\nHost: a\r\n0x5,;%";
  for (int i = 0; i < 3000; ++i) {
    std::string bytes;
    const std::size_t n = below(400);
    switch (below(3)) {
      case 0:
        for (std::size_t j = 0; j < n; ++j) bytes += static_cast<char>(random());
        break;
      case 1:
        for (std::size_t j = 0; j < n; ++j) bytes += kAlphabet[below(kAlphabet.size())];
        break;
      default:
        bytes =
            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
            "chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" +
            kGet;
        bytes[below(bytes.size())] = static_cast<char>(random());
        bytes.resize(below(bytes.size()) + 1);
    }
    TestClient client(server.port());
    client.send(bytes);
    if (below(4) == 0) client.finish_sending();
    if (below(8) == 0) client.read_some(1);
    client.close(below(2) == 0);
  }
  EXPECT_TRUE(becomes([&] { return server.server().n_connections() == 0; }));
  EXPECT_TRUE(becomes([&] {
    const auto reply = TestClient(server.port()).ask(kGet);
    return reply && reply->body == "hello";
  }));
}

}  // namespace
}  // namespace ondol::http
