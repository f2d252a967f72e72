#include "http/target.h"

#include <algorithm>

#include "http/message.h"

namespace ondol::http {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

std::optional<std::string> decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (is_control(c)) return std::nullopt;
    out += c;
  }
  return out;
}

// Takes "http://authority" off the front; false when a target that does not
// start with '/' has no such front.
bool take_authority(std::string_view& target, std::string& authority) {
  const std::size_t scheme_end = target.find("://");
  if (scheme_end == std::string_view::npos) return false;
  const std::string_view scheme = target.substr(0, scheme_end);
  if (!names_equal(scheme, "http") && !names_equal(scheme, "https")) return false;
  target.remove_prefix(scheme_end + 3);
  const std::size_t end = std::min(target.find_first_of("/?"), target.size());
  authority = target.substr(0, end);
  target.remove_prefix(end);
  return !authority.empty();
}

}  // namespace

std::optional<Target> parse_target(std::string_view method, std::string_view target) {
  Target out;
  if (target == "*") {
    if (method != "OPTIONS") return std::nullopt;
    out.path = "*";
    return out;
  }
  if (target.empty()) return std::nullopt;
  if (target.front() != '/' && !take_authority(target, out.authority)) return std::nullopt;
  // A fragment is for the client alone and never sent (RFC 9110 section 4.2.5).
  if (target.find('#') != std::string_view::npos) return std::nullopt;
  const std::size_t mark = target.find('?');
  if (mark != std::string_view::npos) {
    out.query = target.substr(mark + 1);
    target = target.substr(0, mark);
  }
  for (const char c : out.query) {
    if (is_control(c)) return std::nullopt;
  }
  out.has_encoded_slash =
      target.find("%2f") != std::string_view::npos || target.find("%2F") != std::string_view::npos;
  auto path = decode(target);
  if (!path) return std::nullopt;
  out.path = path->empty() ? "/" : *std::move(path);
  return out;
}

}  // namespace ondol::http
