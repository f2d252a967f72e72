#include "base/error.h"

#include <fmt/format.h>

#include <array>

namespace ondol {
namespace {

constexpr std::size_t kMaxPieceBytes = 200;

struct CodeRow {
  ErrorCode code;
  std::string_view name;
  int exit_code;
};

// One table for every mapping of a code. 1 is left to "the answer is no"
// (as grep does), 2 to usage.
constexpr std::array kCodes = {
    CodeRow{ErrorCode::kInvalidArgument, "invalid_argument", 2},
    CodeRow{ErrorCode::kInvalidFile, "invalid_file", 3},
    CodeRow{ErrorCode::kUnsupported, "unsupported", 4},
    CodeRow{ErrorCode::kNotFound, "not_found", 5},
    CodeRow{ErrorCode::kIo, "io", 6},
    CodeRow{ErrorCode::kNetwork, "network", 7},
    CodeRow{ErrorCode::kOutOfMemory, "out_of_memory", 8},
    CodeRow{ErrorCode::kLimit, "limit", 9},
    CodeRow{ErrorCode::kCancelled, "cancelled", 130},
    CodeRow{ErrorCode::kInternal, "internal", 70},
};

const CodeRow& row(ErrorCode code) {
  for (const CodeRow& r : kCodes) {
    if (r.code == code) return r;
  }
  return kCodes.back();
}

// Names and values come out of hostile files: no control character of theirs
// reaches a terminal, and no megabyte of theirs reaches a log.
std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kMaxPieceBytes)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  if (text.size() > kMaxPieceBytes) out += "...";
  return out;
}

}  // namespace

std::string Error::message() const {
  std::string out;
  for (const std::string* piece : {&where, &field}) {
    if (!piece->empty()) out += printable(*piece) + ": ";
  }
  out += detail;
  if (!value.empty() && !limit.empty()) {
    out += fmt::format(" (found {}, limit {})", printable(value), printable(limit));
  } else if (!value.empty()) {
    out += fmt::format(" (found {})", printable(value));
  } else if (!limit.empty()) {
    out += fmt::format(" (limit {})", printable(limit));
  }
  return out;
}

tl::unexpected<Error> fail(ErrorCode code, std::string_view where, std::string_view field,
                           std::string_view detail, std::string value, std::string limit) {
  return tl::unexpected(Error{code, std::string(where), std::string(field), std::string(detail),
                              std::move(value), std::move(limit)});
}

int exit_code(ErrorCode code) { return row(code).exit_code; }

std::string_view error_code_name(ErrorCode code) { return row(code).name; }

}  // namespace ondol
