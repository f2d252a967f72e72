// For tests: the API over the fake model, asked in memory.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "api/api.h"
#include "api/testing/fake_exchange.h"
#include "api/testing/fake_source.h"

namespace ondol::api {

struct ApiSetting {
  explicit ApiSetting(ApiOptions options = {}) : api(source, std::move(options)) {}

  std::shared_ptr<FakeExchange> ask(std::shared_ptr<FakeExchange> exchange) {
    api.handle(exchange);
    EXPECT_TRUE(exchange->run_to_end());
    return exchange;
  }
  std::shared_ptr<FakeExchange> post(const std::string& path, const std::string& body) {
    return ask(post_json(path, body));
  }

  FakeSource source{fake_served_model(small_engine())};
  Api api;
};

/// The parameter that an error of OpenAI's form names; empty for none.
inline std::string param_of(const FakeExchange& exchange) {
  const boost::json::value param = exchange.json().at("error").as_object().at("param");
  return param.is_string() ? std::string(param.as_string()) : "";
}

/// `text` with each id after `prefix` (24 letters and digits) as "prefix*".
inline std::string without_ids(std::string text, const std::string& prefix) {
  constexpr std::size_t kIdLength = 24;
  for (std::size_t at = 0; (at = text.find(prefix, at)) != std::string::npos;) {
    at += prefix.size();
    text.replace(at, kIdLength, "*");
  }
  return text;
}

}  // namespace ondol::api
