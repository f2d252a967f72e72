// The status line and headers of a reply as they go over the wire. What frames a
// message (Content-Length, Transfer-Encoding, Connection) and names it (Date,
// Server, x-request-id) is written here alone; the same headers from a handler
// are left out.
// Threads: any, plain functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/message.h"

namespace ondol::http {

struct Framing {
  bool is_http_1_0 = false;  // what the request spoke
  bool keep_alive = true;
  bool is_stream = false;                                    // chunked, on HTTP/1.0 until close
  std::optional<std::size_t> content_length = std::nullopt;  // of a whole reply
};

/// A status that never has a body, whatever its handler gives (RFC 9112, section 6.3).
bool status_has_body(int status);

/// Control characters in names and values become spaces, so that nothing a
/// handler copies out of a request can begin a header of its own.
std::string make_head(int status, const Headers& headers, const Framing& framing,
                      std::string_view request_id);

/// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7).
std::string http_date(std::int64_t unix_seconds);

}  // namespace ondol::http
