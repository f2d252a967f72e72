#include "http/message.h"

#include <algorithm>
#include <array>

namespace ondol::http {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

struct StatusRow {
  int status;
  std::string_view phrase;
};

// RFC 9110 section 15, 428 to 431 from RFC 6585, 507 from RFC 4918.
constexpr std::array kStatuses = {
    StatusRow{100, "Continue"},
    StatusRow{101, "Switching Protocols"},
    StatusRow{200, "OK"},
    StatusRow{201, "Created"},
    StatusRow{202, "Accepted"},
    StatusRow{204, "No Content"},
    StatusRow{206, "Partial Content"},
    StatusRow{301, "Moved Permanently"},
    StatusRow{302, "Found"},
    StatusRow{303, "See Other"},
    StatusRow{304, "Not Modified"},
    StatusRow{307, "Temporary Redirect"},
    StatusRow{308, "Permanent Redirect"},
    StatusRow{400, "Bad Request"},
    StatusRow{401, "Unauthorized"},
    StatusRow{402, "Payment Required"},
    StatusRow{403, "Forbidden"},
    StatusRow{404, "Not Found"},
    StatusRow{405, "Method Not Allowed"},
    StatusRow{406, "Not Acceptable"},
    StatusRow{408, "Request Timeout"},
    StatusRow{409, "Conflict"},
    StatusRow{410, "Gone"},
    StatusRow{411, "Length Required"},
    StatusRow{412, "Precondition Failed"},
    StatusRow{413, "Content Too Large"},
    StatusRow{414, "URI Too Long"},
    StatusRow{415, "Unsupported Media Type"},
    StatusRow{416, "Range Not Satisfiable"},
    StatusRow{417, "Expectation Failed"},
    StatusRow{421, "Misdirected Request"},
    StatusRow{422, "Unprocessable Content"},
    StatusRow{426, "Upgrade Required"},
    StatusRow{428, "Precondition Required"},
    StatusRow{429, "Too Many Requests"},
    StatusRow{431, "Request Header Fields Too Large"},
    StatusRow{500, "Internal Server Error"},
    StatusRow{501, "Not Implemented"},
    StatusRow{502, "Bad Gateway"},
    StatusRow{503, "Service Unavailable"},
    StatusRow{504, "Gateway Timeout"},
    StatusRow{505, "HTTP Version Not Supported"},
    StatusRow{507, "Insufficient Storage"},
};

}  // namespace

bool names_equal(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::optional<std::string_view> find_header(const Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (names_equal(key, name)) return value;
  }
  return std::nullopt;
}

std::string_view reason_phrase(int status) {
  for (const StatusRow& row : kStatuses) {
    if (row.status == status) return row.phrase;
  }
  return "Unknown";
}

// A line of the data ends at LF, CR or CRLF; the reader joins them by LF.
std::string sse_event(std::string_view data, std::string_view event) {
  std::string out;
  out.reserve(data.size() + event.size() + 32);
  if (!event.empty()) {
    out.append("event: ").append(event.substr(0, event.find_first_of("\r\n"))).append("\n");
  }
  for (;;) {
    const std::size_t end = data.find_first_of("\r\n");
    out.append("data: ").append(data.substr(0, end)).append("\n");
    if (end == std::string_view::npos) break;
    data.remove_prefix(data.substr(end, 2) == "\r\n" ? end + 2 : end + 1);
  }
  out += '\n';
  return out;
}

}  // namespace ondol::http
