#include "format/metadata.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

namespace ondol::format {
namespace {

constexpr std::int64_t kMaxInt64 = std::numeric_limits<std::int64_t>::max();

std::string describe(const MetaValue& value) {
  struct Describer {
    std::string operator()(bool v) const { return v ? "true" : "false"; }
    std::string operator()(std::int64_t v) const { return std::to_string(v); }
    std::string operator()(std::uint64_t v) const { return std::to_string(v); }
    std::string operator()(double v) const { return fmt::format("{}", v); }
    std::string operator()(const std::string& v) const { return fmt::format("\"{}\"", v); }
    std::string operator()(const MetaArray& v) const {
      return std::visit([](const auto& items) { return fmt::format("array of {}", items.size()); },
                        v);
    }
  };
  return std::visit(Describer{}, value);
}

// A missing key and a key of another type are the same kind of broken file:
// what the model needs is not there.
tl::unexpected<Error> wrong(const Metadata& metadata, std::string_view key,
                            std::string_view expected) {
  const MetaValue* found = metadata.find(key);
  return fail(ErrorCode::kInvalidFile, metadata.where(), key,
              found == nullptr ? "missing" : "of another type",
              found == nullptr ? "nothing" : describe(*found), std::string(expected));
}

template <class Element>
constexpr std::string_view kArrayName = "array";
template <>
constexpr std::string_view kArrayName<std::int64_t> = "array of integers";
template <>
constexpr std::string_view kArrayName<double> = "array of numbers";
template <>
constexpr std::string_view kArrayName<bool> = "array of booleans";
template <>
constexpr std::string_view kArrayName<std::string_view> = "array of strings";

}  // namespace

// NOLINTNEXTLINE(performance-unnecessary-value-param): it is moved
bool Metadata::insert(std::string key, MetaValue value) {
  return values_.try_emplace(std::move(key), std::move(value)).second;
}

const MetaValue* Metadata::find(std::string_view key) const {
  const auto it = values_.find(key);
  return it == values_.end() ? nullptr : &it->second;
}

Result<std::int64_t> Metadata::integer(std::string_view key, std::int64_t low,
                                       std::int64_t high) const {
  const std::string range = fmt::format("{} to {}", low, high);
  const MetaValue* value = find(key);
  const auto* as_signed = value ? std::get_if<std::int64_t>(value) : nullptr;
  const auto* as_unsigned = value ? std::get_if<std::uint64_t>(value) : nullptr;
  if (as_signed == nullptr && as_unsigned == nullptr) {
    return wrong(*this, key, "integer, " + range);
  }
  const bool fits = as_signed != nullptr || *as_unsigned <= static_cast<std::uint64_t>(kMaxInt64);
  const std::int64_t number =
      as_signed != nullptr ? *as_signed : static_cast<std::int64_t>(*as_unsigned);
  if (!fits || number < low || number > high) {
    return fail(ErrorCode::kInvalidFile, where_, key, "out of range", describe(*value), range);
  }
  return number;
}

Result<double> Metadata::number(std::string_view key, double low, double high) const {
  const std::string range = fmt::format("{} to {}", low, high);
  const MetaValue* value = find(key);
  double number = 0;
  if (value != nullptr && std::holds_alternative<double>(*value)) {
    number = std::get<double>(*value);
  } else if (value != nullptr && std::holds_alternative<std::int64_t>(*value)) {
    number = static_cast<double>(std::get<std::int64_t>(*value));
  } else if (value != nullptr && std::holds_alternative<std::uint64_t>(*value)) {
    number = static_cast<double>(std::get<std::uint64_t>(*value));
  } else {
    return wrong(*this, key, "number, " + range);
  }
  if (!(number >= low && number <= high)) {  // NaN is in no range
    return fail(ErrorCode::kInvalidFile, where_, key, "out of range", describe(*value), range);
  }
  return number;
}

Result<std::string> Metadata::string(std::string_view key) const {
  const MetaValue* value = find(key);
  if (value == nullptr || !std::holds_alternative<std::string>(*value)) {
    return wrong(*this, key, "string");
  }
  return std::get<std::string>(*value);
}

Result<bool> Metadata::boolean(std::string_view key) const {
  const MetaValue* value = find(key);
  if (value == nullptr || !std::holds_alternative<bool>(*value)) {
    return wrong(*this, key, "boolean");
  }
  return std::get<bool>(*value);
}

Result<std::int64_t> Metadata::integer_or(std::string_view key, std::int64_t fallback,
                                          std::int64_t low, std::int64_t high) const {
  return has(key) ? integer(key, low, high) : fallback;
}

Result<double> Metadata::number_or(std::string_view key, double fallback, double low,
                                   double high) const {
  return has(key) ? number(key, low, high) : fallback;
}

Result<std::string> Metadata::string_or(std::string_view key, std::string_view fallback) const {
  return has(key) ? string(key) : std::string(fallback);
}

Result<bool> Metadata::boolean_or(std::string_view key, bool fallback) const {
  return has(key) ? boolean(key) : fallback;
}

template <class Element>
Result<const std::vector<Element>*> Metadata::array(std::string_view key) const {
  const MetaValue* value = find(key);
  if (value == nullptr) return nullptr;
  if (const auto* array = std::get_if<MetaArray>(value)) {
    if (const auto* items = std::get_if<std::vector<Element>>(array)) return items;
    // JSON does not say of what an empty array has no elements.
    static const std::vector<Element> kEmpty;
    if (std::visit([](const auto& items) { return items.empty(); }, *array)) return &kEmpty;
    return fail(ErrorCode::kInvalidFile, where_, key, "array of another type", describe(*value),
                std::string(kArrayName<Element>));
  }
  return wrong(*this, key, kArrayName<Element>);
}

template Result<const std::vector<std::int64_t>*> Metadata::array(std::string_view) const;
template Result<const std::vector<double>*> Metadata::array(std::string_view) const;
template Result<const std::vector<bool>*> Metadata::array(std::string_view) const;
template Result<const std::vector<std::string_view>*> Metadata::array(std::string_view) const;

}  // namespace ondol::format
