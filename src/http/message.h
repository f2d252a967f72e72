// A request as it came over the wire and a reply as it will go out: plain data.
// Header names compare without regard to case. Knows nothing of models.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ondol::http {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// Names are ASCII and compare without regard to case.
bool names_equal(std::string_view a, std::string_view b);

/// The value of the first header of that name; nullopt when there is none.
std::optional<std::string_view> find_header(const Headers& headers, std::string_view name);

struct Request {
  std::string method;  // "GET", "POST"; as it came, "get" is another method
  std::string path;    // percent-decoded, without the query; starts with '/', or is "*"
  std::string query;   // as it came, without '?'
  // The path held "%2F", which decodes to what looks like a separator and is none.
  bool has_encoded_slash = false;
  Headers headers;
  std::string body;        // whole, transfer coding removed
  std::string peer;        // the client's address without its port
  bool is_secure = false;  // came over TLS
  std::string id;          // unique; goes out as x-request-id and into logs

  std::optional<std::string_view> header(std::string_view name) const {
    return find_header(headers, name);
  }
};

struct Response {
  int status = 200;
  Headers headers;
  std::string body;
  // Instead of body: bytes that live as long as the program, and are never copied.
  std::string_view static_body = {};

  std::size_t body_bytes() const { return body.empty() ? static_body.size() : body.size(); }
};

/// The standard reason phrase; "Unknown" for a status that has none.
std::string_view reason_phrase(int status);

/// One server-sent event (WHATWG HTML, section 9.2). Each line of `data` becomes a
/// data: line; `event` may be empty.
std::string sse_event(std::string_view data, std::string_view event = {});

}  // namespace ondol::http
