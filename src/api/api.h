// The API as the application sees it: it is given models and an HTTP server's
// exchanges, and answers them. The routes stand in routes.cc.
//
// Owner: the application; it outlives the HTTP server. Threads: handle() runs in the
// server's handler threads, as many at a time as there are; everything else here may
// be called from any thread.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/access.h"
#include "api/active_generations.h"
#include "api/client/client_file.h"
#include "api/client/pairings.h"
#include "api/metrics.h"
#include "api/origin_check.h"
#include "api/router.h"
#include "api/served_model.h"
#include "http/exchange.h"

namespace ondol::api {

/// What a generation came to: for logs. No text of the prompt or of the answer.
struct GenerationRecord {
  std::string_view request_id;
  std::string_view key_name;
  std::string_view model;
  std::string_view outcome;  // "stop", "length", "tool_calls", "gone", or an error's code
  std::int64_t n_answers = 0;
  std::int64_t n_prompt = 0;
  std::int64_t n_cached = 0;
  std::int64_t n_completion = 0;
  double first_token_ms = 0;  // 0: there was none
  double duration_ms = 0;
};

class ClientStore;
class ResponseStore;

struct ApiOptions {
  std::vector<ApiKey> keys;             // none: open to all who reach it
  std::vector<std::string> host_names;  // see origin_check.h
  std::vector<std::string> cors_origins;
  ResponseStore* store = nullptr;       // null: no response is kept; outlives the Api
  ClientStore* client_store = nullptr;  // null: no conversation or device is; the same
  std::vector<Device> devices;          // those of client_store
  std::span<const ClientFile> client;   // public files; outlive the Api
  std::string version;                  // of ondol
  std::function<void(const GenerationRecord&)> on_generation;  // any thread; may be empty
};

class Api {
 public:
  Api(ModelSource& models, ApiOptions options);
  /// REQUIRES: the HTTP server is gone.
  ~Api();
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  /// For http::Server::start.
  void handle(std::shared_ptr<http::Exchange> exchange);

  /// From now on /ready answers 503, and so does what needs a model.
  void begin_drain() { is_draining_ = true; }
  bool is_draining() const { return is_draining_; }
  /// Ends every generation with an error event or reply; before the server closes.
  void end_generations();

  ModelSource& models() { return models_; }
  Metrics& metrics() { return metrics_; }
  ActiveGenerations& active() { return active_; }
  Access& access() { return access_; }
  Pairings& pairings() { return pairings_; }
  const ApiOptions& options() const { return options_; }

 private:
  ModelSource& models_;
  const ApiOptions options_;
  const std::vector<Route> routes_;  // routes(), and the files of the client
  Access access_;
  Pairings pairings_;
  const OriginCheck origins_;
  Metrics metrics_;
  ActiveGenerations active_;
  std::atomic<bool> is_draining_ = false;
};

}  // namespace ondol::api
