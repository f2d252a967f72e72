#include "http/request_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <optional>

#include "http/target.h"

namespace ondol::http {
namespace {

namespace beast = boost::beast;

// Far above what clients send; bounds the work of looking headers up.
constexpr std::size_t kMaxHeaders = 128;

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

// What is wrong with the bytes of a header as such, empty when nothing is. `header`
// ends with its empty line.
std::string_view fault_of_bytes(std::string_view header) {
  for (std::size_t i = 0; i < header.size(); ++i) {
    const auto byte = static_cast<unsigned char>(header[i]);
    if (byte == '\r') {
      if (i + 1 == header.size() || header[i + 1] != '\n') return "bare carriage return in header";
    } else if (byte == '\n') {
      if (i == 0 || header[i - 1] != '\r') return "bare line feed in header";
      const char next = i + 1 < header.size() ? header[i + 1] : '\0';
      if (next == ' ' || next == '\t') return "folded header line";
    } else if ((byte < 0x20 && byte != '\t') || byte == 0x7f) {
      return "control character in header";
    }
  }
  return {};
}

}  // namespace

// Fills a Request in and judges each header as it comes. A refusal is carried in
// `refusal`; the error code given back to Beast only makes it stop.
class RequestParser::Beast : public beast::http::basic_parser<true> {
 public:
  Request request;
  Refusal refusal;
  bool is_http_1_0 = false;
  bool expects_continue = false;

 private:
  using Field = beast::http::field;
  using ErrorCode = beast::error_code;

  void refuse(int status, std::string_view detail, ErrorCode& error) {
    refusal = {status, std::string(detail)};
    error = beast::http::error::bad_value;
  }

  void on_request_impl(beast::http::verb, beast::string_view method, beast::string_view target,
                       int version, ErrorCode& error) override {
    is_http_1_0 = version == 10;
    auto parsed = http::parse_target(view(method), view(target));
    if (!parsed) return refuse(400, "the request target is malformed", error);
    request.method = view(method);
    request.path = std::move(parsed->path);
    request.has_encoded_slash = parsed->has_encoded_slash;
    request.query = std::move(parsed->query);
    authority_ = std::move(parsed->authority);
  }

  void on_field_impl(Field name, beast::string_view name_text, beast::string_view value,
                     ErrorCode& error) override {
    if (is_header_whole_) return;  // a trailer says nothing that we would trust
    if (request.headers.size() == kMaxHeaders) {
      return refuse(431, fmt::format("more than {} headers", kMaxHeaders), error);
    }
    request.headers.emplace_back(view(name_text), view(value));
    const std::string_view text = request.headers.back().second;
    switch (name) {
      case Field::host:
        if (n_hosts_++ > 0) refuse(400, "more than one Host", error);
        break;
      case Field::content_length:
        // Beast takes "5, 5" and repeated equal lengths; others in the chain may not.
        if (n_lengths_++ > 0) return refuse(400, "more than one Content-Length", error);
        if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) {
          refuse(400, "Content-Length is not a number", error);
        }
        break;
      case Field::transfer_encoding:
        if (has_transfer_encoding_) return refuse(400, "more than one Transfer-Encoding", error);
        has_transfer_encoding_ = true;
        if (!names_equal(text, "chunked")) {
          refuse(501, "Transfer-Encoding other than chunked", error);
        }
        break;
      case Field::content_encoding:
        if (!names_equal(text, "identity")) {
          refuse(415, "Content-Encoding other than identity", error);
        }
        break;
      case Field::expect:
        if (!names_equal(text, "100-continue")) return refuse(417, "unknown expectation", error);
        expects_continue = true;
        break;
      default:
        break;
    }
  }

  void on_header_impl(ErrorCode& error) override {
    is_header_whole_ = true;
    if (has_transfer_encoding_ && (n_lengths_ > 0 || is_http_1_0)) {
      return refuse(400, "Transfer-Encoding beside Content-Length or in HTTP/1.0", error);
    }
    const auto host = request.header("Host");
    if (!host && !is_http_1_0) return refuse(400, "no Host", error);
    // The absolute form's authority replaces Host (RFC 9112 section 3.2.2). Whoever
    // checks Host must see the one that counts, so they have to be the same.
    if (!authority_.empty() && (!host || !names_equal(*host, authority_))) {
      refuse(400, "the target's authority is not the Host", error);
    }
  }

  std::size_t on_body_impl(beast::string_view bytes, ErrorCode&) override {
    request.body.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view bytes, ErrorCode&) override {
    request.body.append(bytes.data(), bytes.size());
    return bytes.size();
  }

  void on_body_init_impl(const boost::optional<std::uint64_t>&, ErrorCode&) override {}
  void on_chunk_header_impl(std::uint64_t, beast::string_view, ErrorCode&) override {}
  void on_finish_impl(ErrorCode&) override {}
  void on_response_impl(int, beast::string_view, int, ErrorCode&) override {}

  std::string authority_;
  int n_hosts_ = 0;
  int n_lengths_ = 0;
  bool has_transfer_encoding_ = false;
  bool is_header_whole_ = false;
};

RequestParser::RequestParser(const Limits& limits)
    : limits_(limits), beast_(std::make_unique<Beast>()) {
  // find_header_end() has found the end before Beast sees the header; its own
  // limit only bounds trailers.
  beast_->header_limit(static_cast<std::uint32_t>(limits.max_header_bytes));
  beast_->body_limit(limits.max_body_bytes);
  beast_->eager(true);
}

RequestParser::~RequestParser() = default;

bool RequestParser::is_http_1_0() const { return beast_->is_http_1_0; }
bool RequestParser::keep_alive() const { return beast_->is_done() && beast_->keep_alive(); }
std::size_t RequestParser::body_bytes() const { return beast_->request.body.size(); }
Request RequestParser::take_request() { return std::move(beast_->request); }

bool RequestParser::expects_continue() const {
  // HTTP/1.0 knows no interim reply (RFC 9110 section 10.1.1).
  return beast_->is_header_done() && beast_->expects_continue && !beast_->is_http_1_0 &&
         beast_->request.body.empty();
}

RequestParser::Progress RequestParser::feed(std::string& input) {
  if (refusal_.status != 0) return Progress::kRefused;
  if (header_bytes_ == 0) {
    const Progress progress = find_header_end(input);
    if (progress != Progress::kBody) return progress;
  }
  return parse(input);
}

RequestParser::Progress RequestParser::refuse(int status, std::string detail) {
  refusal_ = {status, std::move(detail)};
  return Progress::kRefused;
}

// kBody once the header lies whole and sound at the front of the input.
RequestParser::Progress RequestParser::find_header_end(std::string& input) {
  if (n_scanned_ == 0) {
    // An empty line before a request is to be ignored (RFC 9112 section 2.2).
    const std::size_t start = input.find_first_not_of("\r\n");
    input.erase(0, std::min(start, input.size()));
  }
  const std::size_t end = input.find("\r\n\r\n", n_scanned_);
  const std::size_t n_bytes = end == std::string::npos ? input.size() : end + 4;
  if (n_bytes > limits_.max_header_bytes) {
    const bool is_target = input.find('\n') >= limits_.max_header_bytes;
    return refuse(
        is_target ? 414 : 431,
        fmt::format("the {} more than {} bytes", is_target ? "request target has" : "headers have",
                    limits_.max_header_bytes));
  }
  if (end == std::string::npos) {
    n_scanned_ = n_bytes < 3 ? 0 : n_bytes - 3;
    return Progress::kHeader;
  }
  const std::string_view fault = fault_of_bytes(std::string_view(input).substr(0, n_bytes));
  if (!fault.empty()) return refuse(400, std::string(fault));
  header_bytes_ = n_bytes;
  return Progress::kBody;
}

RequestParser::Progress RequestParser::parse(std::string& input) {
  std::size_t n_used = 0;
  beast::error_code error;
  // The header by itself first: what lies behind it must not be read as its end.
  std::size_t n_given = beast_->is_header_done() ? input.size() : header_bytes_;
  while (!error && n_used < n_given && !beast_->is_done()) {
    n_used +=
        beast_->put(boost::asio::const_buffer(input.data() + n_used, n_given - n_used), error);
    if (beast_->is_header_done()) n_given = input.size();
  }
  input.erase(0, n_used);
  if (beast_->refusal.status != 0) return refuse(beast_->refusal.status, beast_->refusal.detail);
  if (error && error != beast::http::error::need_more) {
    return refuse_parse_error(error == beast::http::error::body_limit,
                              error == beast::http::error::bad_version);
  }
  if (!beast_->is_header_done()) return refuse(400, "the request line is malformed");
  if (beast_->is_done()) return Progress::kDone;
  // What Beast leaves is an unfinished chunk header or trailer.
  if (input.size() > limits_.max_header_bytes) {
    return refuse(431, fmt::format("a chunk's header or the trailer has more than {} bytes",
                                   limits_.max_header_bytes));
  }
  return Progress::kBody;
}

RequestParser::Progress RequestParser::refuse_parse_error(bool is_limit, bool is_version) {
  if (is_limit) {
    return refuse(413, fmt::format("the body has more than {} bytes", limits_.max_body_bytes));
  }
  if (is_version) return refuse(505, "only HTTP/1.0 and HTTP/1.1 are spoken");
  return refuse(400, "the request is malformed");
}

}  // namespace ondol::http
