#include "api/router.h"

namespace ondol::api {
namespace {

constexpr std::string_view kRest = "{id}";

// What stands for the rest of the pattern; nullopt when the path is another.
std::optional<std::string_view> match(std::string_view pattern, std::string_view path) {
  if (!pattern.ends_with(kRest)) {
    return pattern == path ? std::optional(std::string_view()) : std::nullopt;
  }
  pattern.remove_suffix(kRest.size());
  if (!path.starts_with(pattern) || path.size() == pattern.size()) return std::nullopt;
  return path.substr(pattern.size());
}

}  // namespace

RouteMatch find_route(std::span<const Route> table, std::string_view method,
                      std::string_view path) {
  RouteMatch out;
  for (const Route& route : table) {
    const auto rest = match(route.path, path);
    if (!rest) continue;
    if (!out.methods.empty()) out.methods += ", ";
    out.methods += route.method;
    if (route.method == "GET") out.methods += ", HEAD";
    if (route.method == method || (route.method == "GET" && method == "HEAD")) {
      out.route = &route;
      out.rest = *rest;
    }
  }
  if (!out.methods.empty()) out.methods += ", OPTIONS";
  return out;
}

}  // namespace ondol::api
