// Embeddings, /tokenize and /detokenize over an exchange in memory and the fake model.
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "api/testing/api_setting.h"

namespace ondol::api {
namespace {

namespace json = boost::json;

TEST(Embeddings, UnitVectorsInBothForms) {
  ApiSetting setting;
  const auto numbers = setting.post("/v1/embeddings", R"({"input":["abc","b"]})");
  ASSERT_EQ(numbers->response.status, 200) << numbers->response.body;
  const json::array data = numbers->json().at("data").as_array();
  ASSERT_EQ(data.size(), 2U);
  double squares = 0;
  for (const auto& value : data[0].at("embedding").as_array()) {
    squares += value.to_number<double>() * value.to_number<double>();
  }
  EXPECT_NEAR(squares, 1, 1e-5);
  const auto base64 =
      setting.post("/v1/embeddings", R"({"input":"abc","encoding_format":"base64"})");
  EXPECT_EQ(base64->json().at("data").as_array()[0].at("embedding").as_string().size(),
            4 * ((data[0].at("embedding").as_array().size() * 4 + 2) / 3));
  EXPECT_EQ(param_of(*setting.post("/v1/embeddings", R"({"input":"abc","dimensions":2})")),
            "dimensions");
  EXPECT_EQ(param_of(*setting.post("/v1/embeddings", R"({"input":[]})")), "input");
  EXPECT_EQ(param_of(*setting.post("/v1/embeddings", R"({})")), "input");
}

TEST(Tokens, ThereAndBack) {
  ApiSetting setting;
  const auto there = setting.post(
      "/tokenize",
      R"({"prompt":"hello, world","add_special_tokens":false,"return_token_strs":true})");
  const json::object reply = there->json();
  EXPECT_EQ(reply.at("count").as_int64(), 12);
  EXPECT_EQ(reply.at("token_strs").as_array().size(), 12U);
  const auto back =
      setting.post("/detokenize", "{\"tokens\":" + json::serialize(reply.at("tokens")) + "}");
  EXPECT_EQ(back->json().at("prompt"), "hello, world");
  EXPECT_EQ(param_of(*setting.post("/detokenize", R"({"tokens":[97]})")), "tokens");
  EXPECT_EQ(param_of(*setting.post("/detokenize", R"({})")), "tokens");
}

}  // namespace
}  // namespace ondol::api
