#include "api/api.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <set>

#include "api/openapi.h"
#include "api/router.h"
#include "api/testing/fake_exchange.h"
#include "api/testing/fake_source.h"

namespace ondol::api {
namespace {

namespace json = boost::json;

struct Setting {
  explicit Setting(ApiOptions options = {}) : api(source, std::move(options)) {}

  std::shared_ptr<FakeExchange> ask(std::shared_ptr<FakeExchange> exchange) {
    api.handle(exchange);
    EXPECT_TRUE(exchange->run_to_end());
    return exchange;
  }

  FakeSource source{fake_served_model(small_engine())};
  Api api;
};

ApiOptions with_key() {
  ApiOptions options;
  options.keys.emplace_back();
  options.keys.back().name = "k";
  options.keys.back().digest = digest_of("right-key");
  return options;
}

std::shared_ptr<FakeExchange> call(const std::string& method, const std::string& path,
                                   http::Headers headers = {}) {
  http::Request request;
  request.method = method;
  request.path = path;
  request.headers = std::move(headers);
  request.headers.emplace_back("Host", "localhost");
  request.body = "{}";
  return std::make_shared<FakeExchange>(std::move(request));
}

// Of the OpenAI wire.
std::string error_code(const FakeExchange& exchange) {
  const json::object error = exchange.json().at("error").as_object();
  for (const auto& name : {"message", "type", "param", "code"}) EXPECT_TRUE(error.contains(name));
  return std::string(error.at("code").as_string());
}

TEST(Api, EveryRouteNeedsTheKeyUnlessPublic) {
  Setting setting(with_key());
  std::set<std::string_view> open;
  for (const Route& route : routes()) {
    std::string path(route.path);
    if (const std::size_t brace = path.find('{'); brace != std::string::npos) {
      path.replace(brace, path.find('}') + 1 - brace, "x");
    }
    const auto without = setting.ask(call(std::string(route.method), path));
    if (without->response.status != 401) {
      open.insert(route.path);
      continue;
    }
    const bool has_code = wire_of(path) == Wire::kOpenAi;
    if (has_code) {
      EXPECT_EQ(error_code(*without), "missing_api_key");
    }
    const auto wrong =
        setting.ask(call(std::string(route.method), path, {{"Authorization", "Bearer wrong"}}));
    EXPECT_EQ(wrong->response.status, 401) << path;
    if (has_code) {
      EXPECT_EQ(error_code(*wrong), "invalid_api_key");
    }
    const auto right =
        setting.ask(call(std::string(route.method), path, {{"Authorization", "Bearer right-key"}}));
    EXPECT_NE(right->response.status, 401) << path;
    EXPECT_LT(right->response.status, 500) << path;
  }
  EXPECT_EQ(open, (std::set<std::string_view>{"/health", "/ready", "/v1/ondol/pairings",
                                              "/v1/ondol/pairings/{poll_token}"}));
  // What there is not is not told apart without a key.
  EXPECT_EQ(setting.ask(call("GET", "/nothing"))->response.status, 401);
  EXPECT_EQ(setting.ask(call("PUT", "/v1/models"))->response.status, 401);
}

TEST(Api, UnknownPathsAndMethods) {
  Setting setting;
  const auto unknown = setting.ask(call("GET", "/v1/nothing"));
  EXPECT_EQ(unknown->response.status, 404);
  EXPECT_EQ(error_code(*unknown), "unknown_url");
  const auto method = setting.ask(call("GET", "/v1/chat/completions"));
  EXPECT_EQ(method->response.status, 405);
  EXPECT_EQ(http::find_header(method->response.headers, "Allow"), "POST, OPTIONS");
  EXPECT_EQ(setting.ask(call("HEAD", "/v1/models"))->response.status, 200);
  EXPECT_EQ(setting.ask(call("GET", "/v1/models/"))->response.status, 404);
}

TEST(Router, NamesInBracesStandForWhatTheySay) {
  const auto rest = [](std::string_view method, std::string_view path) {
    const RouteMatch match = find_route(routes(), method, path);
    return std::string(match.route == nullptr ? "none" : match.route->path) + " " + match.rest;
  };
  EXPECT_EQ(rest("GET", "/v1/models/a/b"), "/v1/models/{id} a/b");
  EXPECT_EQ(rest("GET", "/v1/responses/a"), "/v1/responses/{response_id} a");
  EXPECT_EQ(rest("GET", "/v1/responses/a/b"), "none ");
  EXPECT_EQ(rest("GET", "/v1/responses/"), "none ");
  EXPECT_EQ(rest("GET", "/v1/responses/a/input_items"),
            "/v1/responses/{response_id}/input_items a");
  EXPECT_EQ(rest("GET", "/v1/responses//input_items"), "none ");
  EXPECT_EQ(rest("GET", "/v1/responses/a/b/input_items"), "none ");
  EXPECT_EQ(find_route(routes(), "PUT", "/v1/responses/a").methods, "GET, HEAD, DELETE, OPTIONS");
}

TEST(Api, OptionsNeedsNoKey) {
  ApiOptions options = with_key();
  options.cors_origins = {"https://app.example"};
  Setting setting(options);
  const auto answer =
      setting.ask(call("OPTIONS", "/v1/chat/completions", {{"Origin", "https://app.example"}}));
  EXPECT_EQ(answer->response.status, 204);
  EXPECT_EQ(http::find_header(answer->response.headers, "Access-Control-Allow-Origin"),
            "https://app.example");
  // Errors can be read by the page, too.
  const auto refused = setting.ask(call("GET", "/v1/models", {{"Origin", "https://app.example"}}));
  EXPECT_EQ(refused->response.status, 401);
  EXPECT_TRUE(http::find_header(refused->response.headers, "Access-Control-Allow-Origin"));
  EXPECT_EQ(setting.ask(call("OPTIONS", "/v1/models", {{"Origin", "https://b.example"}}))
                ->response.status,
            403);
}

TEST(Api, ConcurrencyIsHeldUntilTheReplyIsOut) {
  ApiOptions options = with_key();
  options.keys.front().max_concurrent = 1;
  Setting setting(options);
  const http::Headers key = {{"Authorization", "Bearer right-key"}};
  const auto open = post_json("/v1/completions", R"({"prompt":"abc","max_tokens":4,"seed":1})");
  auto first = call("POST", "/v1/completions", key);
  {
    http::Request request = open->request();
    request.headers.push_back(key.front());
    first = std::make_shared<FakeExchange>(request);
  }
  setting.api.handle(first);
  EXPECT_EQ(setting.ask(call("GET", "/v1/models", key))->response.status, 429);
  EXPECT_TRUE(first->run_to_end());
  EXPECT_EQ(first->response.status, 200) << first->response.body;
  first->run_ready();
  EXPECT_EQ(setting.ask(call("GET", "/v1/models", key))->response.status, 200);
}

TEST(Api, Drain) {
  Setting setting;
  EXPECT_EQ(setting.ask(get("/ready"))->response.status, 200);
  setting.api.begin_drain();
  EXPECT_EQ(setting.ask(get("/ready"))->response.status, 503);
  EXPECT_EQ(setting.ask(get("/health"))->response.status, 200);
  const auto refused = setting.ask(post_json("/v1/completions", R"({"prompt":"a"})"));
  EXPECT_EQ(refused->response.status, 503);
  EXPECT_TRUE(http::find_header(refused->response.headers, "Retry-After"));
}

TEST(Api, ErrorsOfLoading) {
  Setting setting;
  const auto ask = [&](ErrorCode code) {
    setting.source.error = Error{code, "/home/me/model.gguf", "blk.0", "is broken", "", ""};
    const auto exchange = setting.ask(post_json("/v1/completions", R"({"prompt":"a"})"));
    EXPECT_EQ(exchange->response.body.find("/home"), std::string::npos);
    return exchange->response.status;
  };
  EXPECT_EQ(ask(ErrorCode::kNotFound), 404);
  EXPECT_EQ(ask(ErrorCode::kLimit), 503);
  EXPECT_EQ(ask(ErrorCode::kOutOfMemory), 507);
  EXPECT_EQ(ask(ErrorCode::kInvalidFile), 500);
}

TEST(Api, ModelsByName) {
  Setting setting;
  EXPECT_EQ(setting.ask(get("/v1/models"))->json().at("data").as_array().size(), 1U);
  const json::object model = setting.ask(get("/v1/models/fake"))->json();
  EXPECT_EQ(model.at("id"), "fake");
  EXPECT_EQ(model.at("max_model_len"), 256);
  EXPECT_EQ(model.at("meta").at("is_loaded"), false);
  const auto missing = setting.ask(get("/v1/models/a/b"));
  EXPECT_EQ(missing->response.status, 404);
  EXPECT_EQ(error_code(*missing), "model_not_found");
}

TEST(Api, MetricsTellTheEngine) {
  Setting setting;
  setting.ask(post_json("/v1/completions", R"({"prompt":"abc","max_tokens":3,"seed":1})"));
  const std::string text = setting.ask(get("/metrics"))->response.body;
  for (const auto& name :
       {"vllm:num_requests_running{", "vllm:num_requests_waiting{", "vllm:kv_cache_usage_perc{",
        "vllm:prompt_tokens_total{", "vllm:generation_tokens_total{",
        "vllm:time_to_first_token_seconds_bucket{", "vllm:e2e_request_latency_seconds_count{",
        "vllm:request_success_total{", "model_name=\"fake\"", "finished_reason="}) {
    EXPECT_NE(text.find(name), std::string::npos) << name << "\n" << text;
  }
}

TEST(Openapi, DescribesExactlyTheRoutes) {
  const json::object document = json::parse(openapi_document()).as_object();
  std::set<std::string> described;
  for (const auto& [path, operations] : document.at("paths").as_object()) {
    for (const auto& [method, operation] : operations.as_object()) {
      described.insert(std::string(method) + " " + std::string(path));
      const bool is_public = operation.as_object().contains("security");
      for (const Route& route : routes()) {
        if (route.path != path) continue;
        EXPECT_EQ(route.door == Door::kPublic, is_public) << path;
      }
    }
  }
  std::set<std::string> served;
  for (const Route& route : routes()) {
    std::string method(route.method);
    for (char& c : method) c = static_cast<char>(c - 'A' + 'a');
    served.insert(method + " " + std::string(route.path));
  }
  EXPECT_EQ(described, served);
}

TEST(Errors, TellNoFileOfTheServer) {
  const Refusal broken(Error{ErrorCode::kInvalidFile, "/home/me/x", "f", "d", "v", "l"});
  EXPECT_EQ(broken.status, 500);
  EXPECT_EQ(json::serialize(error_json(broken)).find("/home"), std::string::npos);
  const Refusal bad(Error{ErrorCode::kInvalidArgument, "/home/me/x", "f", "is wrong", "1", "2"});
  EXPECT_EQ(bad.status, 400);
  EXPECT_EQ(bad.message, "is wrong (found 1, limit 2)");
  EXPECT_EQ(bad.param, "");
  const Refusal field(Error{ErrorCode::kInvalidArgument, "request", "top_k", "is wrong", "", ""});
  EXPECT_EQ(field.param, "top_k");
}

}  // namespace
}  // namespace ondol::api
