// The routes of conversations, pairings and devices, asked as clients ask them.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <vector>

#include "api/client/pairings.h"
#include "api/store/client_store.h"
#include "api/testing/api_setting.h"

namespace ondol::api {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::string_view kConversations = "/v1/ondol/conversations";
constexpr std::string_view kId = "0b7c1e5a-1d2f-4a3b-8c4d-5e6f708192a3";
constexpr std::string_view kOtherId = "1b7c1e5a-1d2f-4a3b-8c4d-5e6f708192a3";

class ClientApi : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "ondol-client-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    start({"key-a", "key-b"});
  }
  void TearDown() override {
    setting_.reset();
    store_.reset();
    fs::remove_all(folder_);
  }

  // As a server does: with what the store has.
  void start(const std::vector<std::string>& keys, bool has_store = true) {
    setting_.reset();
    store_.reset();
    ApiOptions options;
    for (const std::string& key : keys) {
      options.keys.emplace_back();
      options.keys.back().digest = digest_of(key);
    }
    if (has_store) {
      ClientStoreOptions limits;
      limits.path = (folder_ / "client.sqlite").string();
      limits.max_conversations = 3;
      store_ = *ClientStore::open(limits);
      options.client_store = store_.get();
      options.devices = *store_->devices();
    }
    setting_ = std::make_unique<ApiSetting>(std::move(options));
  }

  http::Response ask(const std::string& method, const std::string& target,
                     const std::string& body = "", http::Headers headers = {},
                     const std::string& key = "key-a") {
    http::Request request;
    request.method = method;
    const auto mark = target.find('?');
    request.path = target.substr(0, mark);
    if (mark != std::string::npos) request.query = target.substr(mark + 1);
    request.headers = std::move(headers);
    request.headers.emplace_back("Host", "localhost");
    if (!key.empty()) request.headers.emplace_back("Authorization", "Bearer " + key);
    request.body = body;
    request.peer = "127.0.0.1";
    return setting_->ask(std::make_shared<FakeExchange>(request))->response;
  }
  static json::object object_in(const http::Response& response) {
    return json::parse(response.body).as_object();
  }
  static std::string code_in(const http::Response& response) {
    return std::string(object_in(response).at("error").at("code").as_string());
  }
  static std::string tag_of(const http::Response& response) {
    return std::string(http::find_header(response.headers, "ETag").value_or("(none)"));
  }
  static std::string at(std::string_view id) {
    return std::string(kConversations) + "/" + std::string(id);
  }
  // A device that was approved by key-a; answers its key.
  std::string paired_key() {
    const json::object started =
        object_in(ask("POST", "/v1/ondol/pairings", R"({"name":"Living room"})", {}, ""));
    const std::string code(started.at("code").as_string());
    EXPECT_EQ(ask("POST", "/v1/ondol/pairings/" + code + "/approve").status, 200);
    const std::string token(started.at("poll_token").as_string());
    const json::object state = object_in(ask("GET", "/v1/ondol/pairings/" + token, "", {}, ""));
    EXPECT_EQ(state.at("status"), "approved");
    return std::string(state.at("key").as_string());
  }

  fs::path folder_;
  std::unique_ptr<ClientStore> store_;
  std::unique_ptr<ApiSetting> setting_;
};

TEST_F(ClientApi, AConversationComesBackAsItWas) {
  const std::string text = R"({ "title": "Über Stein", "turns": [1.50, {"x": null}] })";
  const http::Response put = ask("PUT", at(kId), text);
  ASSERT_EQ(put.status, 200) << put.body;
  const http::Response got = ask("GET", at(kId));
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.body, text);
  EXPECT_EQ(tag_of(got), tag_of(put));
  EXPECT_EQ(http::find_header(got.headers, "Cache-Control"), "no-store");
  const json::object list = object_in(ask("GET", std::string(kConversations)));
  ASSERT_EQ(list.at("data").as_array().size(), 1U);
  EXPECT_EQ(list.at("data").at(0).at("title"), "Über Stein");
  EXPECT_EQ(list.at("data").at(0).at("etag").as_string(), tag_of(put));
  EXPECT_EQ(ask("GET", at(kId), "", {{"If-None-Match", tag_of(put)}}).status, 304);
  EXPECT_EQ(ask("DELETE", at(kId)).status, 200);
  EXPECT_EQ(code_in(ask("GET", at(kId))), "conversation_not_found");
  EXPECT_EQ(ask("DELETE", at(kId)).status, 404);
}

TEST_F(ClientApi, TwoWhoWriteAtOnce) {
  const std::string first = tag_of(ask("PUT", at(kId), R"({"v":1})", {{"If-None-Match", "*"}}));
  EXPECT_EQ(ask("PUT", at(kId), R"({"v":2})", {{"If-Match", first}}).status, 200);
  const http::Response late = ask("PUT", at(kId), R"({"v":3})", {{"If-Match", first}});
  EXPECT_EQ(late.status, 412);
  EXPECT_EQ(code_in(late), "conversation_conflict");
  EXPECT_EQ(tag_of(late), tag_of(ask("GET", at(kId))));
  EXPECT_NE(late.body.find(first.substr(1, 32)), std::string::npos);
  EXPECT_NE(late.body.find(tag_of(late).substr(1, 32)), std::string::npos);
  EXPECT_EQ(ask("PUT", at(kId), "{}", {{"If-None-Match", "*"}}).status, 412);
  EXPECT_EQ(ask("DELETE", at(kId), "", {{"If-Match", first}}).status, 412);
  const http::Response gone = ask("PUT", at(kOtherId), "{}", {{"If-Match", first}});
  EXPECT_EQ(gone.status, 412);
  EXPECT_EQ(tag_of(gone), "(none)");
  EXPECT_EQ(ask("PUT", at(kId), "{}", {{"If-Match", std::string(5000, 'x')}}).status, 412);
  EXPECT_EQ(ask("GET", at(kId)).body, R"({"v":2})");
}

TEST_F(ClientApi, OtherKeysSeeNothing) {
  EXPECT_EQ(ask("PUT", at(kId), "{}").status, 200);
  EXPECT_EQ(ask("GET", at(kId), "", {}, "key-b").status, 404);
  EXPECT_EQ(ask("DELETE", at(kId), "", {}, "key-b").status, 404);
  EXPECT_EQ(object_in(ask("GET", std::string(kConversations), "", {}, "key-b")).at("last_id"),
            nullptr);
  EXPECT_EQ(ask("GET", at(kId), "", {}, "").status, 401);
}

TEST_F(ClientApi, WhatIsNoConversation) {
  for (const auto* body : {"", "[]", "1", "{", "{\"a\":1,\"a\":2}", "\xff", "{} x"}) {
    EXPECT_EQ(ask("PUT", at(kId), body).status, 400) << body;
  }
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "{\"a\":";
  EXPECT_EQ(ask("PUT", at(kId), deep + "1" + std::string(100, '}')).status, 400);
  for (const auto* id : {"x", "0B7C1E5A-1D2F-4A3B-8C4D-5E6F708192A3", "..", "' OR 1=1 --",
                         "0b7c1e5a-1d2f-4a3b-8c4d-5e6f708192a3 ", "%00"}) {
    EXPECT_EQ(ask("PUT", at(id), "{}").status, 400) << id;
    EXPECT_EQ(ask("GET", at(id)).status, 400) << id;
  }
  const std::string large = R"({"a":")" + std::string(std::size_t{4} << 20, 'x') + "\"}";
  const http::Response refused = ask("PUT", at(kId), large);
  EXPECT_EQ(refused.status, 413);
  EXPECT_NE(refused.body.find("4194304"), std::string::npos);
  EXPECT_EQ(ask("PUT", at(kId), R"({"title":7})").status, 200);
  const std::string title = std::string(511, 'x') + "ü";
  const http::Response cut = ask("PUT", at(kId), R"({"title":")" + title + "\"}");
  EXPECT_EQ(object_in(cut).at("title").as_string().size(), 511U);
}

TEST_F(ClientApi, BoundsAreToldInNumbers) {
  for (const auto* id :
       {"00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002",
        "00000000-0000-0000-0000-000000000003"}) {
    EXPECT_EQ(ask("PUT", at(id), "{}").status, 200);
  }
  const http::Response refused = ask("PUT", at(kId), "{}");
  EXPECT_EQ(refused.status, 507);
  EXPECT_NE(refused.body.find("(4, limit 3)"), std::string::npos) << refused.body;
  EXPECT_EQ(refused.body.find(folder_.string()), std::string::npos);
  const std::string list(kConversations);
  const json::object page = object_in(ask("GET", list + "?limit=2"));
  EXPECT_EQ(page.at("has_more"), true);
  const std::string last(page.at("last_id").as_string());
  EXPECT_EQ(object_in(ask("GET", list + "?limit=2&after=" + last)).at("data").as_array().size(),
            1U);
  for (const auto* bad :
       {"?limit=0", "?limit=201", "?limit=x", "?after=x", "?no=1", "?limit=1&limit=2"}) {
    EXPECT_EQ(ask("GET", list + bad).status, 400) << bad;
  }
  EXPECT_EQ(ask("GET", list + "?after=" + std::string(kOtherId)).status, 400);
}

TEST_F(ClientApi, ATelevisionIsLetIn) {
  EXPECT_EQ(ask("PUT", at(kId), "{}").status, 200);
  const std::string key = paired_key();
  EXPECT_TRUE(key.starts_with("ondol-"));
  EXPECT_EQ(key.size(), 6 + kPairingTokenLength);
  // The same caller: its conversations are there.
  EXPECT_EQ(ask("GET", at(kId), "", {}, key).status, 200);
  const json::object devices = object_in(ask("GET", "/v1/ondol/devices", "", {}, key));
  const json::value& device = devices.at("data").at(0);
  EXPECT_EQ(device.at("name"), "Living room");
  EXPECT_EQ(json::serialize(devices).find(key.substr(6)), std::string::npos);
  // Also after a restart, but not once its owner's key is gone.
  start({"key-a", "key-b"});
  EXPECT_EQ(ask("GET", "/v1/models", "", {}, key).status, 200);
  start({"key-b"});
  EXPECT_EQ(ask("GET", "/v1/models", "", {}, key).status, 401);
  start({"key-a", "key-b"});
  const std::string path = "/v1/ondol/devices/" + std::string(device.at("id").as_string());
  EXPECT_EQ(ask("DELETE", path, "", {}, "key-b").status, 404);
  EXPECT_EQ(ask("DELETE", path).status, 200);
  EXPECT_EQ(ask("DELETE", path).status, 404);
  EXPECT_EQ(ask("GET", "/v1/models", "", {}, key).status, 401);
  start({"key-a", "key-b"});
  EXPECT_EQ(ask("GET", "/v1/models", "", {}, key).status, 401);
}

TEST_F(ClientApi, ATokenThatWaits) {
  const json::object started = object_in(ask("POST", "/v1/ondol/pairings", "", {}, ""));
  const std::string poll =
      "/v1/ondol/pairings/" + std::string(started.at("poll_token").as_string());
  const std::string code(started.at("code").as_string());
  EXPECT_EQ(ask("GET", poll, "", {}, "").body, R"({"status":"pending"})");
  EXPECT_EQ(ask("POST", "/v1/ondol/pairings/" + code + "/approve", "", {}, "").status, 401);
  EXPECT_EQ(ask("POST", "/v1/ondol/pairings/" + code + "/approve").status, 200);
  EXPECT_EQ(ask("HEAD", poll, "", {}, "").status, 405);
  EXPECT_EQ(object_in(ask("GET", poll, "", {}, "")).at("status"), "approved");
  EXPECT_EQ(ask("GET", poll, "", {}, "").status, 404);
  // The code is no token, nor the token a code.
  EXPECT_EQ(ask("GET", "/v1/ondol/pairings/" + code, "", {}, "").status, 404);
  EXPECT_EQ(ask("POST", poll + "/approve").status, 404);
}

TEST_F(ClientApi, PairingIsBounded) {
  for (const auto* body : {"[]", "{\"name\":7}", "{\"no\":1}", "{"}) {
    EXPECT_EQ(ask("POST", "/v1/ondol/pairings", body, {}, "").status, 400) << body;
  }
  const std::string name(65, 'x');
  EXPECT_EQ(ask("POST", "/v1/ondol/pairings", R"({"name":")" + name + "\"}", {}, "").status, 400);
  for (std::size_t i = 0; i < kMaxStartsPerMinuteOfPeer; ++i) {
    EXPECT_EQ(ask("POST", "/v1/ondol/pairings", "", {}, "").status, 200);
  }
  const http::Response refused = ask("POST", "/v1/ondol/pairings", "", {}, "");
  EXPECT_EQ(refused.status, 429);
  EXPECT_TRUE(http::find_header(refused.headers, "Retry-After"));
  for (std::size_t i = 0; i < kMaxWrongCodesPerMinute; ++i) {
    EXPECT_EQ(ask("POST", "/v1/ondol/pairings/ZZZZZZ/approve").status, 404);
  }
  EXPECT_EQ(ask("POST", "/v1/ondol/pairings/ZZZZZZ/approve").status, 429);
  EXPECT_EQ(ask("POST", "/v1/ondol/pairings/ZZZZZZ/approve", "", {}, "key-b").status, 404);
}

TEST_F(ClientApi, WithoutKeysNoneIsNeeded) {
  start({});
  const json::object started = object_in(ask("POST", "/v1/ondol/pairings", "", {}, ""));
  const std::string code(started.at("code").as_string());
  EXPECT_EQ(ask("POST", "/v1/ondol/pairings/" + code + "/approve", "", {}, "").body,
            R"({"status":"approved","device":null})");
  const std::string token(started.at("poll_token").as_string());
  EXPECT_EQ(ask("GET", "/v1/ondol/pairings/" + token, "", {}, "").body,
            R"({"status":"approved","key":null})");
  EXPECT_EQ(ask("PUT", at(kId), "{}", {}, "").status, 200);
  EXPECT_EQ(object_in(ask("GET", "/v1/ondol/devices", "", {}, "")).at("data").as_array().size(),
            0U);
  EXPECT_EQ(ask("DELETE", "/v1/ondol/devices/x", "", {}, "").status, 404);
}

TEST_F(ClientApi, AServerThatKeepsNothingSaysSo) {
  start({"key-a"}, /*has_store=*/false);
  for (const auto* method : {"GET", "PUT", "DELETE"}) {
    EXPECT_EQ(code_in(ask(method, at(kId), "{}")), "nothing_is_kept") << method;
  }
  EXPECT_EQ(ask("GET", "/v1/ondol/devices").status, 404);
  const json::object started = object_in(ask("POST", "/v1/ondol/pairings", "", {}, ""));
  const std::string code(started.at("code").as_string());
  EXPECT_EQ(ask("POST", "/v1/ondol/pairings/" + code + "/approve").status, 400);
  // The claim was given back.
  EXPECT_EQ(ask("POST", "/v1/ondol/pairings/" + code + "/approve").status, 400);
}

}  // namespace
}  // namespace ondol::api
