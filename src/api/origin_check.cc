#include "api/origin_check.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <optional>

namespace ondol::api {
namespace {

constexpr std::size_t kMaxRequestedHeaders = 1024;  // bytes of Access-Control-Request-Headers

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// The name of "name:port" or "[v6]:port", lower case, without brackets or a final dot.
std::optional<std::string> name_of(std::string_view host) {
  std::string_view name = host;
  if (!host.empty() && host.front() == '[') {
    const auto close = host.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    name = host.substr(1, close - 1);
    host.remove_prefix(close + 1);
  } else {
    name = host.substr(0, host.find(':'));
    host.remove_prefix(name.size());
  }
  const bool port_is_good =
      host.empty() ||
      (host.front() == ':' && host.size() <= 6 &&
       std::all_of(host.begin() + 1, host.end(), [](char c) { return c >= '0' && c <= '9'; }));
  if (!port_is_good || name.empty()) return std::nullopt;
  if (name.back() == '.') name.remove_suffix(1);
  return lower(name);
}

bool is_ip_literal(const std::string& name) {
  std::array<unsigned char, 16> address{};
  return ::inet_pton(AF_INET, name.c_str(), address.data()) == 1 ||
         ::inet_pton(AF_INET6, name.c_str(), address.data()) == 1;
}

bool is_header_list(std::string_view text) {
  return text.size() <= kMaxRequestedHeaders && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_' || c == ',' || c == ' ';
         });
}

Refusal forbidden(std::string message, std::string code) {
  Refusal out;
  out.status = 403;
  out.type = "permission_error";
  out.code = std::move(code);
  out.message = std::move(message);
  return out;
}

}  // namespace

OriginCheck::OriginCheck(const std::vector<std::string>& host_names,
                         std::vector<std::string> cors_origins)
    : cors_origins_(std::move(cors_origins)) {
  for (const std::string& name : host_names) host_names_.push_back(lower(name));
}

bool OriginCheck::is_own_host(std::string_view host) const {
  const auto name = name_of(host);
  if (!name) return false;
  constexpr std::string_view kLocal = ".localhost";
  return *name == "localhost" || name->ends_with(kLocal) || is_ip_literal(*name) ||
         std::find(host_names_.begin(), host_names_.end(), *name) != host_names_.end();
}

bool OriginCheck::is_allowed(std::string_view origin) const {
  return std::any_of(cors_origins_.begin(), cors_origins_.end(), [&](const std::string& allowed) {
    return allowed == "*" || allowed == origin;
  });
}

OrRefusal<void> OriginCheck::check(const http::Request& request) const {
  const auto host = request.header("host");
  if (!host || !is_own_host(*host)) {
    return tl::unexpected(forbidden("the Host header names no host of this server", "wrong_host"));
  }
  const auto origin = request.header("origin");
  if (!origin) return {};
  const std::string own = (request.is_secure ? "https://" : "http://") + lower(*host);
  if (lower(*origin) == own || is_allowed(*origin)) return {};
  return tl::unexpected(
      forbidden("web pages of this origin may not use this server", "wrong_origin"));
}

http::Headers OriginCheck::cors_headers(const http::Request& request) const {
  const auto origin = request.header("origin");
  if (!origin || !is_allowed(*origin)) return {};
  return {{"Access-Control-Allow-Origin", std::string(*origin)},
          {"Access-Control-Expose-Headers", "x-request-id, retry-after, etag"},
          {"Vary", "Origin"}};
}

http::Response OriginCheck::preflight(const http::Request& request,
                                      std::string_view methods) const {
  http::Response out{204, {{"Allow", std::string(methods)}}, ""};
  const auto origin = request.header("origin");
  if (!origin || !is_allowed(*origin)) return out;
  out.headers.emplace_back("Access-Control-Allow-Methods", methods);
  out.headers.emplace_back("Access-Control-Max-Age", "600");
  const auto wanted = request.header("access-control-request-headers");
  if (wanted && is_header_list(*wanted)) {
    out.headers.emplace_back("Access-Control-Allow-Headers", *wanted);
  }
  return out;
}

}  // namespace ondol::api
