#include "api/router.h"

namespace ondol::api {
namespace {

constexpr std::string_view kRest = "{id}";

// What stands for the name in braces; nullopt when the path is another.
std::optional<std::string_view> match(std::string_view pattern, std::string_view path) {
  const std::size_t open = pattern.find('{');
  if (open == std::string_view::npos) {
    return pattern == path ? std::optional(std::string_view()) : std::nullopt;
  }
  const std::string_view before = pattern.substr(0, open);
  const std::string_view after = pattern.substr(pattern.find('}') + 1);
  const bool fits = path.size() > before.size() + after.size() && path.starts_with(before) &&
                    path.ends_with(after);
  if (!fits) return std::nullopt;
  path.remove_prefix(before.size());
  path.remove_suffix(after.size());
  const bool is_segment = path.find('/') == std::string_view::npos;
  return is_segment || pattern.ends_with(kRest) ? std::optional(path) : std::nullopt;
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
