#include <fmt/format.h>
#include <signal.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <thread>

#include "api/api.h"
#include "app/commands.h"
#include "app/console.h"
#include "app/model_pool.h"
#include "app/pull_model.h"
#include "app/serve_log.h"
#include "app/serve_options.h"
#include "http/server.h"

namespace ondol::app {
namespace {

// What is left of a drain when streams are told that it ends: time to send it.
constexpr std::int64_t kLastWordMs = 1000;
constexpr int kSecondSignalExit = 130;

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

// Signals are waited for, not handled: they stay blocked in every thread, all of
// which start later than this.
void block_stop_signals() {
  const sigset_t set = stop_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  // A client that leaves while it is written to is no reason to die.
  ::signal(SIGPIPE, SIG_IGN);
  // Nor is a file that may not grow (ulimit -f): the write fails, and that is told.
  ::signal(SIGXFSZ, SIG_IGN);
}

void wait_for_signal() {
  const sigset_t set = stop_signals();
  int number = 0;
  while (sigwait(&set, &number) != 0) {
  }
}

bool signal_within(std::int64_t ms) {
  const sigset_t set = stop_signals();
  const timespec timeout{ms / 1000, (ms % 1000) * 1'000'000};
  return sigtimedwait(&set, nullptr, &timeout) > 0;
}

// Lets requests end by themselves, then ends them with a word, then cuts them. A
// second signal ends the process at once.
void drain(http::Server& server, api::Api& api, std::int64_t drain_s) {
  api.begin_drain();
  spdlog::info("draining for {} s at most", drain_s);
  std::atomic<bool> is_done = false;
  std::jthread drainer([&] {
    server.drain(drain_s * 1000 + kLastWordMs);
    is_done = true;
  });
  const auto start = std::chrono::steady_clock::now();
  bool is_told = false;
  while (!is_done) {
    constexpr std::int64_t kPollMs = 20;
    if (signal_within(kPollMs)) std::_Exit(kSecondSignalExit);
    const auto passed = std::chrono::steady_clock::now() - start;
    if (!is_told && passed >= std::chrono::seconds(drain_s)) {
      api.end_generations();
      is_told = true;
    }
  }
}

void print_welcome(const ServeOptions& options, const http::ServerOptions& server,
                   const std::string& url, bool needs_key, const std::string& model) {
  // Nobody but `ondol certs` vouches for a certificate of its own.
  std::string authority;
  if (options.uses_own_certificate) {
    const std::filesystem::path certificate = server.tls->certificate;
    authority = fmt::format(" --cacert '{}'", (certificate.parent_path() / "ca.crt").string());
  }
  print(fmt::format("ondol serves {} at {}\n\n", fmt::join(options.pool.models, ", "), url));
  if (options.has_client) print(fmt::format("  open {}/ in a browser, or ask:\n\n", url));
  print(fmt::format(
      "  curl{} {}/v1/chat/completions{} -H 'Content-Type: application/json' \\\n"
      "    -d '{{\"model\": \"{}\", \"messages\": [{{\"role\": \"user\", \"content\": "
      "\"Why is the sky blue?\"}}]}}'\n\n",
      authority, url, needs_key ? " -H \"Authorization: Bearer $ONDOL_API_KEY\"" : "", model));
  flush_output();
}

Result<void> run_serve(ServeOptions options) {
  block_stop_signals();
  if (options.pool.models.empty()) options.pool.models.emplace_back(hub::kDefaultModel);
  ONDOL_TRY(api::ApiOptions api_options, [&]() -> Result<api::ApiOptions> {
    api::ApiOptions out;
    ONDOL_TRY(out.keys, api_keys(options));
    ONDOL_TRY_VOID(check_exposure(options, !out.keys.empty()));
    out.host_names = own_host_names(options);
    out.cors_origins = options.cors_origins;
    out.version = kVersion;
    return out;
  }());
  ONDOL_TRY_VOID(read_sizes(options));
  ONDOL_TRY(http::ServerOptions http_options, server_options(options));
  ONDOL_TRY(const hub::Store store, hub::Store::from_environment());
  for (const std::string& model : options.pool.models) {
    ONDOL_TRY_VOID(fetch_default_model(store, model));
  }
  ONDOL_TRY(const auto responses, response_store(options));
  api_options.store = responses.get();
  ONDOL_TRY(const auto kept_for_client, client_store(options));
  api_options.client_store = kept_for_client.get();
  if (kept_for_client) {
    ONDOL_TRY(api_options.devices, kept_for_client->devices());
  }
  if (options.has_client) api_options.client = api::embedded_client();
  ONDOL_TRY(const auto pool, ModelPool::create(options.pool));
  ONDOL_TRY(auto model, pool->load(""));
  const std::string model_id = model->card.id;
  model.reset();  // who holds a model keeps it loaded

  const ServeLog log(log_form(options.log));
  api_options.on_generation = [&](const api::GenerationRecord& record) { log.generation(record); };
  http_options.on_completed = [&](const http::Completed& completed) { log.completed(completed); };
  http_options.on_warning = [](const std::string& text) { print_note(text); };
  const bool needs_key = !api_options.keys.empty();
  api::Api api(*pool, std::move(api_options));
  ONDOL_TRY(const auto server,
            http::Server::start(http_options, [&](std::shared_ptr<http::Exchange> exchange) {
              api.handle(std::move(exchange));
            }));
  print_welcome(options, http_options, server_url(http_options, server->port()), needs_key,
                model_id);
  wait_for_signal();
  drain(*server, api, options.drain_s);
  return {};
}

}  // namespace

void add_serve(Commands& commands) {
  CLI::App& command =
      commands.add("serve", "Answer over HTTP, by the API of OpenAI",
                   R"(  ondol serve                            the default model, for this machine
  ondol serve -m smollm2 -m model.gguf   two models; a request names one
  ONDOL_API_KEY=secret-words ondol serve --host 0.0.0.0 --tls

Routes: /v1/models, /v1/chat/completions, /v1/completions, /v1/responses,
/v1/embeddings, /v1/ondol/..., /tokenize, /detokenize, /health, /ready, /metrics; /openapi.json
describes them. Browsers get the client at /, televisions at /tv/.
SIGTERM or Ctrl-C lets requests end (--drain-seconds); a second one ends at once.)");
  auto options = std::make_shared<ServeOptions>();
  add_serve_options(command, *options);
  commands.on_run(command, [options] { return run_serve(*options); });
}

}  // namespace ondol::app
