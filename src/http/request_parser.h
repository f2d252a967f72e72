// One request out of the bytes of a connection. Beast does the grammar; what
// Beast reads leniently (folded headers, bare line feeds, several lengths) is
// refused before it sees it, because whoever stands in front of us may read it
// otherwise, and requests are smuggled through such differences (RFC 9112,
// section 11.2).
//
// Owner: a connection, one parser a request. Threads: one at a time.
// Invariants: memory held is at most max_header_bytes and max_body_bytes, each
// as received; nothing is allocated by a number that the peer names.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "http/message.h"
#include "http/server.h"

namespace ondol::http {

class RequestParser {
 public:
  enum class Progress { kHeader, kBody, kDone, kRefused };

  explicit RequestParser(const Limits& limits);
  ~RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  /// Takes what it can use off the front of `input`. kHeader and kBody: needs more
  /// input for that part; kDone: what is left belongs to the next request.
  Progress feed(std::string& input);

  /// The header is whole and the peer waits to hear that its body is welcome
  /// (not so once its first bytes are here).
  bool expects_continue() const;
  bool is_http_1_0() const;
  bool keep_alive() const;

  std::size_t body_bytes() const;  // as far as it has come

  /// REQUIRES: kDone. method, path, query, headers and body are filled in.
  Request take_request();

  /// REQUIRES: kRefused.
  int refusal_status() const { return refusal_.status; }
  std::string_view refusal_detail() const { return refusal_.detail; }

 private:
  struct Refusal {
    int status = 0;
    std::string detail;
  };
  class Beast;

  Progress refuse(int status, std::string detail);
  Progress find_header_end(std::string& input);
  Progress parse(std::string& input);
  Progress refuse_parse_error(bool is_limit, bool is_version);

  const Limits limits_;
  std::unique_ptr<Beast> beast_;
  std::size_t n_scanned_ = 0;     // of the header: there is no end before it
  std::size_t header_bytes_ = 0;  // 0: not whole yet
  Refusal refusal_;
};

}  // namespace ondol::http
