#include "app/serve_options.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <ctime>
#include <limits>

#include "api/compile_turns.h"
#include "app/console.h"
#include "app/served_model.h"
#include "base/mapped_file.h"
#include "http/certificates.h"
#include "hub/store.h"

namespace ondol::app {
namespace {

constexpr std::size_t kMaxKeyFileBytes = std::size_t{32} << 20;
constexpr std::size_t kLeastKeyBytes = 8;
constexpr std::int64_t kMaxSequences = 1024;

bool is_loopback(const std::string& address) {
  in_addr four{};
  if (::inet_pton(AF_INET, address.c_str(), &four) == 1) {
    return (ntohl(four.s_addr) >> 24U) == 127;
  }
  return address == "::1";
}

Result<api::ApiKey> named_key(std::string_view where, const std::string& name,
                              const std::string& key) {
  if (key.size() < kLeastKeyBytes) {
    return fail(ErrorCode::kInvalidArgument, where, "", "the key is too short", key.size(),
                kLeastKeyBytes);
  }
  api::ApiKey out;
  out.name = name;
  out.digest = api::digest_of(key);
  return out;
}

void add_access_options(CLI::App& command, ServeOptions& options) {
  const std::string group = "Access";
  const auto add = [&](const char* name, auto& target, const char* text) {
    return command.add_option(name, target, text)->group(group);
  };
  add("--host", options.host, "IP address to listen on; others than loopback need a key")
      ->capture_default_str();
  add("--port", options.port, "Port to listen on; 0 is any free one")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  add("--api-key", options.api_key,
      "The key that clients send; other users can see it here, ONDOL_API_KEY is for it too");
  add("--key-file", options.key_file, "JSON file of keys by SHA-256, each with its limits");
  command.add_flag("--insecure", options.is_insecure, "Let others in without a key")->group(group);
  command
      .add_flag("--tls", options.uses_own_certificate,
                "Serve over TLS with the certificate of `ondol certs`, made if need be")
      ->group(group);
  add("--tls-cert", options.tls_cert, "PEM file of the certificate and its chain");
  add("--tls-key", options.tls_key, "PEM file of its private key");
  command
      .add_flag("!--no-client", options.has_client,
                "Answer the API only: no pages for browsers at / and /tv/")
      ->group(group);
  add("--host-name", options.host_names,
      "A name by which clients reach this server, may be repeated");
  add("--cors-origin", options.cors_origins,
      "A web page's origin that may use it, as https://app.example, may be repeated; * is any");
}

void add_store_options(CLI::App& command, ServeOptions& options) {
  const std::string group = "What is kept";
  command
      .add_option("--store", options.store_path,
                  "File that keeps responses and their conversations; by default "
                  "responses/responses.sqlite under ONDOL_HOME")
      ->group(group);
  command
      .add_option(
          "--client-store", options.client_store_path,
          "File that keeps the conversations of the client and the devices that were paired; "
          "by default client/client.sqlite under ONDOL_HOME")
      ->group(group);
  command
      .add_flag("--no-store", options.keeps_nothing,
                "Keep nothing: conversations by previous_response_id are refused, and so are those "
                "of the client and pairing")
      ->group(group)
      ->excludes("--store")
      ->excludes("--client-store");
  command
      .add_option("--store-bytes", options.store_size,
                  "How large the file may become; the conversations used least recently go first")
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--store-days", options.store_days,
                  "How long a conversation is kept after its last response")
      ->check(CLI::Range(1, 36500))
      ->capture_default_str()
      ->group(group);
}

// The room's own defaults; see http::Limits.
void add_limit_options(CLI::App& command, ServeOptions& options) {
  const std::string group = "Limits of connections";
  constexpr std::int64_t kDayS = 86'400;
  const auto add_time = [&](const char* name, std::int64_t& target_ms, const char* text) {
    command
        .add_option_function<std::int64_t>(
            name, [&target_ms](std::int64_t seconds) { target_ms = seconds * 1000; }, text)
        ->check(CLI::Range(std::int64_t{1}, kDayS))
        ->default_str(std::to_string(target_ms / 1000))
        ->group(group);
  };
  command
      .add_option("--max-connections", options.limits.max_connections,
                  "More are answered 503 and closed")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--max-body", options.max_body,
                  "Of a request, as 32MB; a larger one is answered 413")
      ->capture_default_str()
      ->group(group);
  add_time("--header-seconds", options.limits.header_timeout_ms,
           "How long a request's header may take; then 408");
  add_time("--body-seconds", options.limits.body_timeout_ms,
           "How long a request's body may take; then 408");
  add_time("--write-seconds", options.limits.write_timeout_ms,
           "How long a client may take nothing of its answer; then it is cut");
  add_time("--idle-seconds", options.limits.idle_timeout_ms,
           "How long a connection may wait for its next request");
}

}  // namespace

void add_serve_options(CLI::App& command, ServeOptions& options) {
  command.add_option("-m,--model", options.pool.models,
                     "Path, catalogue name or hf:owner/repository[:file][@revision]; repeat it "
                     "for several models, the first is the default");
  add_load_options(command, options.pool.model);
  add_speculate_option(command, options.pool.model);
  add_access_options(command, options);
  add_store_options(command, options);
  add_limit_options(command, options);
  const std::string group = "Load";
  command
      .add_option("--max-sequences", options.pool.max_sequences,
                  "Requests that a model computes together; the others wait")
      ->check(CLI::Range(std::int64_t{1}, std::min(kMaxSequences, kServeBatchTokens)))
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--max-waiting", options.pool.max_waiting,
                  "Requests that may wait for a model; more are answered 503")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--kv-tokens", options.pool.kv_tokens,
                  "Tokens of all requests of a model that are kept together; 0 is 2048 for each "
                  "of --max-sequences, one whole context at least")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 31))
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--memory", options.memory,
                  "What all loaded models may take, as 6GB; by default nine tenths of what is free")
      ->group(group);
  command
      .add_option("--prompt-disk", options.prompt_disk,
                  "What a model's computed prompts may take on disk, where they outlive the "
                  "server; 0 keeps them in memory only")
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--drain-seconds", options.drain_s,
                  "How long requests may go on after SIGTERM or Ctrl-C")
      ->check(CLI::Range(0, 3600))
      ->capture_default_str()
      ->group(group);
  const std::string always =
      "The same request and seed give the same tokens, alone or beside others, streamed, cached "
      "or cold. It is always so: this flag changes nothing";
  command.add_flag("--deterministic", always)->group(group);
  command.add_option("--log", options.log, "A line for each request on stderr: text, json or off")
      ->check(CLI::IsMember({"text", "json", "off"}))
      ->capture_default_str()
      ->group(group);
}

Result<void> read_sizes(ServeOptions& options) {
  const auto size = [](std::string_view flag, const std::string& text) -> Result<std::uint64_t> {
    const auto bytes = parse_bytes(text);
    if (bytes) return *bytes;
    return fail(ErrorCode::kInvalidArgument, flag, "", "is no size", text,
                "a number of bytes, MB or GB");
  };
  if (!options.memory.empty()) {
    ONDOL_TRY(options.pool.budget_bytes, size("--memory", options.memory));
    if (options.pool.budget_bytes == 0) {
      return fail(ErrorCode::kInvalidArgument, "--memory", "", "no model fits", "0", "1 or more");
    }
  }
  ONDOL_TRY(options.pool.disk_bytes, size("--prompt-disk", options.prompt_disk));
  ONDOL_TRY(options.limits.max_body_bytes, size("--max-body", options.max_body));
  options.limits.max_bodies_bytes =
      std::max(options.limits.max_bodies_bytes, options.limits.max_body_bytes);
  return {};
}

Result<std::unique_ptr<api::ResponseStore>> response_store(const ServeOptions& options) {
  if (options.keeps_nothing) return nullptr;
  const auto bytes = parse_bytes(options.store_size);
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (!bytes || *bytes > kMost || static_cast<std::int64_t>(*bytes) < api::kMinStoreBytes) {
    return fail(ErrorCode::kInvalidArgument, "--store-bytes", "", "is no size for a store",
                options.store_size, "1MB or more");
  }
  api::StoreOptions store;
  store.max_bytes = static_cast<std::int64_t>(*bytes);
  store.max_age_s = options.store_days * 24 * 3600;
  store.path = options.store_path;
  if (store.path.empty()) {
    ONDOL_TRY(const hub::Store home, hub::Store::from_environment());
    store.path = (home.root() / "responses" / "responses.sqlite").string();
  }
  return api::ResponseStore::open(std::move(store));
}

Result<std::unique_ptr<api::ClientStore>> client_store(const ServeOptions& options) {
  if (options.keeps_nothing) return nullptr;
  api::ClientStoreOptions store;
  store.path = options.client_store_path;
  if (store.path.empty()) {
    ONDOL_TRY(const hub::Store home, hub::Store::from_environment());
    store.path = (home.root() / "client" / "client.sqlite").string();
  }
  return api::ClientStore::open(std::move(store));
}

Result<std::vector<api::ApiKey>> api_keys(const ServeOptions& options) {
  std::vector<api::ApiKey> out;
  if (!options.key_file.empty()) {
    ONDOL_TRY(const std::string text, read_text_file(options.key_file, kMaxKeyFileBytes));
    ONDOL_TRY(out, api::parse_key_file(text, options.key_file));
  }
  if (!options.api_key.empty()) {
    ONDOL_TRY(auto key, named_key("--api-key", "flag", options.api_key));
    out.push_back(std::move(key));
  }
  if (const std::string value = environment("ONDOL_API_KEY"); !value.empty()) {
    ONDOL_TRY(auto key, named_key("ONDOL_API_KEY", "environment", value));
    out.push_back(std::move(key));
  }
  return out;
}

Result<void> check_exposure(const ServeOptions& options, bool has_keys) {
  if (has_keys || options.is_insecure || is_loopback(options.host)) return {};
  return fail(ErrorCode::kInvalidArgument, "--host", "",
              "others than this machine would need no key: give --api-key or --key-file, or "
              "--insecure if that is meant",
              options.host);
}

Result<http::ServerOptions> server_options(const ServeOptions& options) {
  http::ServerOptions out;
  out.address = options.host;
  out.port = options.port;
  out.limits = options.limits;
  // As many stay free for all else as grammars can hold.
  out.n_handler_threads = 2 * (api::kMaxCompiling + api::kMaxWaitingToCompile);
  out.refuse = &api::refusal_of_status;
  const bool has_files = !options.tls_cert.empty() || !options.tls_key.empty();
  if (has_files && options.uses_own_certificate) {
    return fail(ErrorCode::kInvalidArgument, "--tls", "",
                "stands for a certificate of ondol's own, not beside --tls-cert and --tls-key");
  }
  if (options.tls_cert.empty() != options.tls_key.empty()) {
    return fail(ErrorCode::kInvalidArgument, options.tls_cert.empty() ? "--tls-key" : "--tls-cert",
                "", "certificate and key are needed together");
  }
  if (has_files) out.tls = http::TlsFiles{options.tls_cert, options.tls_key};
  if (options.uses_own_certificate) {
    ONDOL_TRY(const hub::Store store, hub::Store::from_environment());
    std::vector<std::string> names = http::local_names();
    names.insert(names.end(), options.host_names.begin(), options.host_names.end());
    ONDOL_TRY(const auto certs,
              http::ensure_certificates(store.root() / "certs", names, std::time(nullptr)));
    out.tls = http::TlsFiles{certs.certificate.string(), certs.key.string()};
  }
  return out;
}

std::vector<std::string> own_host_names(const ServeOptions& options) {
  std::vector<std::string> out = http::local_names();
  out.insert(out.end(), options.host_names.begin(), options.host_names.end());
  out.push_back(options.host);
  return out;
}

std::string server_url(const http::ServerOptions& options, std::uint16_t port) {
  std::string host = options.address;
  if (host == "0.0.0.0") host = "127.0.0.1";
  if (host == "::") host = "::1";
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  return fmt::format("{}://{}:{}", options.tls ? "https" : "http", host, port);
}

ServeLog::Form log_form(const std::string& name) {
  if (name == "json") return ServeLog::Form::kJson;
  return name == "off" ? ServeLog::Form::kOff : ServeLog::Form::kText;
}

}  // namespace ondol::app
