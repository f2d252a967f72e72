#include "http/request_parser.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <utility>
#include <vector>

#include "http/target.h"

namespace ondol::http {
namespace {

using Progress = RequestParser::Progress;

struct Parsed {
  Progress progress = Progress::kHeader;
  int refusal = 0;
  Request request;
  bool keep_alive = false;
  std::string rest;
};

Limits small_limits() {
  Limits limits;
  limits.max_header_bytes = 1024;
  limits.max_body_bytes = 1000;
  return limits;
}

// In pieces of n_piece bytes, as a slow network brings them.
Parsed parse(std::string_view bytes, std::size_t n_piece = std::string::npos) {
  RequestParser parser(small_limits());
  Parsed out;
  while (!bytes.empty() && out.progress != Progress::kDone && out.progress != Progress::kRefused) {
    const std::string_view piece = bytes.substr(0, n_piece);
    out.rest += piece;
    bytes.remove_prefix(piece.size());
    out.progress = parser.feed(out.rest);
  }
  out.rest += bytes;
  out.keep_alive = parser.keep_alive();
  if (out.progress == Progress::kRefused) out.refusal = parser.refusal_status();
  if (out.progress == Progress::kDone) out.request = parser.take_request();
  return out;
}

int refusal(std::string_view bytes) {
  const int whole = parse(bytes).refusal;
  EXPECT_EQ(parse(bytes, 1).refusal, whole) << bytes;
  return whole;
}

TEST(RequestParser, TakesARequestInAnyPieces) {
  const std::string bytes =
      "\r\nPOST /v1/chat%20x?q=%41 HTTP/1.1\r\nHost: a\r\nX-Y:  two words \r\nContent-Length: "
      "5\r\n\r\nhelloGET";
  for (const std::size_t n : {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::string::npos}) {
    const Parsed parsed = parse(bytes, n);
    ASSERT_EQ(parsed.progress, Progress::kDone) << n;
    EXPECT_EQ(parsed.request.method, "POST");
    EXPECT_EQ(parsed.request.path, "/v1/chat x");
    EXPECT_EQ(parsed.request.query, "q=%41");
    EXPECT_EQ(parsed.request.header("x-y"), "two words");
    EXPECT_EQ(parsed.request.body, "hello");
    EXPECT_EQ(parsed.rest, "GET");
    EXPECT_TRUE(parsed.keep_alive);
  }
}

TEST(RequestParser, ChunkedBodies) {
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n";
  const std::string body = "5;name=\"v\"\r\nhello\r\n00A\r\n, worlds!!\r\n0\r\nX-T: 1\r\n\r\n";
  for (const std::size_t n : {std::size_t{1}, std::size_t{3}, std::string::npos}) {
    const Parsed parsed = parse(head + body + "rest", n);
    ASSERT_EQ(parsed.progress, Progress::kDone) << n;
    EXPECT_EQ(parsed.request.body, "hello, worlds!!");
    EXPECT_EQ(parsed.rest, "rest");
    // A trailer is no header: nobody checked it when the header was judged.
    EXPECT_EQ(parsed.request.header("X-T"), std::nullopt);
  }
  for (const char* bad :
       {"x\r\n", "-5\r\nhello\r\n0\r\n\r\n", "5\r\nhelloworld\r\n0\r\n\r\n",
        "5 5\r\nhello\r\n0\r\n\r\n", "0x5\r\nhello\r\n0\r\n\r\n", "\r\n\r\n",
        "11111111111111111\r\nhello", "5\r\nhello\r\n0\r\nA : b\r\n\r\n",
        "5;\x01=2\r\nhello\r\n0\r\n\r\n", "5\r\nhello\r\n0\r\nContent-Length: 3\r\n\r\n"}) {
    EXPECT_EQ(refusal(head + bad), 400) << bad;
  }
  EXPECT_EQ(refusal(head + "3E9\r\n"), 413);
  EXPECT_EQ(refusal(head + "ffffffffffffffff\r\n"), 413);
  // Each within the limit, together above it.
  EXPECT_EQ(refusal(head + "320\r\n" + std::string(800, 'x') + "\r\nC9\r\n"), 413);
  // An extension or a trailer without end takes no more memory than a header may.
  EXPECT_EQ(refusal(head + "5;" + std::string(2000, 'x')), 431);
  EXPECT_EQ(refusal(head + "0\r\nX: " + std::string(2000, 'x')), 431);
}

// Whatever two programs in a row may read differently.
TEST(RequestParser, RefusesSmuggling) {
  for (const char* headers : {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                              "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
                              "Content-Length: 5\r\nContent-Length: 5\r\n",
                              "Content-Length: 5\r\nContent-Length: 6\r\n",
                              "Content-Length: 5, 5\r\n",
                              "Content-Length: +5\r\n",
                              "Content-Length: -5\r\n",
                              "Content-Length: 0x5\r\n",
                              "Content-Length: 5 5\r\n",
                              "Content-Length: \r\n",
                              "Content-Length: 18446744073709551617\r\n",
                              "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                              "Transfer-Encoding : chunked\r\n",
                              "Content-Length : 5\r\n",
                              "X: a\r\n b\r\n",
                              "X: a\r\n\tb\r\n",
                              " X: a\r\n",
                              "X: a\nContent-Length: 5\r\n",
                              "X: a\rContent-Length: 5\r\n",
                              "X: a\x01\r\n",
                              "X: a\x7f\r\n",
                              "X\r\n",
                              ": a\r\n",
                              "X(: a\r\n",
                              "Host: b\r\n"}) {
    EXPECT_EQ(refusal(fmt::format("POST / HTTP/1.1\r\nHost: a\r\n{}\r\nhello", headers)), 400)
        << headers;
  }
  using namespace std::string_literals;
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"s), 400);
  for (const char* coding : {"gzip, chunked", "identity", "chunked, chunked", "xchunked",
                             "chunked;q=1", "chunked, identity"}) {
    EXPECT_EQ(
        refusal(fmt::format("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: {}\r\n\r\n", coding)),
        501)
        << coding;
  }
  EXPECT_EQ(refusal("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
}

TEST(RequestParser, RefusesMalformedRequestLines) {
  for (const char* line :
       {"GET /", "GET  / HTTP/1.1", "/ HTTP/1.1", "G(T / HTTP/1.1", "GET a HTTP/1.1",
        "GET * HTTP/1.1", "CONNECT a:1 HTTP/1.1", "GET /%4 HTTP/1.1", "GET /%zz HTTP/1.1",
        "GET /%00 HTTP/1.1", "GET /a%0d%0ab HTTP/1.1", "GET /a#b HTTP/1.1",
        "GET http://b/ HTTP/1.1", "GET ftp://a/ HTTP/1.1", "GET /\tb HTTP/1.1"}) {
    EXPECT_EQ(refusal(fmt::format("{}\r\nHost: a\r\n\r\n", line)), 400) << line;
  }
  for (const char* version : {"HTTP/2.0", "HTTP/1.2", "http/1.1", "HTTP/1.1 "}) {
    EXPECT_EQ(refusal(fmt::format("GET / {}\r\nHost: a\r\n\r\n", version)), 505) << version;
  }
  // What lies behind the header must not be taken for the rest of its first line.
  EXPECT_EQ(refusal("POST /a: 5\r\n\r\nhello1 HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(refusal("POST /a: 5\r\n\r\n"), 400);
  EXPECT_EQ(refusal("PRI * HTTP/2.0\r\n\r\n"), 505);
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\nX: a\r\n\r\n"), 400);  // no Host
}

TEST(RequestParser, Limits) {
  const std::string long_text(1100, 'a');
  EXPECT_EQ(refusal("GET /" + long_text), 414);
  EXPECT_EQ(refusal("GET /" + long_text + " HTTP/1.1\r\nHost: a\r\n\r\n"), 414);
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\nX: " + long_text), 431);
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\nHost: a\r\nX: " + long_text + "\r\n\r\n"), 431);
  std::string many = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 200; ++i) many += "a:\r\n";
  EXPECT_EQ(refusal(many + "\r\n"), 431);
  // Before a byte of the body has come.
  EXPECT_EQ(refusal("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n"), 413);
  EXPECT_EQ(refusal("POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\n"
                    "Content-Length: 5\r\n\r\n"),
            415);
  EXPECT_EQ(refusal("POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n"), 417);
  const std::string exact = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n";
  EXPECT_EQ(parse(exact + std::string(1000, 'b')).request.body.size(), 1000u);
}

TEST(RequestParser, KeepAlive) {
  EXPECT_TRUE(parse("GET / HTTP/1.1\r\nHost: a\r\n\r\n").keep_alive);
  EXPECT_FALSE(parse("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").keep_alive);
  EXPECT_FALSE(parse("GET / HTTP/1.0\r\n\r\n").keep_alive);
  EXPECT_TRUE(parse("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").keep_alive);
}

TEST(Target, AnEncodedSlashIsTold) {
  for (const auto* target : {"/a%2Fb", "/%2f", "/a%2f?b"}) {
    EXPECT_TRUE(parse_target("GET", target)->has_encoded_slash) << target;
  }
  for (const auto* target : {"/a/b", "/a?b%2Fc", "/%252F", "/%2e"}) {
    EXPECT_FALSE(parse_target("GET", target)->has_encoded_slash) << target;
  }
}

TEST(Target, Forms) {
  EXPECT_EQ(parse_target("GET", "/a%2Fb%25?x=%zz")->path, "/a/b%");
  EXPECT_EQ(parse_target("GET", "/a?x?y")->query, "x?y");
  EXPECT_EQ(parse_target("OPTIONS", "*")->path, "*");
  const auto absolute = parse_target("GET", "HTTP://Host:8080?q");
  ASSERT_TRUE(absolute);
  EXPECT_EQ(absolute->authority, "Host:8080");
  EXPECT_EQ(absolute->path, "/");
  EXPECT_EQ(absolute->query, "q");
  EXPECT_EQ(parse_target("GET", "/%e2%82%ac")->path, "/€");
  for (const char* bad : {"", "a", "//\x7f", "/%", "/%1", "/%0", "/%7f", "/%g0", "http://", "*"}) {
    EXPECT_FALSE(parse_target("GET", bad)) << bad;
  }
}

// Mutations of sound requests, and noise: an answer, within the limits.
TEST(RequestParser, RandomBytesNeverEscape) {
  const std::vector<std::string> seeds = {
      "POST /v1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
      "POST /v1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
      "GET http://a/%41?b HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nConnection: "
      "close\r\n\r\n"};
  constexpr std::string_view kAlphabet = "\r\n\r\n: ;,%/?0159aAfFx\t\"\\\x80";
  std::mt19937 random(7);
  const auto below = [&random](std::size_t n) { return random() % n; };
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = seeds[below(seeds.size())];
    for (std::size_t n = below(6); n > 0; --n) {
      const std::size_t at = below(bytes.size());
      switch (below(4)) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes.insert(at, 1, kAlphabet[below(kAlphabet.size())]);
          break;
        case 2:
          bytes.erase(at, below(8));
          if (bytes.empty()) bytes = "x";
          break;
        default:
          bytes.insert(at, bytes.substr(below(bytes.size()), below(40)));
      }
    }
    const Parsed whole = parse(bytes);
    const Parsed pieces = parse(bytes, 1 + below(9));
    // How the bytes were cut must not matter.
    ASSERT_EQ(whole.progress, pieces.progress) << bytes;
    ASSERT_EQ(whole.refusal, pieces.refusal) << bytes;
    ASSERT_EQ(whole.request.body, pieces.request.body) << bytes;
    ASSERT_LE(whole.request.body.size(), 1000u);
  }
}

TEST(RequestParser, RefusalsSayTheLimit) {
  const auto detail = [](std::string input) {
    RequestParser parser(small_limits());
    EXPECT_EQ(parser.feed(input), Progress::kRefused);
    return std::string(parser.refusal_detail());
  };
  const std::string much(2000, 'x');
  EXPECT_EQ(detail("GET /" + much), "the request target has more than 1024 bytes");
  EXPECT_EQ(detail("GET / HTTP/1.1\r\nX: " + much), "the headers have more than 1024 bytes");
  EXPECT_EQ(detail("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n"),
            "the body has more than 1000 bytes");
  const std::string chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(detail(chunked + "5;" + much),
            "a chunk's header or the trailer has more than 1024 bytes");
}

}  // namespace
}  // namespace ondol::http
