#include "app/console.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <boost/json.hpp>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>

#include "base/mapped_file.h"
#include "base/utf8.h"

namespace ondol::app {
namespace {

// Characters that change what a terminal does or in which order text reads.
bool is_override(char32_t c) {
  return (c >= 0x80 && c < 0xA0) || (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

}  // namespace

bool stdin_is_terminal() { return ::isatty(STDIN_FILENO) == 1; }
bool stdout_is_terminal() { return ::isatty(STDOUT_FILENO) == 1; }
bool stderr_is_terminal() { return ::isatty(STDERR_FILENO) == 1; }

int terminal_columns() {
  winsize size{};
  const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

void print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

bool flush_output() { return std::fflush(stdout) == 0 && std::ferror(stdout) == 0; }

void print_error(std::string_view message) {
  std::fflush(stdout);
  fmt::print(stderr, "ondol: {}\n", message);
}

void print_note(std::string_view message) { fmt::print(stderr, "{}\n", message); }

void print_json(const boost::json::value& value) {
  print(boost::json::serialize(value));
  print("\n");
}

void print_json_error(const Error& error) {
  boost::json::object object{{"code", std::string(error_code_name(error.code))},
                             {"message", replace_invalid_utf8(error.message())}};
  print_json(boost::json::object{{"error", object}});
  flush_output();
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const std::uint64_t factor = unit.empty()   ? 1
                               : unit == "MB" ? 1'000'000
                               : unit == "GB" ? 1'000'000'000
                                              : 0;
  std::uint64_t bytes = 0;
  if (factor == 0 || __builtin_mul_overflow(number, factor, &bytes)) return std::nullopt;
  return bytes;
}

std::string human_bytes(std::uint64_t n_bytes) {
  constexpr std::array kUnits = {"B", "kB", "MB", "GB", "TB"};
  auto value = static_cast<double>(n_bytes);
  std::size_t unit = 0;
  while (value >= 1000 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", n_bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string harmless(std::string_view text) {
  constexpr char32_t kPictures = 0x2400;
  constexpr char32_t kDeletePicture = 0x2421;
  constexpr char32_t kReplacement = 0xFFFD;
  std::string out;
  while (!text.empty()) {
    const Utf8Char c = decode_utf8(text);
    if (c.valid && (c.code_point == '\n' || c.code_point == '\t')) {
      out += static_cast<char>(c.code_point);
    } else if (c.valid && c.code_point < 0x20) {
      append_utf8(out, kPictures + c.code_point);
    } else if (c.valid && c.code_point == 0x7f) {
      append_utf8(out, kDeletePicture);
    } else if (!c.valid || is_override(c.code_point)) {
      append_utf8(out, kReplacement);
    } else {
      out += text.substr(0, c.n_bytes);
    }
    text.remove_prefix(c.n_bytes);
  }
  return out;
}

void print_model_text(std::string_view text) {
  if (stdout_is_terminal()) {
    print(harmless(text));
  } else {
    print(text);
  }
  std::fflush(stdout);
}

Result<std::string> read_input(const std::string& path_or_dash, std::size_t max_bytes) {
  if (path_or_dash != "-") return read_text_file(path_or_dash, max_bytes);
  std::string text;
  std::array<char, 65536> buffer{};
  for (;;) {
    const ssize_t n = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(ErrorCode::kIo, "stdin", "", "cannot read");
    if (n == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(n));
    if (text.size() > max_bytes) {
      return fail(ErrorCode::kLimit, "stdin", "", "is too long", text.size(), max_bytes);
    }
  }
}

}  // namespace ondol::app
