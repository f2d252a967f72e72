// Text completions over an exchange in memory and the fake model.
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "api/testing/api_setting.h"

namespace ondol::api {
namespace {

namespace json = boost::json;

const json::object& choice(const json::object& reply, std::size_t index = 0) {
  return reply.at("choices").as_array().at(index).as_object();
}

// Tokens of the fake vocabulary that are no text.
bool is_special(const std::string& token) { return token.size() > 1 && token.front() == '<'; }

TEST(Completions, EchoAndLogprobs) {
  ApiSetting setting;
  const std::string body =
      R"({"prompt":"hello","max_tokens":6,"seed":2,"echo":true,"logprobs":2,"logit_bias":{"13":-100})";
  const auto whole = setting.post("/v1/completions", body + "}");
  ASSERT_EQ(whole->response.status, 200) << whole->response.body;
  const json::object reply = whole->json();
  const json::object& c = choice(reply);
  const std::string text(c.at("text").as_string());
  EXPECT_TRUE(text.starts_with("hello"));
  const json::object& logprobs = c.at("logprobs").as_object();
  const json::array& tokens = logprobs.at("tokens").as_array();
  ASSERT_EQ(tokens.size(), 1 + 5 + 6U);  // BOS, the prompt, the answer
  EXPECT_TRUE(logprobs.at("token_logprobs").as_array().at(0).is_null());
  EXPECT_TRUE(logprobs.at("token_logprobs").as_array().at(1).is_double());
  const json::array& offsets = logprobs.at("text_offset").as_array();
  ASSERT_EQ(offsets.size(), tokens.size());
  for (std::size_t i = 1; i < tokens.size(); ++i) {
    const std::string token(tokens[i].as_string());
    if (is_special(token)) continue;
    EXPECT_EQ(text.substr(offsets[i].to_number<std::size_t>(), token.size()), token);
    EXPECT_GE(logprobs.at("top_logprobs").as_array()[i].as_object().size(), 2U);
  }
  const auto stream = setting.post("/v1/completions", body + ",\"stream\":true}");
  std::string streamed;
  json::array streamed_tokens;
  for (const std::string& event : stream->events()) {
    if (event == "[DONE]") continue;
    const json::object part = choice(json::parse(event).as_object());
    streamed += std::string(part.at("text").as_string());
    for (const auto& token : part.at("logprobs").at("tokens").as_array()) {
      streamed_tokens.push_back(token);
    }
  }
  EXPECT_EQ(streamed, text);
  EXPECT_EQ(streamed_tokens, tokens);
}

TEST(Completions, PromptsOfEachKind) {
  ApiSetting setting;
  const auto text = setting.post("/v1/completions", R"({"prompt":"abc","max_tokens":4,"seed":1})");
  const auto ids = setting.post("/tokenize", R"({"prompt":"abc"})")->json().at("tokens").as_array();
  const auto by_ids = setting.post(
      "/v1/completions", R"({"max_tokens":4,"seed":1,"prompt":)" + json::serialize(ids) + "}");
  EXPECT_EQ(choice(by_ids->json()).at("text"), choice(text->json()).at("text"));
  const auto several = setting.post(
      "/v1/completions", R"({"prompt":["abc","abd"],"n":2,"max_tokens":4,"seed":1,"echo":true})");
  const json::object reply = several->json();
  ASSERT_EQ(reply.at("choices").as_array().size(), 4U);
  EXPECT_EQ(choice(reply, 0).at("text").as_string(),
            "abc" + std::string(choice(text->json()).at("text").as_string()));
  EXPECT_TRUE(choice(reply, 3).at("text").as_string().starts_with("abd"));
  for (const auto& [prompt, param] :
       std::vector<std::pair<std::string, std::string>>{{"null", "prompt"},
                                                        {"5", "prompt"},
                                                        {"[]", "prompt"},
                                                        {"[97]", "prompt"},
                                                        {"[-1]", "prompt[0]"},
                                                        {"[1.5]", "prompt[0]"},
                                                        {"[4294967296]", "prompt[0]"},
                                                        {"[\"a\",5]", "prompt[1]"},
                                                        {"[[5],[\"a\"]]", "prompt[1][0]"}}) {
    const auto refused = setting.post("/v1/completions", "{\"prompt\":" + prompt + "}");
    EXPECT_EQ(refused->response.status, 400) << prompt << refused->response.body;
    EXPECT_EQ(param_of(*refused), param) << prompt << refused->response.body;
  }
}

TEST(Completions, NoTokensAreAnAnswerToo) {
  ApiSetting setting;
  const auto echo =
      setting.post("/v1/completions", R"({"prompt":"abc","max_tokens":0,"echo":true})");
  ASSERT_EQ(echo->response.status, 200) << echo->response.body;
  EXPECT_EQ(choice(echo->json()).at("text"), "abc");
  EXPECT_EQ(choice(echo->json()).at("finish_reason"), "length");
}

}  // namespace
}  // namespace ondol::api
