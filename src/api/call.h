// One request on its way through the routes: who asks, what to answer on, and since
// when. Copies are cheap.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "api/access.h"
#include "http/exchange.h"

namespace ondol::api {

class Api;

struct Call {
  Api* api = nullptr;  // outlives every exchange
  std::shared_ptr<http::Exchange> exchange;
  std::shared_ptr<const Admission> caller;
  std::string rest;  // what stood for the name in braces in the route's path
  std::chrono::steady_clock::time_point started_at;

  const http::Request& request() const { return exchange->request(); }
};

}  // namespace ondol::api
