#include "api/api.h"

#include <chrono>
#include <utility>

#include "api/client/client_routes.h"
#include "api/errors.h"
#include "api/store/response_store.h"
#include "api/with_model.h"

namespace ondol::api {
namespace {

// The exchange as routes see it: replies carry the CORS headers of their request, and
// the caller's place among its key's requests is held until the last reference goes.
class RoutedExchange : public http::Exchange {
 public:
  RoutedExchange(std::shared_ptr<http::Exchange> inner, http::Headers headers,
                 std::shared_ptr<const Admission> caller)
      : inner_(std::move(inner)), headers_(std::move(headers)), caller_(std::move(caller)) {}

  const http::Request& request() const override { return inner_->request(); }
  void reply(http::Response response) override {
    response.headers.insert(response.headers.end(), headers_.begin(), headers_.end());
    inner_->reply(std::move(response));
  }
  void begin(int status, http::Headers headers) override {
    headers.insert(headers.end(), headers_.begin(), headers_.end());
    inner_->begin(status, std::move(headers));
  }
  void write(std::string bytes) override { inner_->write(std::move(bytes)); }
  void end() override { inner_->end(); }
  void abort() override { inner_->abort(); }
  std::size_t queued_bytes() const override { return inner_->queued_bytes(); }
  void on_writable(std::function<void()> callback) override {
    inner_->on_writable(std::move(callback));
  }
  void on_gone(std::function<void()> callback) override { inner_->on_gone(std::move(callback)); }
  void post(std::function<void()> task) override { inner_->post(std::move(task)); }

 private:
  const std::shared_ptr<http::Exchange> inner_;
  const http::Headers headers_;
  const std::shared_ptr<const Admission> caller_;
};

Refusal no_route(const http::Request& request, const RouteMatch& match) {
  if (match.methods.empty()) return not_found("there is nothing at this path", "unknown_url");
  Refusal out = bad_parameter("", "this path does not answer " + request.method.substr(0, 16),
                              "method_not_allowed");
  out.status = 405;
  out.headers.emplace_back("Allow", match.methods);
  return out;
}

std::vector<Route> all_routes(std::span<const ClientFile> client) {
  std::vector<Route> out(routes().begin(), routes().end());
  const std::vector<Route> files = client_routes(client);
  out.insert(out.end(), files.begin(), files.end());
  return out;
}

}  // namespace

Api::Api(ModelSource& models, ApiOptions options)
    : models_(models),
      options_(std::move(options)),
      routes_(all_routes(options_.client)),
      access_(options_.keys),
      origins_(options_.host_names, options_.cors_origins),
      metrics_(models) {
  for (const Device& device : options_.devices) access_.add_device(device);
}

// What is being stored holds its exchange, which holds its place among its key's requests.
Api::~Api() {
  if (options_.store != nullptr) options_.store->flush();
}

void Api::handle(std::shared_ptr<http::Exchange> exchange) {
  Call call;
  call.started_at = std::chrono::steady_clock::now();
  call.api = this;
  const http::Request& request = exchange->request();
  const Wire wire = wire_of(request.path);
  if (const auto good = origins_.check(request); !good) {
    return exchange->reply(error_response(good.error(), wire));
  }
  call.exchange =
      std::make_shared<RoutedExchange>(exchange, origins_.cors_headers(request), nullptr);
  RouteMatch match = find_route(routes_, request.method, request.path);
  if (request.method == "OPTIONS" && !match.methods.empty()) {
    return call.exchange->reply(origins_.preflight(request, match.methods));
  }
  const bool is_public = match.route != nullptr && match.route->door == Door::kPublic;
  if (!is_public) {
    auto caller = access_.admit(key_of(request.headers));
    if (!caller) return call.exchange->reply(error_response(caller.error(), wire));
    call.caller = *std::move(caller);
    call.exchange = std::make_shared<RoutedExchange>(std::move(exchange),
                                                     origins_.cors_headers(request), call.caller);
  }
  if (match.route == nullptr) {
    return call.exchange->reply(error_response(no_route(request, match), wire));
  }
  call.rest = std::move(match.rest);
  guarded(call, [&] { match.route->run(call); });
}

void Api::end_generations() {
  active_.stop_all(unavailable("the server is shutting down", "shutting_down", 1));
}

}  // namespace ondol::api
