// Responses over an exchange in memory and the fake model: whole and streamed, kept and
// gone on with, refused by the client's own names, and what a full disk makes of them.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/json.hpp>
#include <filesystem>

#include "api/api.h"
#include "api/store/response_store.h"
#include "api/testing/api_setting.h"
#include "api/testing/fake_exchange.h"
#include "api/testing/fake_source.h"
#include "api/testing/full_disk.h"

namespace ondol::api {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

// A folder for the store, gone when it goes.
struct Folder {
  Folder() {
    std::string name = (fs::temp_directory_path() / "ondol-responses-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    path = name;
  }
  ~Folder() { fs::remove_all(path); }
  fs::path path;
};

ApiOptions with_keys() {
  ApiOptions options;
  for (const char* name : {"first-key", "second-key"}) {
    options.keys.emplace_back();
    options.keys.back().name = name;
    options.keys.back().digest = digest_of(name);
  }
  return options;
}

struct Setting {
  explicit Setting(ApiOptions options = {}, bool has_store = true) {
    engine::EngineOptions engine = small_engine();
    engine.max_context = 1024;
    engine.kv_tokens = 4096;
    source = std::make_unique<FakeSource>(fake_served_model(engine));
    if (has_store) open_store();
    options.store = store.get();
    api = std::make_unique<Api>(*source, std::move(options));
  }
  ~Setting() { api.reset(); }

  void open_store() {
    StoreOptions options;
    options.path = (folder.path / "responses.sqlite").string();
    auto opened = ResponseStore::open(options);
    ASSERT_TRUE(opened.has_value()) << opened.error().message();
    store = *std::move(opened);
  }

  std::shared_ptr<FakeExchange> ask(const std::string& method, const std::string& path,
                                    const std::string& body = "", const std::string& key = "") {
    http::Request request;
    request.method = method;
    request.path = path.substr(0, path.find('?'));
    if (path.size() > request.path.size()) request.query = path.substr(request.path.size() + 1);
    request.headers = {{"Host", "localhost"}};
    if (!key.empty()) request.headers.emplace_back("Authorization", "Bearer " + key);
    request.body = body;
    request.id = "test";
    auto exchange = std::make_shared<FakeExchange>(std::move(request));
    api->handle(exchange);
    EXPECT_TRUE(exchange->run_to_end()) << body;
    return exchange;
  }
  json::object create(const std::string& more, const std::string& key = "") {
    const auto exchange = ask("POST", "/v1/responses", body_of(more), key);
    EXPECT_EQ(exchange->response.status, 200) << exchange->response.body;
    return exchange->json();
  }
  static std::string body_of(const std::string& more) {
    // Special tokens are kept away: the end, so that answers have a length, and those
    // that an answer's text does not show.
    return R"({"seed":3,"logit_bias":{"0":-100,"1":-100,"2":-100,"13":-100},"max_output_tokens":12)" +
           (more.empty() ? "" : "," + more) + "}";
  }

  Folder folder;
  std::unique_ptr<ResponseStore> store;
  std::unique_ptr<FakeSource> source;
  std::unique_ptr<Api> api;
};

std::string text_of(const json::object& response) {
  return std::string(response.at("output").at(0).at("content").at(0).at("text").as_string());
}

std::string id_of(const json::object& response) {
  return std::string(response.at("id").as_string());
}

json::object error_of(const FakeExchange& exchange) {
  return exchange.json().at("error").as_object();
}

std::vector<json::object> events_of(const FakeExchange& exchange) {
  std::vector<json::object> out;
  std::string_view rest = exchange.response.body;
  while (!rest.empty()) {
    const std::string_view event = rest.substr(0, rest.find("\n\n"));
    rest.remove_prefix(event.size() + 2);
    const std::size_t data = event.find("\ndata: ");
    EXPECT_NE(data, std::string_view::npos) << event;
    const json::object object = json::parse(event.substr(data + 7)).as_object();
    EXPECT_EQ("event: " + std::string(object.at("type").as_string()), event.substr(0, data));
    EXPECT_EQ(object.at("sequence_number"), static_cast<std::int64_t>(out.size()));
    out.push_back(object);
  }
  return out;
}

TEST(Responses, WholeReplyTellsAll) {
  Setting setting;
  const json::object reply = setting.create(
      R"("input":"hello","instructions":"be brief","temperature":0.7,"metadata":{"a":"b"})");
  EXPECT_TRUE(id_of(reply).starts_with("resp_"));
  EXPECT_EQ(reply.at("object"), "response");
  EXPECT_EQ(reply.at("status"), "incomplete");
  EXPECT_EQ(reply.at("incomplete_details").at("reason"), "max_output_tokens");
  EXPECT_EQ(reply.at("instructions"), "be brief");
  EXPECT_EQ(json::serialize(reply.at("temperature")), "7E-1");
  EXPECT_EQ(reply.at("metadata").at("a"), "b");
  EXPECT_EQ(reply.at("store"), true);
  EXPECT_EQ(reply.at("tools"), json::array());
  EXPECT_EQ(reply.at("text").at("format").at("type"), "text");
  const json::value& item = reply.at("output").at(0);
  EXPECT_EQ(item.at("type"), "message");
  EXPECT_EQ(item.at("role"), "assistant");
  EXPECT_EQ(item.at("status"), "incomplete");
  const json::value& usage = reply.at("usage");
  EXPECT_EQ(usage.at("output_tokens"), 12);
  EXPECT_EQ(usage.at("total_tokens").as_int64(), usage.at("input_tokens").as_int64() + 12);
  EXPECT_EQ(usage.at("output_tokens_details").at("reasoning_tokens"), 0);
}

TEST(Responses, AnAnswerThatEndsIsComplete) {
  Setting setting;
  const auto exchange = setting.ask("POST", "/v1/responses",
                                    R"({"input":"hello","logit_bias":{"13":100},"temperature":0})");
  const json::object reply = exchange->json();
  EXPECT_EQ(reply.at("status"), "completed");
  EXPECT_TRUE(reply.at("incomplete_details").is_null());
  EXPECT_TRUE(reply.at("completed_at").is_int64());
  EXPECT_EQ(text_of(reply), "");  // one message all the same
}

TEST(Responses, TheStreamIsTheReplyInPieces) {
  Setting setting;
  const std::string more =
      R"("input":"hello","include":["message.output_text.logprobs"],"top_logprobs":2)";
  const json::object whole = setting.create(more);
  const auto exchange =
      setting.ask("POST", "/v1/responses", Setting::body_of(more + R"(,"stream":true)"));
  const auto events = events_of(*exchange);
  std::vector<std::string> types;
  std::string text;
  json::array logprobs;
  for (const json::object& event : events) {
    const std::string type(event.at("type").as_string());
    if (types.empty() || types.back() != type) types.push_back(type);
    if (type != "response.output_text.delta") continue;
    text += std::string(event.at("delta").as_string());
    for (const auto& item : event.at("logprobs").as_array()) logprobs.push_back(item);
  }
  EXPECT_EQ(types, (std::vector<std::string>{
                       "response.created", "response.in_progress", "response.output_item.added",
                       "response.content_part.added", "response.output_text.delta",
                       "response.output_text.done", "response.content_part.done",
                       "response.output_item.done", "response.incomplete"}));
  EXPECT_EQ(events.front().at("response").at("status"), "in_progress");
  EXPECT_EQ(events.front().at("response").at("output"), json::array());
  EXPECT_EQ(text, text_of(whole));
  EXPECT_EQ(logprobs, whole.at("output").at(0).at("content").at(0).at("logprobs").as_array());
  EXPECT_EQ(logprobs.size(), 12U);
  const json::object& last = events.back().at("response").as_object();
  EXPECT_EQ(text_of(last), text);
  EXPECT_EQ(last.at("usage").at("output_tokens"), 12);
  EXPECT_EQ(events.back().at("response").at("id"), events.front().at("response").at("id"));
  // What was streamed is what was kept.
  const auto kept = setting.ask("GET", "/v1/responses/" + id_of(last));
  EXPECT_EQ(kept->json(), last);
}

TEST(Responses, AConversationGoesOnFromTheSameTokens) {
  Setting setting;
  const json::object first = setting.create(R"("input":"tell me of the sea and the ships on it")");
  const json::object second =
      setting.create(R"("input":"go on","previous_response_id":")" + id_of(first) + "\"");
  EXPECT_EQ(second.at("previous_response_id"), first.at("id"));
  // Its prompt begins with all tokens of the first one, prompt and answer.
  const auto n_shared = [&](const json::object& response) {
    return setting.store->conversation(0, id_of(response)).value().back().n_shared;
  };
  EXPECT_EQ(n_shared(second), first.at("usage").at("total_tokens").as_int64());
  // And goes on with the new turn, a token a character.
  constexpr std::string_view kNew = "\nuser: go on\nassistant: ";
  EXPECT_EQ(second.at("usage").at("input_tokens").as_int64(),
            n_shared(second) + static_cast<std::int64_t>(kNew.size()));
  const json::object third =
      setting.create(R"("input":"and then","previous_response_id":")" + id_of(second) + "\"");
  EXPECT_EQ(n_shared(third), second.at("usage").at("total_tokens").as_int64());
}

TEST(Responses, ConversationsSurviveARestart) {
  Setting setting;
  const json::object first = setting.create(R"("input":"hello")");
  setting.api.reset();
  setting.store.reset();
  setting.open_store();
  ApiOptions options;
  options.store = setting.store.get();
  setting.api = std::make_unique<Api>(*setting.source, options);
  const auto kept = setting.ask("GET", "/v1/responses/" + id_of(first));
  EXPECT_EQ(kept->json(), first);
  const json::object second =
      setting.create(R"("input":"go on","previous_response_id":")" + id_of(first) + "\"");
  EXPECT_GT(second.at("usage").at("input_tokens").as_int64(),
            first.at("usage").at("total_tokens").as_int64());
}

TEST(Responses, OfAnotherKeyAreNotThere) {
  Setting setting(with_keys());
  const std::string id = id_of(setting.create(R"("input":"hello")", "first-key"));
  for (const auto& [method, path] : std::vector<std::pair<std::string, std::string>>{
           {"GET", "/v1/responses/" + id},
           {"GET", "/v1/responses/" + id + "/input_items"},
           {"POST", "/v1/responses/" + id + "/cancel"},
           {"DELETE", "/v1/responses/" + id}}) {
    EXPECT_EQ(setting.ask(method, path, "", "second-key")->response.status, 404) << path;
  }
  const auto go_on =
      setting.ask("POST", "/v1/responses", R"({"input":"x","previous_response_id":")" + id + "\"}",
                  "second-key");
  EXPECT_EQ(go_on->response.status, 404);
  EXPECT_EQ(error_of(*go_on).at("param"), "previous_response_id");
  EXPECT_EQ(error_of(*go_on).at("code"), "previous_response_not_found");
  EXPECT_EQ(setting.ask("GET", "/v1/responses/" + id, "", "first-key")->response.status, 200);
}

TEST(Responses, DeletedOnesAreGone) {
  Setting setting;
  const std::string id = id_of(setting.create(R"("input":"hello")"));
  const auto deleted = setting.ask("DELETE", "/v1/responses/" + id);
  EXPECT_EQ(deleted->response.status, 200);
  EXPECT_EQ(deleted->json(),
            (json::object{{"id", id}, {"object", "response.deleted"}, {"deleted", true}}));
  EXPECT_EQ(setting.ask("DELETE", "/v1/responses/" + id)->response.status, 404);
  EXPECT_EQ(setting.ask("GET", "/v1/responses/" + id)->response.status, 404);
  const json::object unkept = setting.create(R"("input":"hello","store":false)");
  EXPECT_EQ(setting.ask("GET", "/v1/responses/" + id_of(unkept))->response.status, 404);
  EXPECT_EQ(setting.ask("GET", "/v1/responses/a/b")->response.status, 404);
}

TEST(Responses, OnlyBackgroundOnesCanBeCancelled) {
  Setting setting;
  const std::string id = id_of(setting.create(R"("input":"hello")"));
  EXPECT_EQ(setting.ask("POST", "/v1/responses/" + id + "/cancel")->response.status, 400);
}

TEST(Responses, InputItemsComeInPages) {
  Setting setting;
  std::string items;
  for (int i = 0; i < 5; ++i) {
    items += std::string(i > 0 ? "," : "") + R"({"role":"user","content":"m)" + std::to_string(i) +
             "\"}";
  }
  const std::string path =
      "/v1/responses/" + id_of(setting.create("\"input\":[" + items + "]")) + "/input_items";
  const auto texts = [](const json::object& page) {
    std::string out;
    for (const auto& item : page.at("data").as_array()) {
      out += std::string(item.at("content").at(0).at("text").as_string()) + " ";
    }
    return out;
  };
  const json::object all = setting.ask("GET", path)->json();
  EXPECT_EQ(texts(all), "m4 m3 m2 m1 m0 ");
  EXPECT_EQ(all.at("has_more"), false);
  const json::object first = setting.ask("GET", path + "?order=asc&limit=2")->json();
  EXPECT_EQ(texts(first), "m0 m1 ");
  EXPECT_EQ(first.at("has_more"), true);
  EXPECT_EQ(first.at("first_id"), first.at("data").at(0).at("id"));
  const json::object next =
      setting
          .ask("GET",
               path + "?order=asc&limit=3&after=" + std::string(first.at("last_id").as_string()))
          ->json();
  EXPECT_EQ(texts(next), "m2 m3 m4 ");
  EXPECT_EQ(next.at("has_more"), false);
  for (const auto& [query, param] : std::vector<std::pair<std::string, std::string>>{
           {"limit=0", "limit"},
           {"limit=101", "limit"},
           {"limit=x", "limit"},
           {"order=up", "order"},
           {"after=nothing", "after"},
           {"include[]=file_search_call.results", "include"},
           {"x=1", "x"},
           {"limit=1&limit=2", "limit"}}) {
    const auto refused = setting.ask("GET", std::string(path).append("?").append(query));
    EXPECT_EQ(refused->response.status, 400) << query;
    EXPECT_EQ(param_of(*refused), param) << query;
  }
  EXPECT_EQ(setting.ask("GET", path + "?a=%zz")->response.status, 400);
}

TEST(Responses, MistakesAreNamedInTheClientsWords) {
  Setting setting;
  for (const auto& [more, param] : std::vector<std::pair<std::string, std::string>>{
           {R"("input":null)", "input"},
           {R"("input":5)", "input"},
           {R"("input":[])", "input"},
           {R"("input":[5])", "input[0]"},
           {R"("input":[{"content":"a"}])", "input[0].role"},
           {R"("input":[{"role":"king","content":"a"}])", "input[0].role"},
           {R"("input":[{"role":"user"}])", "input[0].content"},
           {R"("input":[{"role":"user","content":[{"type":"input_image","image_url":"x"}]}])",
            "input[0].content[0].type"},
           {R"("input":[{"role":"user","content":[{"type":"input_text"}]}])",
            "input[0].content[0].text"},
           {R"("input":[{"role":"user","content":"a","x":1}])", "input[0].x"},
           {R"("input":[{"role":"user","content":"a"},{"type":"item_reference","id":"x"}])",
            "input[1].type"},
           {R"("input":[{"type":"function_call","call_id":"a","name":"f"}])", "input[0].arguments"},
           {R"("input":[{"type":"function_call_output","output":"a"}])", "input[0].call_id"},
           {R"("input":"a","temperature":3)", "temperature"},
           {R"("input":"a","n":1)", "n"},
           {R"("input":"a","max_tokens":1)", "max_tokens"},
           {R"("input":"a","messages":[])", "messages"},
           {R"("input":"a","store":1)", "store"},
           {R"("input":"a","background":true)", "background"},
           {R"("input":"a","truncation":"auto")", "truncation"},
           {R"("input":"a","conversation":"c")", "conversation"},
           {R"("input":"a","prompt":{"id":"p"})", "prompt"},
           {R"("input":"a","include":["reasoning.encrypted_content"])", "include[0]"},
           {R"("input":"a","top_logprobs":21)", "top_logprobs"},
           {R"("input":"a","stream_options":{"x":1})", "stream_options.x"},
           {R"("input":"a","text":{"format":{"type":"xml"}})", "text.format.type"},
           {R"("input":"a","text":{"format":{"type":"json_schema","name":"x"}})",
            "text.format.schema"},
           {R"("input":"a","text":{"verbosity":"high"})", "text.verbosity"},
           {R"("input":"a","reasoning":{"summary":"auto"})", "reasoning.summary"},
           {R"("input":"a","tools":[{"type":"web_search"}])", "tools[0].type"},
           {R"("input":"a","tools":[{"type":"function"}])", "tools[0].name"},
           {R"("input":"a","tools":[{"type":"function","name":"f","parameters":5}])",
            "tools[0].parameters"},
           {R"("input":"a","tool_choice":"required")", "tool_choice"},
           {R"("input":"a","tool_choice":{"type":"mcp"})", "tool_choice.type"},
           {R"("input":"a","best":1)", "best"},
           {R"("input":"a","previous_response_id":5)", "previous_response_id"}}) {
    const auto refused = setting.ask("POST", "/v1/responses", "{" + more + "}");
    EXPECT_EQ(refused->response.status, 400) << more << refused->response.body;
    EXPECT_EQ(param_of(*refused), param) << more << refused->response.body;
  }
  const auto tokens =
      setting.ask("POST", "/v1/responses", R"({"input":"a","max_output_tokens":0})");
  EXPECT_EQ(error_of(*tokens).at("param"), "max_output_tokens");
  EXPECT_EQ(error_of(*tokens).at("message").as_string().find("completion"), std::string::npos);
  const auto large =
      setting.ask("POST", "/v1/responses", R"({"input":")" + std::string(2000, 'a') + "\"}");
  EXPECT_EQ(error_of(*large).at("code"), "context_length_exceeded");
  EXPECT_EQ(error_of(*large).at("param"), "input");
}

TEST(Responses, WithoutAStoreNothingIsKept) {
  Setting setting({}, false);
  const json::object reply = setting.create(R"("input":"hello")");
  EXPECT_EQ(reply.at("store"), false);
  EXPECT_EQ(setting.ask("GET", "/v1/responses/" + id_of(reply))->response.status, 404);
  EXPECT_EQ(setting.ask("DELETE", "/v1/responses/" + id_of(reply))->response.status, 404);
  const auto refused = setting.ask("POST", "/v1/responses", R"({"input":"a","store":true})");
  EXPECT_EQ(refused->response.status, 400);
  EXPECT_EQ(error_of(*refused).at("param"), "store");
  EXPECT_EQ(setting.ask("POST", "/v1/responses", R"({"input":"a","previous_response_id":"x"})")
                ->response.status,
            404);
}

TEST(Responses, AFullDiskIsTold) {
  Setting setting;
  const json::object before = setting.create(R"("input":"hello")");
  {
    const FullDisk full;
    const auto whole = setting.ask("POST", "/v1/responses", Setting::body_of(R"("input":"a")"));
    EXPECT_EQ(whole->response.status, 507);
    EXPECT_EQ(error_of(*whole).at("code"), "insufficient_storage");
    const auto stream =
        setting.ask("POST", "/v1/responses", Setting::body_of(R"("input":"a","stream":true)"));
    const auto events = events_of(*stream);
    EXPECT_EQ(events.back().at("type"), "response.failed");
    EXPECT_EQ(events.back().at("response").at("status"), "failed");
    EXPECT_EQ(events.back().at("response").at("error").at("code"), "server_error");
    EXPECT_EQ(setting.create(R"("input":"a","store":false)").at("store"), false);
    EXPECT_EQ(setting.ask("GET", "/v1/responses/" + id_of(before))->response.status, 200);
  }
  setting.create(R"("input":"a","previous_response_id":")" + id_of(before) + "\"");
}

TEST(Responses, AnEngineErrorFailsTheStreamOnce) {
  Setting setting;
  // After its end token the fake model answers NaN.
  const std::string body =
      R"({"input":"a","ignore_eos":true,"logit_bias":{"13":100},"temperature":0)";
  const auto stream = setting.ask("POST", "/v1/responses", body + R"(,"stream":true})");
  const auto events = events_of(*stream);
  EXPECT_EQ(events.back().at("type"), "response.failed");
  EXPECT_GE(setting.ask("POST", "/v1/responses", body + "}")->response.status, 500);
}

}  // namespace
}  // namespace ondol::api
