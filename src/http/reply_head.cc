#include "http/reply_head.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>

namespace ondol::http {
namespace {

constexpr std::array kOurHeaders = {
    "content-length", "transfer-encoding", "connection", "keep-alive", "date",
    "server",         "x-request-id"};

bool is_ours(std::string_view name) {
  return std::any_of(kOurHeaders.begin(), kOurHeaders.end(),
                     [&](std::string_view ours) { return names_equal(name, ours); });
}

void append_clean(std::string& out, std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte == 0x7f ? ' ' : c;
  }
}

void append_framing(std::string& out, int status, const Framing& framing) {
  if (!framing.keep_alive) {
    out += "Connection: close\r\n";
  } else if (framing.is_http_1_0) {
    out += "Connection: keep-alive\r\n";
  }
  if (!status_has_body(status)) return;
  if (framing.content_length) {
    out += fmt::format("Content-Length: {}\r\n", *framing.content_length);
  } else if (framing.is_stream && !framing.is_http_1_0) {
    out += "Transfer-Encoding: chunked\r\n";
  }
}

}  // namespace

bool status_has_body(int status) { return status >= 200 && status != 204 && status != 304; }

std::string http_date(std::int64_t unix_seconds) {
  // Not strftime: its names of days follow the locale.
  constexpr std::array kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t time = unix_seconds;
  std::tm parts{};
  gmtime_r(&time, &parts);
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT",
                     kDays[static_cast<std::size_t>(parts.tm_wday)], parts.tm_mday,
                     kMonths[static_cast<std::size_t>(parts.tm_mon)], parts.tm_year + 1900,
                     parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::string make_head(int status, const Headers& headers, const Framing& framing,
                      std::string_view request_id) {
  std::string out = fmt::format("HTTP/1.1 {} {}\r\nDate: {}\r\nServer: ondol\r\n", status,
                                reason_phrase(status), http_date(std::time(nullptr)));
  if (!request_id.empty()) out += fmt::format("x-request-id: {}\r\n", request_id);
  for (const auto& [name, value] : headers) {
    if (name.empty() || is_ours(name)) continue;
    append_clean(out, name);
    out += ": ";
    append_clean(out, value);
    out += "\r\n";
  }
  append_framing(out, status, framing);
  out += "\r\n";
  return out;
}

}  // namespace ondol::http
