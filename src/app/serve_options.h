// What `ondol serve` was told, checked: who may reach it, and with what.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "api/api.h"
#include "api/store/client_store.h"
#include "api/store/response_store.h"
#include "app/model_pool.h"
#include "app/serve_log.h"
#include "base/error.h"
#include "http/server.h"

namespace ondol::app {

/// Next to Ollama's 11434, so that both can run on one machine.
inline constexpr std::uint16_t kDefaultPort = 11435;

struct ServeOptions {
  PoolOptions pool;
  std::string host = "127.0.0.1";
  std::uint16_t port = kDefaultPort;
  std::string api_key;
  std::string key_file;
  bool is_insecure = false;
  bool uses_own_certificate = false;  // of `ondol certs`, made if need be
  std::string tls_cert;
  std::string tls_key;
  std::vector<std::string> host_names;
  std::vector<std::string> cors_origins;
  std::string memory;               // "6GB"; empty: most of what is free
  std::string prompt_disk = "4GB";  // 0: none
  std::string store_path;           // empty: under ONDOL_HOME
  std::string client_store_path;    // the same
  bool keeps_nothing = false;
  std::string store_size = "1GB";
  std::int64_t store_days = 30;
  bool has_client = true;
  http::Limits limits;
  std::string max_body = "32MB";
  std::string log = "text";
  std::int64_t drain_s = 30;
};

void add_serve_options(CLI::App& command, ServeOptions& options);

/// --memory and --prompt-disk into the pool's options, --max-body into the limits. Errors:
/// kInvalidArgument.
Result<void> read_sizes(ServeOptions& options);
/// The store of responses; null with --no-store. Errors: those of opening it.
Result<std::unique_ptr<api::ResponseStore>> response_store(const ServeOptions& options);

/// That of the client's conversations and devices; the same.
Result<std::unique_ptr<api::ClientStore>> client_store(const ServeOptions& options);

/// Keys of --api-key, ONDOL_API_KEY and --key-file. Errors: those of the file.
Result<std::vector<api::ApiKey>> api_keys(const ServeOptions& options);

/// Errors: kInvalidArgument when others could use the server without a key and nobody
/// has said --insecure.
Result<void> check_exposure(const ServeOptions& options, bool has_keys);

/// With --tls the certificates are made or renewed. Errors: theirs; kInvalidArgument for
/// one of --tls-cert and --tls-key without the other, or beside --tls.
Result<http::ServerOptions> server_options(const ServeOptions& options);

/// Names by which this machine is reached: its own, the address it binds and those given.
std::vector<std::string> own_host_names(const ServeOptions& options);

/// "http://127.0.0.1:11435"; an address of all interfaces becomes one that can be asked.
std::string server_url(const http::ServerOptions& options, std::uint16_t port);

ServeLog::Form log_form(const std::string& name);

}  // namespace ondol::app
