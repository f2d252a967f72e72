// Keeps other people's web pages away. A page may point its own host name at this
// machine (DNS rebinding), so the Host header must be a name of ours; and a page of
// another origin may post blindly, so the Origin header must be ours or be allowed.
// CORS answers (Fetch standard, section 3.2) come from the same list.
//
// Owner: the Api. Threads: immutable.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/errors.h"
#include "http/message.h"

namespace ondol::api {

class OriginCheck {
 public:
  /// host_names: names of this machine besides localhost and IP literals.
  /// cors_origins: "https://app.example"; "*" is any.
  OriginCheck(const std::vector<std::string>& host_names, std::vector<std::string> cors_origins);

  /// Errors: 403.
  OrRefusal<void> check(const http::Request& request) const;

  /// What a reply to this request carries; empty without an allowed Origin.
  http::Headers cors_headers(const http::Request& request) const;
  /// The answer to OPTIONS. `methods`: those of the route.
  http::Response preflight(const http::Request& request, std::string_view methods) const;

 private:
  bool is_own_host(std::string_view host) const;
  bool is_allowed(std::string_view origin) const;

  std::vector<std::string> host_names_;
  std::vector<std::string> cors_origins_;
};

}  // namespace ondol::api
