// HTTPS downloads by libcurl, with one endpoint that may be sent a token.
//
// The token goes to the endpoint's own origin (scheme, host and port) and to
// nobody else: redirects are followed here, hop by hop, not by libcurl. Plain
// http is accepted from a loopback endpoint only, and then only to loopback
// addresses. TLS certificates are always verified.
//
// Threads: one at a time. Errors: kNetwork; kInvalidArgument for an endpoint or
// token that cannot be used; kLimit for too many redirects.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace ondol::hub {

struct HttpOptions {
  std::string endpoint = "https://huggingface.co";  // no trailing slash
  std::string token;                                // may be empty
  int connect_timeout_s = 20;
  int stall_timeout_s = 30;  // no byte for so long ends a transfer
};

struct HttpReply {
  long status = 0;
  std::string etag;                                 // may be empty
  std::optional<std::uint64_t> content_range_from;  // of a 206
};

struct HttpRequest {
  std::string url;
  std::uint64_t first_byte = 0;  // > 0 asks for the rest from there
  std::string if_range;          // ETag the rest must belong to; may be empty
};

class HttpClient {
 public:
  static Result<HttpClient> create(HttpOptions options);
  ~HttpClient();
  HttpClient(HttpClient&&) noexcept;
  HttpClient& operator=(HttpClient&&) = delete;

  using OnReply = std::function<Result<void>(const HttpReply&)>;
  using OnBody = std::function<Result<void>(std::string_view)>;

  /// GET. A 200 or 206 is announced by on_reply (may be empty), then its bytes
  /// go to on_body; an error of either ends the transfer and is returned. Other
  /// statuses come back without either being called.
  Result<HttpReply> get(const HttpRequest& request, const OnReply& on_reply, const OnBody& on_body);

  const std::string& endpoint() const;

 private:
  struct State;
  explicit HttpClient(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Percent-encodes all but letters, digits, "-._~" and, if asked, "/".
std::string url_encode(std::string_view text, bool keep_slashes);

/// Scheme, host and path: what may be shown of a URL (queries carry signatures).
std::string public_url(std::string_view url);

/// Statuses and errors after which trying again makes sense.
bool is_transient_status(long status);

}  // namespace ondol::hub
