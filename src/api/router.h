// The table of routes and the way of a request to its function: Host and Origin,
// then the key, then path and method. What no row names is 404 or 405, and what no
// row calls public needs a key.
//
// Adding an endpoint: one function, one row in routes.cc, one entry in openapi.json.
// Threads: pure data and functions.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "api/call.h"

namespace ondol::api {

enum class Door : std::uint8_t {
  kPublic,  // no key, even when keys are configured
  kKey,
};

struct Route {
  std::string_view method;  // "GET" answers HEAD too
  // At most one segment is a name in braces: a last one "{id}" stands for all that
  // follows, slashes included, any other for one segment.
  std::string_view path;
  Door door;
  void (*run)(const Call& call);
};

std::span<const Route> routes();

struct RouteMatch {
  const Route* route = nullptr;  // null: no such path, or not with this method
  std::string rest;              // what stands for the name in braces
  std::string methods;           // of the path, for Allow; empty: there is no such path
};

RouteMatch find_route(std::span<const Route> table, std::string_view method, std::string_view path);

}  // namespace ondol::api
