#include "api/origin_check.h"

#include <gtest/gtest.h>

namespace ondol::api {
namespace {

http::Request request(const std::string& host, const std::string& origin = "") {
  http::Request out;
  out.headers.emplace_back("Host", host);
  if (!origin.empty()) out.headers.emplace_back("Origin", origin);
  return out;
}

TEST(OriginCheck, OwnHostsOnly) {
  const OriginCheck check({"Box", "box.local"}, {});
  for (const auto& host :
       {"localhost", "localhost:80", "LOCALHOST:65535", "app.localhost", "127.0.0.1:1", "10.0.0.7",
        "[::1]:8080", "[fe80::1]", "box", "BOX.local:1", "localhost."}) {
    EXPECT_TRUE(check.check(request(host)).has_value()) << host;
  }
  for (const auto& host :
       {"evil.example", "evil.example:11435", "localhost.evil.example", "notlocalhost", "", ":80",
        "127.0.0.1.evil.example", "[::1", "localhost:80:80", "localhost:x", "user@localhost",
        "localhost:123456", "1", "127.1"}) {
    const auto checked = check.check(request(host));
    ASSERT_FALSE(checked.has_value()) << host;
    EXPECT_EQ(checked.error().status, 403);
  }
  EXPECT_FALSE(check.check(http::Request{}).has_value());
}

TEST(OriginCheck, OtherOriginsAreRefused) {
  const OriginCheck check({}, {});
  EXPECT_TRUE(check.check(request("localhost:1", "http://localhost:1")).has_value());
  for (const auto& origin : {"http://localhost:2", "https://localhost:1", "http://evil.example",
                             "null", "http://localhost:1.evil.example"}) {
    EXPECT_FALSE(check.check(request("localhost:1", origin)).has_value()) << origin;
  }
}

TEST(OriginCheck, CorsAsConfigured) {
  const OriginCheck check({}, {"https://app.example"});
  const auto good = request("localhost", "https://app.example");
  EXPECT_TRUE(check.check(good).has_value());
  EXPECT_EQ(http::find_header(check.cors_headers(good), "Access-Control-Allow-Origin"),
            "https://app.example");
  EXPECT_FALSE(check.check(request("localhost", "https://app.example.evil")).has_value());
  EXPECT_TRUE(check.cors_headers(request("localhost", "http://localhost")).empty());
  EXPECT_TRUE(check.cors_headers(request("localhost")).empty());
}

TEST(OriginCheck, Preflight) {
  const OriginCheck check({}, {"*"});
  auto asked = request("localhost", "https://any.example");
  asked.headers.emplace_back("Access-Control-Request-Headers", "authorization, x-stainless-os");
  const http::Response answer = check.preflight(asked, "POST, OPTIONS");
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(http::find_header(answer.headers, "Access-Control-Allow-Methods"), "POST, OPTIONS");
  EXPECT_EQ(http::find_header(answer.headers, "Access-Control-Allow-Headers"),
            "authorization, x-stainless-os");
  asked.headers.back().second = "a\r\nb: c";
  EXPECT_FALSE(
      http::find_header(check.preflight(asked, "POST").headers, "Access-Control-Allow-Headers"));
  EXPECT_FALSE(http::find_header(OriginCheck({}, {}).preflight(asked, "POST").headers,
                                 "Access-Control-Allow-Methods"));
}

}  // namespace
}  // namespace ondol::api
