// Any bytes as requests, in pieces: the same answer as at once, within the limits.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "http/request_parser.h"

namespace {

using ondol::http::RequestParser;

constexpr std::size_t kMaxHeaderBytes = 512;
constexpr std::size_t kMaxBodyBytes = 256;

struct Outcome {
  RequestParser::Progress progress = RequestParser::Progress::kHeader;
  int refusal = 0;
  std::string method;
  std::string path;
  std::string body;

  bool operator==(const Outcome&) const = default;
};

Outcome parse(std::string_view bytes, std::size_t n_piece) {
  ondol::http::Limits limits;
  limits.max_header_bytes = kMaxHeaderBytes;
  limits.max_body_bytes = kMaxBodyBytes;
  RequestParser parser(limits);
  Outcome out;
  std::string input;
  while (!bytes.empty() && out.progress != RequestParser::Progress::kDone &&
         out.progress != RequestParser::Progress::kRefused) {
    const std::string_view piece = bytes.substr(0, n_piece);
    input += piece;
    bytes.remove_prefix(piece.size());
    out.progress = parser.feed(input);
  }
  if (out.progress == RequestParser::Progress::kRefused) out.refusal = parser.refusal_status();
  if (out.progress != RequestParser::Progress::kDone) return out;
  ondol::http::Request request = parser.take_request();
  out.method = request.method;
  out.path = request.path;
  out.body = request.body;
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // What is longer than a header may meet the limit earlier in small pieces.
  const std::string_view bytes(reinterpret_cast<const char*>(data),
                               std::min(size, kMaxHeaderBytes));
  const Outcome whole = parse(bytes, bytes.size());
  for (const std::size_t n_piece : {std::size_t{1}, std::size_t{7}}) {
    if (!(parse(bytes, n_piece) == whole)) __builtin_trap();
  }
  if (whole.body.size() > kMaxBodyBytes) __builtin_trap();
  if (whole.refusal == 0 && whole.progress == RequestParser::Progress::kDone) {
    const bool is_sound = whole.path.front() == '/' || whole.path == "*";
    if (!is_sound || whole.path.find('\0') != std::string::npos) __builtin_trap();
  }
  return 0;
}
