// Requests and replies over real sockets: what a well-behaved client sees.
#include "http/server.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <future>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "http/test_client.h"
#include "http/test_server.h"

namespace ondol::http {
namespace {

std::string get(std::string_view target, std::string_view headers = {}) {
  return fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\n{}\r\n", target, headers);
}

TEST(Server, AnswersAndKeepsTheConnection) {
  TestServer server;
  TestClient client(server.port());
  for (int i = 0; i < 3; ++i) {
    const auto reply = client.ask(get("/hello"));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status(), 200);
    EXPECT_EQ(reply->body, "hello");
    EXPECT_EQ(reply->header("Server"), "ondol");
    EXPECT_TRUE(reply->header("Date"));
    EXPECT_FALSE(reply->header("Connection"));
  }
  EXPECT_EQ(client.ask(get("/nowhere"))->status(), 404);
  EXPECT_EQ(client.ask(get("/hello", "Connection: close\r\n"))->header("Connection"), "close");
  EXPECT_TRUE(client.is_at_end());
  const auto log = server.log(5);
  ASSERT_EQ(log.size(), 5u);
  EXPECT_EQ(log[0].path, "/hello");
  EXPECT_GT(log[0].bytes_sent, 5u);
  EXPECT_FALSE(log[0].is_cut);
  EXPECT_EQ(log[3].status, 404);
}

TEST(Server, PassesTheRequestOn) {
  TestServer server;
  std::promise<Request> seen;
  server.on("/seen", [&](const auto& exchange) {
    seen.set_value(exchange->request());
    exchange->reply({200, {}, ""});
  });
  TestClient client(server.port());
  const auto reply = client.ask(get("/seen"));
  const Request request = seen.get_future().get();
  EXPECT_EQ(request.peer, "127.0.0.1");
  EXPECT_FALSE(request.is_secure);
  EXPECT_EQ(reply->header("x-request-id"), request.id);
  EXPECT_EQ(client.ask(get("/hello", "x-request-id: A.b-9_\r\n"))->header("X-Request-Id"),
            "A.b-9_");
  std::set<std::string> ids = {request.id};
  for (const std::string& bad : {std::string("a b"), std::string("a\"b"), std::string(129, 'a')}) {
    const auto made =
        client.ask(get("/hello", "x-request-id: " + bad + "\r\n"))->header("x-request-id");
    EXPECT_TRUE(ids.insert(*made).second);
    EXPECT_NE(*made, bad);
  }
  EXPECT_EQ(client.ask("OPTIONS /echo HTTP/1.1\r\nHost: a\r\n\r\n")->body, "OPTIONS /echo  ");
  EXPECT_EQ(client.ask("PUT /echo?a=%20 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")->body,
            "PUT /echo a=%20 abc");
}

// More than a socket takes at once, so that it goes out in several writes.
TEST(Server, StaticBodies) {
  static const std::string bytes = [] {
    std::string out;
    while (out.size() < (std::size_t{8} << 20)) out += std::to_string(out.size()) + " ";
    return out;
  }();
  TestServer server;
  server.on("/static", [](const auto& exchange) { exchange->reply({200, {}, "", bytes}); });
  server.on("/none", [](const auto& exchange) { exchange->reply({304, {}, "", bytes}); });
  TestClient client(server.port());
  for (int i = 0; i < 2; ++i) {
    const auto reply = client.ask(get("/static"));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->header("Content-Length"), std::to_string(bytes.size()));
    EXPECT_TRUE(reply->body == bytes);
    EXPECT_EQ(client.ask(get("/hello"))->body, "hello");
  }
  client.send("HEAD /static HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(client.read_reply(/*to_head=*/true)->header("Content-Length"),
            std::to_string(bytes.size()));
  EXPECT_EQ(client.ask(get("/none"))->status(), 304);
  EXPECT_EQ(client.ask(get("/hello"))->body, "hello");
  client.send(get("/static"));  // leaves in the middle
  client.close();
  const auto log = server.log(8);
  EXPECT_GT(log[0].bytes_sent, bytes.size());
  TestClient other(server.port());
  EXPECT_EQ(other.ask(get("/hello"))->body, "hello");
}

TEST(Server, HeadHasNoBody) {
  TestServer server;
  TestClient client(server.port());
  const auto whole = client.ask("HEAD /big?7 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(whole->header("Content-Length"), "7");
  const auto streamed = client.ask("HEAD /stream?3 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(streamed->header("Transfer-Encoding"), "chunked");
  server.on("/none", [](const auto& exchange) { exchange->reply({204, {}, "not sent"}); });
  EXPECT_EQ(client.ask(get("/none"))->status(), 204);
  EXPECT_EQ(client.ask(get("/hello"))->body, "hello");  // nothing was left over
}

TEST(Server, PipelinedRequestsComeInOrder) {
  TestServer server;
  server.on("/slow", [](const auto& exchange) {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    exchange->reply({200, {}, "slow"});
  });
  TestClient client(server.port());
  std::string all;
  for (int i = 0; i < 20; ++i)
    all += get(i % 5 == 0 ? "/slow" : "/stream?2") + get(fmt::format("/echo?{}", i));
  ASSERT_TRUE(client.send(all));
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(client.read_reply()->body, i % 5 == 0 ? "slow" : "data: 0\n\ndata: 1\n\n");
    EXPECT_EQ(client.read_reply()->body, fmt::format("GET /echo {} ", i));
  }
}

TEST(Server, Http10) {
  TestServer server;
  TestClient kept(server.port());
  const auto reply = kept.ask("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(reply->header("Connection"), "keep-alive");
  EXPECT_EQ(kept.ask("GET /hello HTTP/1.0\r\n\r\n")->body, "hello");
  EXPECT_TRUE(kept.is_at_end());
  TestClient streamed(server.port());
  const auto events = streamed.ask("GET /stream?2 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_FALSE(events->header("Transfer-Encoding"));
  EXPECT_EQ(events->header("Connection"), "close");
  EXPECT_EQ(events->body, "data: 0\n\ndata: 1\n\n");
}

TEST(Server, ExpectContinue) {
  TestServer server;
  TestClient client(server.port());
  const std::string head = "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n";
  const auto interim = client.ask(head + "Content-Length: 5\r\n\r\n");
  EXPECT_EQ(interim->head, "HTTP/1.1 100 Continue");
  EXPECT_EQ(client.ask("hello")->body, "POST /echo  hello");
  // Whoever sends the body at once hears nothing in between.
  EXPECT_EQ(client.ask(head + "Content-Length: 5\r\n\r\nhello")->status(), 200);
  // Too large: no leave to send it.
  EXPECT_EQ(client.ask(head + "Content-Length: 99999999999\r\n\r\n")->status(), 413);
  EXPECT_TRUE(client.is_at_end());
}

TEST(Server, StreamsAsTheyAreWritten) {
  TestServer server;
  std::promise<std::shared_ptr<Exchange>> promise;
  server.on("/kept", [&](const auto& exchange) {
    exchange->begin(200, {});
    promise.set_value(exchange);
  });
  TestClient client(server.port());
  client.send(get("/kept"));
  const auto kept = promise.get_future().get();
  EXPECT_NE(client.read_some().find("chunked"), std::string::npos);
  kept->write("one");
  EXPECT_EQ(client.read_some(), "3\r\none\r\n");
  kept->write("");  // would be the end
  kept->write("two!");
  EXPECT_EQ(client.read_some(), "4\r\ntwo!\r\n");
  kept->end();
  kept->write("too late");
  EXPECT_EQ(client.read_some(), "0\r\n\r\n");
  EXPECT_EQ(client.ask(get("/hello"))->body, "hello");
  EXPECT_EQ(kept->queued_bytes(), 0u);
}

TEST(Server, WritesOfManyThreadsStayWhole) {
  TestServer server;
  constexpr int kThreads = 8;
  constexpr int kWrites = 200;
  server.on("/many", [&](const auto& exchange) {
    exchange->begin(200, {});
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kWrites; ++i) exchange->write(fmt::format("[{}:{}]", t, i));
      });
    }
    for (auto& thread : threads) thread.join();
    exchange->end();
  });
  TestClient client(server.port());
  const std::string body = client.ask(get("/many"))->body;
  for (int t = 0; t < kThreads; ++t) {
    std::size_t at = 0;
    for (int i = 0; i < kWrites; ++i) {
      at = body.find(fmt::format("[{}:{}]", t, i), at);
      ASSERT_NE(at, std::string::npos) << t << " " << i;
    }
  }
}

TEST(Server, LargeBodiesBothWays) {
  TestServer server;
  TestClient client(server.port());
  const std::string body(3'000'000, 'x');
  const auto reply = client.ask(fmt::format(
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{}", body.size(), body));
  EXPECT_EQ(reply->body.size(), body.size() + 12);
  EXPECT_EQ(client.ask(get("/big?20000000"))->body.size(), 20'000'000u);
}

TEST(Server, AHandlerThatLetsGoAnswers500) {
  TestServer server;
  server.on("/nothing", [](const auto&) {});
  server.on("/throws", [](const auto&) { throw std::runtime_error("secret detail"); });
  server.on("/half", [](const auto& exchange) {
    exchange->begin(200, {});
    exchange->write("half");
  });
  TestClient client(server.port());
  EXPECT_EQ(client.ask(get("/nothing"))->status(), 500);
  const auto thrown = client.ask(get("/throws"));
  EXPECT_EQ(thrown->status(), 500);
  EXPECT_EQ(thrown->body.find("secret"), std::string::npos);
  EXPECT_FALSE(client.ask(get("/half")));  // cut before its last chunk
  const auto log = server.log(3);
  EXPECT_FALSE(log[1].is_cut);
  EXPECT_TRUE(log[2].is_cut);
}

TEST(Server, AbortShows) {
  TestServer server;
  std::atomic<bool> is_gone = false;
  server.on("/abort", [&](const auto& exchange) {
    exchange->on_gone([&] { is_gone = true; });
    exchange->begin(200, {});
    exchange->write("some");
    exchange->abort();
  });
  TestClient client(server.port());
  client.send(get("/abort"));
  const std::string all = client.read_all();
  EXPECT_NE(all.find("4\r\nsome\r\n"), std::string::npos);
  EXPECT_EQ(all.find("0\r\n\r\n"), std::string::npos);
  // On HTTP/1.0 only a reset can tell.
  TestClient old(server.port());
  old.send("GET /abort HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(becomes([&] {
    std::array<char, 100> bytes;
    return ::recv(old.fd(), bytes.data(), bytes.size(), MSG_DONTWAIT) < 0 && errno == ECONNRESET;
  }));
  EXPECT_FALSE(is_gone);
}

TEST(Server, PostedTasksRunInOrderOneAtATime) {
  ServerOptions options;
  options.n_io_threads = 3;
  TestServer server(options);
  std::vector<int> order;  // unguarded: tsan tells if two run at once
  std::promise<void> done;
  server.on("/tasks", [&](const auto& exchange) {
    for (int i = 0; i < 100; ++i) exchange->post([&order, i] { order.push_back(i); });
    exchange->post([exchange, &done] {
      done.set_value();
      exchange->reply({200, {}, ""});
    });
  });
  TestClient client(server.port());
  EXPECT_EQ(client.ask(get("/tasks"))->status(), 200);
  done.get_future().wait();
  ASSERT_EQ(order.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST(Server, TwoHundredAtOnce) {
  ServerOptions options;
  options.n_io_threads = 2;
  TestServer server(options);
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 200; ++i) clients.push_back(std::make_unique<TestClient>(server.port()));
  for (int round = 0; round < 3; ++round) {
    for (auto& client : clients) ASSERT_TRUE(client->send(get("/stream?50") + get("/hello")));
    for (auto& client : clients) {
      const auto reply = client->read_reply();
      ASSERT_TRUE(reply);
      EXPECT_TRUE(reply->body.ends_with("data: 49\n\n"));
      EXPECT_EQ(client->read_reply()->body, "hello");
    }
  }
  EXPECT_EQ(server.server().n_connections(), 200u);
  clients.clear();
  EXPECT_TRUE(becomes([&] { return server.server().n_connections() == 0; }));
}

TEST(Server, ExchangesOutliveTheServer) {
  TestServer server;
  std::promise<std::shared_ptr<Exchange>> promise;
  std::atomic<bool> is_gone = false;
  server.on("/kept", [&](const auto& exchange) {
    exchange->on_gone([&] { is_gone = true; });
    promise.set_value(exchange);
  });
  TestClient client(server.port());
  client.send(get("/kept"));
  const auto kept = promise.get_future().get();
  server.stop();
  EXPECT_TRUE(is_gone);
  kept->begin(200, {});
  kept->write("x");
  kept->post([] { FAIL(); });
  kept->end();
  bool called = false;
  kept->on_gone([&] { called = true; });  // at once
  EXPECT_TRUE(called);
  EXPECT_TRUE(client.is_at_end());
}

TEST(Server, DrainLetsExchangesEnd) {
  TestServer server;
  std::atomic<bool> is_in = false;
  server.on("/work", [&](const auto& exchange) {
    is_in = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    exchange->reply({200, {}, "done"});
  });
  TestClient idle(server.port());
  EXPECT_EQ(idle.ask(get("/hello"))->body, "hello");
  TestClient busy(server.port());
  busy.send(get("/work"));
  ASSERT_TRUE(becomes([&] { return is_in.load(); }));
  std::thread reader([&] {
    const auto reply = busy.read_reply();
    EXPECT_EQ(reply->body, "done");
    EXPECT_EQ(reply->header("Connection"), "close");
    EXPECT_TRUE(busy.is_at_end());
    busy.close();
  });
  EXPECT_TRUE(server.server().drain(10'000));
  reader.join();
  EXPECT_TRUE(idle.is_at_end());
  EXPECT_FALSE(TestClient(server.port()).is_open());
}

TEST(Server, WhoComesWhileItDrainsGetsOneAnswer) {
  TestServer server;
  std::atomic<bool> is_in = false;
  std::atomic<bool> may_end = false;
  server.on("/work", [&](const auto& exchange) {
    is_in = true;
    while (!may_end) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    exchange->reply({200, {}, "done"});
  });
  TestClient busy(server.port());
  busy.send(get("/work"));
  ASSERT_TRUE(becomes([&] { return is_in.load(); }));
  TestClient idle(server.port());
  EXPECT_EQ(idle.ask(get("/hello"))->body, "hello");
  std::atomic<bool> in_time = false;
  std::thread drainer([&] { in_time = server.server().drain(10'000); });
  EXPECT_TRUE(idle.is_at_end());  // it drains
  TestClient silent(server.port());
  for (int i = 0; i < 3; ++i) {
    TestClient late(server.port());
    const auto reply = late.ask(get("/hello"));
    EXPECT_EQ(reply->body, "hello");
    EXPECT_EQ(reply->header("Connection"), "close");
    EXPECT_TRUE(late.is_at_end());
  }
  may_end = true;
  EXPECT_EQ(busy.read_reply()->body, "done");
  busy.close();
  drainer.join();
  EXPECT_TRUE(in_time);
  EXPECT_TRUE(silent.is_at_end());  // nobody waits for it
  EXPECT_FALSE(TestClient(server.port()).is_open());
}

TEST(Server, DrainCutsAtTheDeadline) {
  TestServer server;
  std::promise<std::shared_ptr<Exchange>> kept;
  std::atomic<bool> is_gone = false;
  server.on("/forever", [&](const auto& exchange) {
    exchange->on_gone([&] { is_gone = true; });
    exchange->begin(200, {});
    kept.set_value(exchange);
  });
  TestClient client(server.port());
  client.send(get("/forever"));
  client.read_some();
  const auto exchange = kept.get_future().get();  // held: nothing else ends it
  EXPECT_FALSE(server.server().drain(100));
  // The handler is told on the exchange's strand, which may be a moment later.
  for (int i = 0; i < 500 && !is_gone; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_TRUE(is_gone);
  EXPECT_EQ(server.server().n_connections(), 0u);
  EXPECT_TRUE(client.is_at_end());
}

TEST(Server, BadOptions) {
  const auto code = [](const ServerOptions& options) {
    auto started = Server::start(options, [](const auto&) {});
    return started ? ErrorCode::kInternal : started.error().code;
  };
  ServerOptions options;
  options.address = "localhost";
  EXPECT_EQ(code(options), ErrorCode::kInvalidArgument);
  options = {};
  options.limits.idle_timeout_ms = -1;
  EXPECT_EQ(code(options), ErrorCode::kInvalidArgument);
  options = {};
  options.n_io_threads = 0;
  EXPECT_EQ(code(options), ErrorCode::kInvalidArgument);
  options = {};
  options.address = "192.0.2.1";  // not ours
  EXPECT_EQ(code(options), ErrorCode::kIo);
  TestServer server;
  options = {};
  options.port = server.port();  // taken
  EXPECT_EQ(code(options), ErrorCode::kIo);
}

}  // namespace
}  // namespace ondol::http
