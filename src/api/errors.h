// What a client is told when it gets no answer: one table from the engine's error
// codes to HTTP statuses and OpenAI error types, and the error object of each wire:
//
//   OpenAI     {"error": {"message", "type", "param", "code"}}
//   Ollama     {"error": message}
//   Anthropic  {"type": "error", "error": {"type", "message"}}
//
// A Refusal is written for the client: it holds no path, address or key. Values;
// pure functions.
#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "api/wire.h"
#include "base/error.h"
#include "http/message.h"

namespace ondol::api {

struct Refusal {
  int status = 500;
  std::string type;       // "invalid_request_error"
  std::string code;       // "context_length_exceeded"; empty: null
  std::string param;      // "messages[2].content"; empty: null
  std::string message;    // one line for a person
  int retry_after_s = 0;  // 0: no Retry-After
  http::Headers headers;  // further ones: Allow, WWW-Authenticate

  Refusal() = default;
  /// By the table; see errors.cc for what of an Error a client may read. Implicit,
  /// so that ONDOL_TRY works in functions that answer OrRefusal.
  Refusal(const Error& error);  // NOLINT(google-explicit-constructor)
};

template <class T>
using OrRefusal = tl::expected<T, Refusal>;

/// 400 about one parameter. An empty code is the type's usual one.
Refusal bad_parameter(std::string param, std::string message, std::string code = "");
/// 400: known to the API, but not to this server.
Refusal unsupported_parameter(std::string param, std::string message);
Refusal not_found(std::string message, std::string code, std::string param = "");
/// 503: try again.
Refusal unavailable(std::string message, std::string code, int retry_after_s);
/// 500 of our own; what happened is for the log only.
Refusal internal_error();

/// The same about a parameter that this wire calls otherwise.
Refusal renamed(Refusal refusal, const std::string& param);

boost::json::value error_json(const Refusal& refusal, Wire wire = Wire::kOpenAi);
http::Response error_response(const Refusal& refusal, Wire wire = Wire::kOpenAi);

/// What the HTTP room refuses by itself, often before it knows a path: in the form of
/// OpenAI's wire (ServerOptions::refuse).
http::Response refusal_of_status(int status, std::string_view detail);

/// 200 with a JSON body.
http::Response json_response(const boost::json::value& value);

}  // namespace ondol::api
