#include "api/errors.h"

#include <fmt/format.h>

#include <array>
#include <boost/json.hpp>
#include <optional>

namespace ondol::api {
namespace {

namespace json = boost::json;

constexpr std::string_view kInvalidRequest = "invalid_request_error";
constexpr std::string_view kServerError = "server_error";

struct StatusRow {
  ErrorCode code;
  int status;
  std::string_view type;
  std::string_view name;     // the error object's code
  std::string_view message;  // instead of the Error's own words, which may name files
  int retry_after_s;
};

// The one table. An empty message: the Error speaks of the request, and its words go out.
constexpr std::array kStatuses = {
    StatusRow{ErrorCode::kInvalidArgument, 400, kInvalidRequest, "invalid_value", "", 0},
    StatusRow{ErrorCode::kUnsupported, 400, kInvalidRequest, "unsupported_value", "", 0},
    StatusRow{ErrorCode::kLimit, 400, kInvalidRequest, "limit_exceeded", "", 0},
    StatusRow{ErrorCode::kNotFound, 404, kInvalidRequest, "not_found", "", 0},
    StatusRow{ErrorCode::kCancelled, 503, kServerError, "cancelled",
              "the request was ended by the server", 1},
    StatusRow{ErrorCode::kOutOfMemory, 507, kServerError, "insufficient_memory",
              "there is not enough memory for this", 0},
    StatusRow{ErrorCode::kInvalidFile, 500, kServerError, "broken_file",
              "a file of the server is broken", 0},
    StatusRow{ErrorCode::kIo, 500, kServerError, "io", "the server could not read or write a file",
              0},
    StatusRow{ErrorCode::kNetwork, 502, kServerError, "network",
              "a server behind this one did not answer", 0},
    StatusRow{ErrorCode::kInternal, 500, kServerError, "internal", "the server made a mistake", 0},
};

const StatusRow& row_of(ErrorCode code) {
  for (const StatusRow& row : kStatuses) {
    if (row.code == code) return row;
  }
  return kStatuses.back();
}

std::string_view type_of(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 429:
      return "rate_limit_error";
    default:
      return status < 500 ? kInvalidRequest : kServerError;
  }
}

json::value or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

// By Anthropic's list of errors; 503 is what it calls overloaded (529 is no standard status).
std::string_view anthropic_type(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 413:
      return "request_too_large";
    case 429:
      return "rate_limit_error";
    case 503:
      return "overloaded_error";
    default:
      return status < 500 ? kInvalidRequest : "api_error";
  }
}

// For wires without a field of its own for the parameter.
std::string whole_message(const Refusal& refusal) {
  if (refusal.message.starts_with(refusal.param)) return refusal.message;
  return refusal.param + ": " + refusal.message;
}

Refusal make(int status, std::string param, std::string message, std::string code) {
  Refusal out;
  out.status = status;
  out.type = type_of(status);
  out.param = std::move(param);
  out.message = std::move(message);
  out.code = std::move(code);
  return out;
}

}  // namespace

Refusal::Refusal(const Error& error) {
  const StatusRow& row = row_of(error.code);
  status = row.status;
  type = row.type;
  code = row.name;
  retry_after_s = row.retry_after_s;
  if (!row.message.empty()) {
    message = row.message;
    return;
  }
  // `where` may be a file of this machine; only "request" says that field is a parameter.
  Error spoken = error;
  spoken.where.clear();
  if (error.where == "request") {
    param = error.field;
  } else {
    spoken.field.clear();
  }
  message = spoken.message();
}

Refusal bad_parameter(std::string param, std::string message, std::string code) {
  if (code.empty()) code = "invalid_value";
  return make(400, std::move(param), std::move(message), std::move(code));
}

Refusal unsupported_parameter(std::string param, std::string message) {
  return make(400, std::move(param), std::move(message), "unsupported_parameter");
}

Refusal not_found(std::string message, std::string code, std::string param) {
  return make(404, std::move(param), std::move(message), std::move(code));
}

Refusal unavailable(std::string message, std::string code, int retry_after_s) {
  Refusal out = make(503, "", std::move(message), std::move(code));
  out.retry_after_s = retry_after_s;
  return out;
}

Refusal internal_error() { return Refusal(Error{ErrorCode::kInternal, "", "", "", "", ""}); }

Refusal renamed(Refusal refusal, const std::string& param) {
  if (!refusal.param.empty()) {
    for (std::size_t at = 0; (at = refusal.message.find(refusal.param, at)) != std::string::npos;
         at += param.size()) {
      refusal.message.replace(at, refusal.param.size(), param);
    }
  }
  refusal.param = param;
  return refusal;
}

json::value error_json(const Refusal& refusal, Wire wire) {
  switch (wire) {
    case Wire::kOllama:
      return json::object{{"error", whole_message(refusal)}};
    case Wire::kAnthropic:
      return json::object{{"type", "error"},
                          {"error", json::object{{"type", anthropic_type(refusal.status)},
                                                 {"message", whole_message(refusal)}}}};
    case Wire::kOpenAi:
      break;
  }
  return json::object{{"error", json::object{{"message", refusal.message},
                                             {"type", refusal.type},
                                             {"param", or_null(refusal.param)},
                                             {"code", or_null(refusal.code)}}}};
}

http::Response json_response(const json::value& value) {
  return {200, {{"Content-Type", "application/json"}}, json::serialize(value)};
}

http::Response error_response(const Refusal& refusal, Wire wire) {
  http::Response out = json_response(error_json(refusal, wire));
  out.status = refusal.status;
  if (refusal.retry_after_s > 0) {
    out.headers.emplace_back("Retry-After", std::to_string(refusal.retry_after_s));
  }
  out.headers.insert(out.headers.end(), refusal.headers.begin(), refusal.headers.end());
  return out;
}

http::Response refusal_of_status(int status, std::string_view detail) {
  Refusal out = make(status, "", std::string(detail), "");
  if (status == 503) out.retry_after_s = 1;
  return error_response(out);
}

}  // namespace ondol::api
