#include "api/fields.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <cmath>

#include "api/duplicate_keys.h"

namespace ondol::api {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxShownName = 64;  // bytes of a client's own name in a message

std::string_view kind_name(const json::value& value) {
  switch (value.kind()) {
    case json::kind::object:
      return "an object";
    case json::kind::array:
      return "an array";
    case json::kind::string:
      return "a string";
    case json::kind::bool_:
      return "a boolean";
    case json::kind::null:
      return "null";
    default:
      return value.is_double() ? "a number with a fraction or an exponent" : "an integer";
  }
}

// Whole numbers in any spelling: 16, 16.0, 1.6e1. Outside of int64: nullopt.
std::optional<std::int64_t> whole_number(const json::value& value) {
  if (value.is_int64()) return value.get_int64();
  if (!value.is_double()) return std::nullopt;  // uint64 is kept for what int64 cannot hold
  const double number = value.get_double();
  constexpr double kLimit = 9007199254740992.0;  // 2^53: exact below
  if (!(std::abs(number) < kLimit) || number != std::floor(number)) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

std::string bounds_text(const Bounds& bounds) {
  return fmt::format("{}{}, {}{}", bounds.has_low ? '[' : '(', bounds.low, bounds.high,
                     bounds.has_high ? ']' : ')');
}

bool holds(const Bounds& bounds, double value) {  // false for NaN
  return (bounds.has_low ? value >= bounds.low : value > bounds.low) &&
         (bounds.has_high ? value <= bounds.high : value < bounds.high);
}

}  // namespace

OrRefusal<json::object> parse_object(std::string_view body) {
  if (const auto twice = find_duplicate_key(body, kMaxJsonDepth)) {
    return tl::unexpected(bad_parameter(
        "", "the body has the name '" + twice->substr(0, kMaxShownName) + "' twice in one object"));
  }
  json::parse_options options;
  options.max_depth = kMaxJsonDepth;
  boost::system::error_code error;
  json::value value = json::parse(body, error, {}, options);
  if (error == json::error::too_deep) {
    return tl::unexpected(bad_parameter(
        "", fmt::format("the body is nested more than {} levels deep", kMaxJsonDepth)));
  }
  if (error) {
    return tl::unexpected(
        bad_parameter("", "the body is no valid JSON: " + error.message(), "invalid_json"));
  }
  if (!value.is_object()) {
    return tl::unexpected(bad_parameter("", "the body is no JSON object", "invalid_json"));
  }
  return std::move(value.as_object());
}

std::string Fields::path_of(std::string_view name) const {
  return path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name);
}

void Fields::refuse(const std::string& path, std::string message, std::string code) {
  refuse(bad_parameter(path, std::move(message), std::move(code)));
}

void Fields::refuse(Refusal refusal) {
  if (!*refusal_) *refusal_ = std::move(refusal);
}

void Fields::refuse_type(const std::string& path, std::string_view wanted,
                         const json::value& found) {
  refuse(path, fmt::format("{} is {}, not {}", path, kind_name(found), wanted), "invalid_type");
}

const json::value* Fields::find(std::string_view name) {
  asked_.push_back(name);
  const json::value* value = object_->if_contains(name);
  return value != nullptr && value->is_null() ? nullptr : value;
}

std::optional<double> Fields::number_of(const json::value& value, const std::string& path,
                                        const Bounds& bounds) {
  if (!value.is_number()) {
    refuse_type(path, "a number", value);
    return std::nullopt;
  }
  const double number = value.to_number<double>();
  if (std::isfinite(number) && holds(bounds, number)) return number;
  refuse(path, fmt::format("{} is {}, outside {}", path, number, bounds_text(bounds)));
  return std::nullopt;
}

std::optional<std::int64_t> Fields::integer_of(const json::value& value, const std::string& path,
                                               std::int64_t low, std::int64_t high) {
  if (!value.is_number()) {
    refuse_type(path, "an integer", value);
    return std::nullopt;
  }
  const auto number = whole_number(value);
  if (number && *number >= low && *number <= high) return number;
  refuse(path, fmt::format("{} is {}, not an integer in [{}, {}]", path, json::serialize(value),
                           low, high));
  return std::nullopt;
}

std::optional<std::string> Fields::string_of(const json::value& value, const std::string& path) {
  if (const json::string* text = value.if_string()) return std::string(*text);
  refuse_type(path, "a string", value);
  return std::nullopt;
}

std::optional<Fields> Fields::object_of(const json::value& value, const std::string& path) {
  if (const json::object* object = value.if_object()) return Fields(*object, path, *refusal_);
  refuse_type(path, "an object", value);
  return std::nullopt;
}

std::optional<double> Fields::number(std::string_view name, const Bounds& bounds) {
  const json::value* value = find(name);
  if (value == nullptr) return std::nullopt;
  return number_of(*value, path_of(name), bounds);
}

std::optional<std::int64_t> Fields::integer(std::string_view name, std::int64_t low,
                                            std::int64_t high) {
  const json::value* value = find(name);
  if (value == nullptr) return std::nullopt;
  return integer_of(*value, path_of(name), low, high);
}

std::optional<bool> Fields::flag(std::string_view name) {
  const json::value* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_bool()) return value->get_bool();
  refuse_type(path_of(name), "a boolean", *value);
  return std::nullopt;
}

std::optional<std::string> Fields::string(std::string_view name) {
  const json::value* value = find(name);
  if (value == nullptr) return std::nullopt;
  return string_of(*value, path_of(name));
}

std::optional<std::string> Fields::word(std::string_view name,
                                        std::initializer_list<std::string_view> allowed) {
  auto text = string(name);
  if (!text) return std::nullopt;
  for (const std::string_view word : allowed) {
    if (*text == word) return text;
  }
  refuse(path_of(name), fmt::format("{} is '{}', not one of: {}", path_of(name),
                                    text->substr(0, kMaxShownName), fmt::join(allowed, ", ")));
  return std::nullopt;
}

std::optional<Fields> Fields::object(std::string_view name) {
  const json::value* value = find(name);
  if (value == nullptr) return std::nullopt;
  return object_of(*value, path_of(name));
}

const json::array* Fields::array(std::string_view name, std::size_t max_items) {
  const json::value* value = find(name);
  if (value == nullptr) return nullptr;
  const json::array* items = value->if_array();
  if (items == nullptr) {
    refuse_type(path_of(name), "an array", *value);
  } else if (items->size() > max_items) {
    refuse(path_of(name),
           fmt::format("{} has {} items, more than {}", path_of(name), items->size(), max_items));
    return nullptr;
  }
  return items;
}

std::vector<std::string> Fields::string_or_strings(std::string_view name, std::size_t max_items) {
  std::vector<std::string> out;
  const json::value* value = find(name);
  if (value == nullptr) return out;
  if (const json::string* text = value->if_string()) return {std::string(*text)};
  if (!value->is_array()) {
    refuse_type(path_of(name), "a string or an array of strings", *value);
    return out;
  }
  const json::array* items = array(name, max_items);
  for (std::size_t i = 0; items != nullptr && i < items->size() && !refused(); ++i) {
    auto text = string_of((*items)[i], fmt::format("{}[{}]", path_of(name), i));
    if (text) out.push_back(*std::move(text));
  }
  return out;
}

void Fields::require(std::string_view name) {
  const json::value* value = object_->if_contains(name);
  if (value != nullptr && !value->is_null()) return;
  refuse(path_of(name), fmt::format("{} is missing", path_of(name)), "missing_required_parameter");
}

void Fields::refuse_unsupported(std::string_view name, std::string_view why) {
  if (find(name) == nullptr || refused()) return;
  *refusal_ = unsupported_parameter(path_of(name), fmt::format("{}: {}", path_of(name), why));
}

void Fields::refuse_unknown() {
  if (refused()) return;
  for (const auto& [key, value] : *object_) {
    const std::string_view name = key;
    bool known = false;
    for (const std::string_view asked : asked_) known = known || asked == name;
    if (known) continue;
    const std::string shown = path_of(name.substr(0, kMaxShownName));
    refuse(shown, fmt::format("{} is no parameter that this server knows", shown),
           "unknown_parameter");
    return;
  }
}

}  // namespace ondol::api
