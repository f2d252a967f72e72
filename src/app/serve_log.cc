#include "app/serve_log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <boost/json.hpp>
#include <chrono>

#include "api/client/pairings.h"

namespace ondol::app {
namespace {

namespace json = boost::json;

constexpr const char* kLogger = "serve";
constexpr std::size_t kMaxPath = 256;  // bytes of a client's own text in the log

std::string now_text() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(static_cast<std::time_t>(ms / 1000)), ms % 1000);
}

double rounded(double ms) { return std::round(ms * 1000) / 1000; }

void write_json(std::string_view body, std::string_view severity, json::object attributes) {
  const json::object line{{"timestamp", now_text()},
                          {"severity", severity},
                          {"body", body},
                          {"attributes", std::move(attributes)}};
  spdlog::get(kLogger)->info("{}", json::serialize(line));
}

// A path may hold anything that can be percent-encoded.
std::string printable(std::string_view path) {
  std::string out;
  for (const char c : path.substr(0, kMaxPath)) out += c > ' ' && c < 0x7f ? c : '?';
  return out;
}

// What stands behind it opens a door.
std::string_view without_secrets(std::string_view path) {
  return path.starts_with(api::kPairingPath) ? api::kPairingPath : path;
}

}  // namespace

ServeLog::ServeLog(Form form) : form_(form) {
  auto log = spdlog::get(kLogger) ? spdlog::get(kLogger) : spdlog::stderr_logger_mt(kLogger);
  log->set_pattern("%v");
  log->set_level(form == Form::kOff ? spdlog::level::off : spdlog::level::info);
}

void ServeLog::completed(const http::Completed& completed) const {
  if (form_ == Form::kOff) return;
  const http::Request* request = completed.request;
  const std::string method = request ? printable(request->method) : "-";
  const std::string path = request ? printable(without_secrets(request->path)) : "-";
  const std::string id = request ? printable(request->id) : "-";
  if (form_ == Form::kText) {
    spdlog::get(kLogger)->info("{} {} {} {} {} bytes {:.1f} ms{} [{}]", now_text(), method, path,
                               completed.status, completed.bytes_sent, completed.duration_ms,
                               completed.is_cut ? " cut" : "", id);
    return;
  }
  write_json("request", completed.status >= 500 ? "ERROR" : "INFO",
             {{"request_id", id},
              {"http.request.method", method},
              {"url.path", path},
              {"client.address", request ? request->peer : ""},
              {"http.response.status_code", completed.status},
              {"http.response.size", completed.bytes_sent},
              {"duration_ms", rounded(completed.duration_ms)},
              {"is_cut", completed.is_cut}});
}

void ServeLog::generation(const api::GenerationRecord& record) const {
  if (form_ == Form::kOff) return;
  if (form_ == Form::kText) {
    spdlog::get(kLogger)->info(
        "{} {} {}: {} prompt ({} cached) + {} tokens, first after {:.1f} ms, {:.1f} ms [{}]",
        now_text(), record.model, record.outcome, record.n_prompt, record.n_cached,
        record.n_completion, record.first_token_ms, record.duration_ms,
        printable(record.request_id));
    return;
  }
  write_json("generation", "INFO",
             {{"request_id", printable(record.request_id)},
              {"key", record.key_name},
              {"gen_ai.request.model", record.model},
              {"outcome", record.outcome},
              {"answers", record.n_answers},
              {"gen_ai.usage.input_tokens", record.n_prompt},
              {"cached_tokens", record.n_cached},
              {"gen_ai.usage.output_tokens", record.n_completion},
              {"first_token_ms", rounded(record.first_token_ms)},
              {"duration_ms", rounded(record.duration_ms)}});
}

}  // namespace ondol::app
