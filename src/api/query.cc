#include "api/query.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/utf8.h"

namespace ondol::api {
namespace {

constexpr std::size_t kMaxShown = 64;  // bytes of a client's own text in a message

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// application/x-www-form-urlencoded: %41 and + for a space.
std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i] == '+' ? ' ' : text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  if (!is_valid_utf8(out)) return std::nullopt;
  return out;
}

std::string shown(const std::string& text) {
  const std::string_view cut = std::string_view(text).substr(0, kMaxShown);
  return std::string(cut.substr(0, valid_utf8_prefix(cut)));
}

}  // namespace

OrRefusal<Query> Query::parse(std::string_view text) {
  Query out;
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    if (pair.empty()) continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    auto name = decoded(pair.substr(0, equals));
    auto value = decoded(pair.substr(std::min(pair.size(), equals + 1)));
    if (!name || !value) {
      return tl::unexpected(bad_parameter("", "the query has a bad escape, or is no UTF-8"));
    }
    out.parameters_.push_back({*std::move(name), *std::move(value)});
  }
  return out;
}

std::optional<std::string> Query::string(std::string_view name) {
  for (Parameter& parameter : parameters_) {
    if (parameter.name != name) continue;
    parameter.is_taken = true;
    return parameter.value;
  }
  return std::nullopt;
}

OrRefusal<std::optional<std::string>> Query::word(std::string_view name,
                                                  std::initializer_list<std::string_view> allowed) {
  auto value = string(name);
  if (!value || std::find(allowed.begin(), allowed.end(), *value) != allowed.end()) return value;
  return tl::unexpected(bad_parameter(
      std::string(name),
      fmt::format("{} is '{}', not one of: {}", name, shown(*value), fmt::join(allowed, ", "))));
}

OrRefusal<std::optional<std::int64_t>> Query::integer(std::string_view name, std::int64_t low,
                                                      std::int64_t high) {
  const auto text = string(name);
  if (!text) return std::nullopt;
  std::int64_t value = 0;
  const char* const end = text->data() + text->size();
  const auto parsed = std::from_chars(text->data(), end, value);
  const bool is_number = parsed.ec == std::errc() && parsed.ptr == end;
  if (is_number && value >= low && value <= high) return value;
  return tl::unexpected(bad_parameter(
      std::string(name),
      fmt::format("{} is '{}', not an integer in [{}, {}]", name, shown(*text), low, high)));
}

OrRefusal<void> Query::words(std::string_view name, std::initializer_list<std::string_view> allowed,
                             std::size_t max_items) {
  std::size_t n = 0;
  for (Parameter& parameter : parameters_) {
    const std::string_view own = parameter.name;
    const bool is_one = own == name || (own.starts_with(name) && own[name.size()] == '[');
    if (!is_one) continue;
    parameter.is_taken = true;
    const bool is_allowed =
        std::find(allowed.begin(), allowed.end(), parameter.value) != allowed.end();
    if (is_allowed && ++n <= max_items) continue;
    return tl::unexpected(bad_parameter(
        std::string(name), fmt::format("{}: only {} is supported", name, fmt::join(allowed, ", ")),
        "unsupported_value"));
  }
  return {};
}

OrRefusal<void> Query::refuse_unknown() const {
  for (const Parameter& parameter : parameters_) {
    if (parameter.is_taken) continue;
    const std::string name = shown(parameter.name);
    return tl::unexpected(bad_parameter(
        name, fmt::format("{} is no parameter that this server knows, or is there twice", name),
        "unknown_parameter"));
  }
  return {};
}

}  // namespace ondol::api
