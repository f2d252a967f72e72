// The request target (RFC 9112 section 3.2) taken apart: path and query.
// Threads: any, plain functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ondol::http {

struct Target {
  std::string path;   // percent-decoded once; starts with '/', or is "*"
  std::string query;  // as it came, without '?'
  bool has_encoded_slash = false;
  std::string authority;  // of the absolute form, else empty
};

/// Origin form, absolute form (http and https) and "*" (which only OPTIONS may
/// ask for). nullopt: none of these, a bad escape, or a byte that no path may
/// hold (controls, NUL, escaped or not).
std::optional<Target> parse_target(std::string_view method, std::string_view target);

}  // namespace ondol::http
