#include "api/client/client_routes.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/api.h"
#include "api/entity_tags.h"
#include "api/with_model.h"

namespace ondol::api {
namespace {

constexpr std::string_view kTvPath = "/tv/";
constexpr std::string_view kTvAgent = "Web0S";  // how LG's webOS spells itself

// Everything from here, nothing inline, no frames; blob: is for recordings and exports.
constexpr std::string_view kContentPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "font-src 'self'; connect-src 'self'; media-src 'self' blob:; worker-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
constexpr std::string_view kPermissions =
    "camera=(), geolocation=(), microphone=(self), xr-spatial-tracking=(self)";

const ClientFile* find_file(std::span<const ClientFile> files, std::string_view path) {
  const auto found = std::find_if(files.begin(), files.end(),
                                  [&](const ClientFile& file) { return file.path == path; });
  return found == files.end() ? nullptr : &*found;
}

// Names under assets/ change with what they name.
std::string_view cache_control(const ClientFile& file) {
  return file.path.starts_with("/assets/") ? "public, max-age=31536000, immutable" : "no-cache";
}

// "gzip" or "*" with any weight but 0 (RFC 9110 section 12.5.3).
bool takes_gzip(const http::Request& request) {
  std::string_view rest = request.header("accept-encoding").value_or("");
  while (!rest.empty()) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    std::string item(rest.substr(0, comma));
    rest.remove_prefix(std::min(rest.size(), comma + 1));
    std::erase_if(item, [](char c) { return c == ' ' || c == '\t'; });
    const std::size_t semicolon = std::min(item.find(';'), item.size());
    const std::string_view weight = std::string_view(item).substr(semicolon);
    const bool is_refused =
        weight.starts_with(";q=0") && weight.find_first_of("123456789") == std::string_view::npos;
    const std::string_view name = std::string_view(item).substr(0, semicolon);
    if ((http::names_equal(name, "gzip") || name == "*") && !is_refused) return true;
  }
  return false;
}

http::Response redirect(int status, std::string_view location, const std::string& query) {
  std::string target(location);
  if (!query.empty()) target += "?" + query;
  return {
      status, {{"Location", target}, {"Cache-Control", "no-cache"}, {"Vary", "User-Agent"}}, ""};
}

http::Response file_response(const ClientFile& file, const http::Request& request) {
  const bool is_packed = !file.gzip.empty() && takes_gzip(request);
  // Two forms of one file are two representations: a tag each.
  const std::string tag = fmt::format("\"{}{}\"", file.hash, is_packed ? "-gzip" : "");
  http::Response out{
      200,
      {{"ETag", tag},
       {"Cache-Control", std::string(cache_control(file))},
       {"Vary", file.path == "/" ? "Accept-Encoding, User-Agent" : "Accept-Encoding"},
       {"Content-Security-Policy", std::string(kContentPolicy)},
       {"Permissions-Policy", std::string(kPermissions)},
       {"Referrer-Policy", "no-referrer"},
       {"X-Content-Type-Options", "nosniff"}},
      ""};
  const auto known = request.header("if-none-match");
  if (known && none_match_fails(*known, tag)) {
    out.status = 304;
    return out;
  }
  out.headers.emplace_back("Content-Type", file.type);
  if (is_packed) out.headers.emplace_back("Content-Encoding", "gzip");
  out.static_body = is_packed ? file.gzip : file.bytes;
  return out;
}

void get_client_file(const Call& call) {
  const http::Request& request = call.request();
  const std::span<const ClientFile> files = call.api->options().client;
  const ClientFile* const file = find_file(files, request.path);
  if (file == nullptr || request.has_encoded_slash) {
    return refuse(call, not_found("there is nothing at this path", "unknown_url"));
  }
  if (!file->location.empty()) {
    return call.exchange->reply(redirect(308, file->location, request.query));
  }
  const bool is_tv =
      request.header("user-agent").value_or("").find(kTvAgent) != std::string_view::npos;
  if (request.path == "/" && is_tv && find_file(files, kTvPath) != nullptr) {
    return call.exchange->reply(redirect(302, kTvPath, request.query));
  }
  call.exchange->reply(file_response(*file, request));
}

}  // namespace

std::vector<Route> client_routes(std::span<const ClientFile> files) {
  std::vector<Route> out;
  for (const ClientFile& file : files) {
    out.push_back({"GET", file.path, Door::kPublic, &get_client_file});
  }
  return out;
}

}  // namespace ondol::api
