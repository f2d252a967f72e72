#include "api/client/client_routes.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

#include "api/testing/api_setting.h"

namespace ondol::api {
namespace {

constexpr std::string_view kHash = "0123456789abcdef0123456789abcdef";
const std::array<ClientFile, 5> kFiles = {{
    {"/", "text/html; charset=utf-8", kHash, "<!doctype html>", "packed", ""},
    {"/assets/a-1.js", "text/javascript; charset=utf-8", kHash, "import", "", ""},
    {"/sw.js", "text/javascript; charset=utf-8", kHash, "self", "", ""},
    {"/tv/", "text/html; charset=utf-8", kHash, "<title>TV</title>", "", ""},
    {"/tv", "", "", "", "", "/tv/"},
}};

class Client : public testing::Test {
 protected:
  static ApiOptions options(bool has_key) {
    ApiOptions out;
    out.client = kFiles;
    if (has_key) {
      out.keys.emplace_back();
      out.keys.back().digest = digest_of("right-key");
    }
    return out;
  }
  http::Response ask(const std::string& path, http::Headers headers = {},
                     const std::string& method = "GET") {
    http::Request request;
    request.method = method;
    request.path = path;
    request.headers = std::move(headers);
    request.headers.emplace_back("Host", "localhost");
    return setting_.ask(std::make_shared<FakeExchange>(request))->response;
  }
  static std::string header(const http::Response& response, std::string_view name) {
    return std::string(http::find_header(response.headers, name).value_or("(none)"));
  }

  ApiSetting setting_{options(/*has_key=*/true)};
};

TEST_F(Client, FilesNeedNoKey) {
  const http::Response page = ask("/");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.static_body, "<!doctype html>");
  EXPECT_EQ(header(page, "Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(header(page, "Cache-Control"), "no-cache");
  EXPECT_EQ(header(ask("/sw.js"), "Cache-Control"), "no-cache");
  EXPECT_EQ(header(ask("/assets/a-1.js"), "Cache-Control"), "public, max-age=31536000, immutable");
  EXPECT_EQ(ask("/v1/models").status, 401);
  EXPECT_EQ(ask("/", {}, "POST").status, 401);
  EXPECT_EQ(ask("/", {{"Authorization", "Bearer right-key"}}, "POST").status, 405);
}

TEST_F(Client, EveryFileIsGuarded) {
  for (const ClientFile& file : kFiles) {
    if (!file.location.empty()) continue;
    const http::Response got = ask(std::string(file.path));
    const std::string policy = header(got, "Content-Security-Policy");
    EXPECT_TRUE(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"));
    EXPECT_EQ(policy.find("unsafe"), std::string::npos);
    EXPECT_EQ(header(got, "X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(header(got, "Referrer-Policy"), "no-referrer");
    EXPECT_NE(header(got, "Permissions-Policy").find("xr-spatial-tracking=(self)"),
              std::string::npos);
  }
}

TEST_F(Client, PackedForThoseWhoTakeIt) {
  const auto encoding = [&](const std::string& accepted) {
    return header(ask("/", {{"Accept-Encoding", accepted}}), "Content-Encoding");
  };
  for (const auto* accepted :
       {"gzip", "br, gzip;q=0.5", "GZIP", "*", "deflate,gzip", "gzip; q=1"}) {
    EXPECT_EQ(encoding(accepted), "gzip") << accepted;
  }
  for (const auto* accepted : {"", "br", "gzip;q=0", "gzip; q=0.000", "x-gzip", "identity"}) {
    EXPECT_EQ(encoding(accepted), "(none)") << accepted;
  }
  EXPECT_EQ(ask("/", {{"Accept-Encoding", "gzip"}}).static_body, "packed");
  // What does not become smaller has no packed form.
  EXPECT_EQ(header(ask("/sw.js", {{"Accept-Encoding", "gzip"}}), "Content-Encoding"), "(none)");
}

TEST_F(Client, WhatIsKnownIsNotSentAgain) {
  const std::string tag = header(ask("/"), "ETag");
  const http::Response again = ask("/", {{"If-None-Match", tag}});
  EXPECT_EQ(again.status, 304);
  EXPECT_TRUE(again.static_body.empty());
  EXPECT_EQ(header(again, "ETag"), tag);
  EXPECT_NE(header(again, "Vary"), "(none)");
  EXPECT_EQ(ask("/", {{"If-None-Match", "\"other\""}}).status, 200);
  // The packed form is another representation.
  const http::Headers packed = {{"Accept-Encoding", "gzip"}, {"If-None-Match", tag}};
  EXPECT_EQ(ask("/", packed).status, 200);
  EXPECT_NE(header(ask("/", packed), "ETag"), tag);
}

TEST_F(Client, TelevisionsGetTheirOwn) {
  const http::Headers tv = {{"User-Agent", "Mozilla/5.0 (Web0S; Linux/SmartTV) Chrome/79"}};
  const http::Response sent = ask("/", tv);
  EXPECT_EQ(sent.status, 302);
  EXPECT_EQ(header(sent, "Location"), "/tv/");
  EXPECT_EQ(ask("/tv/", tv).static_body, "<title>TV</title>");
  EXPECT_EQ(header(ask("/tv"), "Location"), "/tv/");
  EXPECT_EQ(ask("/", {{"User-Agent", "Mozilla/5.0 (X11; Linux) Chrome/140"}}).status, 200);
}

TEST_F(Client, NothingBesideTheFiles) {
  ApiSetting open(options(/*has_key=*/false));
  for (const auto* path : {"/..", "/../etc/passwd", "/assets/../sw.js", "/assets/", "/assets", "//",
                           "//sw.js", "/sw.js/", "/\\..\\sw.js", "/assets\\a-1.js", "/SW.JS",
                           "/tv/index.html", "/sw.js%00", "/%2e%2e/sw.js", "/.", "/{id}"}) {
    EXPECT_EQ(open.ask(get(path))->response.status, 404) << path;
    EXPECT_EQ(ask(path).status, 401) << path;
  }
  http::Request encoded = get("/assets/a-1.js")->request();
  encoded.has_encoded_slash = true;
  EXPECT_EQ(open.ask(std::make_shared<FakeExchange>(encoded))->response.status, 404);
}

TEST(EmbeddedClient, HasAPage) {
  std::set<std::string_view> paths;
  for (const ClientFile& file : embedded_client()) {
    EXPECT_TRUE(paths.insert(file.path).second) << file.path;
    EXPECT_EQ(file.path.find('{'), std::string_view::npos);
    if (!file.location.empty()) continue;
    EXPECT_EQ(file.hash.size(), 32U);
    EXPECT_FALSE(file.type.empty());
    if (!file.gzip.empty()) {
      EXPECT_LT(file.gzip.size(), file.bytes.size());
      EXPECT_TRUE(file.gzip.starts_with("\x1f\x8b"));
    }
    if (file.path == "/") {
      EXPECT_TRUE(file.bytes.starts_with("<!doctype html>") ||
                  file.bytes.starts_with("<!DOCTYPE html>"));
    }
  }
  EXPECT_TRUE(paths.contains("/"));
  EXPECT_TRUE(paths.contains("/index.html"));
}

}  // namespace
}  // namespace ondol::api
