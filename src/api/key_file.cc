#include <fmt/format.h>

#include <boost/json.hpp>
#include <limits>

#include "api/access.h"
#include "api/fields.h"

namespace ondol::api {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxKeys = 100'000;
constexpr std::int64_t kMaxLimit = std::int64_t{1} << 40;

std::optional<int> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

std::optional<KeyDigest> parse_digest(std::string_view text) {
  KeyDigest out{};
  if (text.size() != 2 * out.size()) return std::nullopt;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto high = hex_digit(text[2 * i]);
    const auto low = hex_digit(text[2 * i + 1]);
    if (!high || !low) return std::nullopt;
    out[i] = static_cast<std::uint8_t>(16 * *high + *low);
  }
  return out;
}

ApiKey read_key(Fields& fields) {
  ApiKey key;
  fields.require("name");
  fields.require("sha256");
  key.name = fields.string("name").value_or("");
  const auto digest = parse_digest(fields.string("sha256").value_or(""));
  if (!digest) fields.refuse(fields.path_of("sha256"), "is not 64 hexadecimal digits");
  key.digest = digest.value_or(KeyDigest{});
  key.max_concurrent = fields.integer("max_concurrent", 0, kMaxLimit).value_or(0);
  key.requests_per_minute = fields.integer("requests_per_minute", 0, kMaxLimit).value_or(0);
  key.tokens_per_minute = fields.integer("tokens_per_minute", 0, kMaxLimit).value_or(0);
  key.priority =
      static_cast<std::int32_t>(fields.integer("priority", -1'000'000, 1'000'000).value_or(0));
  fields.refuse_unknown();
  return key;
}

}  // namespace

Result<std::vector<ApiKey>> parse_key_file(std::string_view text, std::string_view where) {
  const auto broken = [&](const Refusal& refusal) {
    return fail(ErrorCode::kInvalidFile, where, refusal.param, refusal.message);
  };
  const auto document = parse_object(text);
  if (!document) return broken(document.error());
  std::optional<Refusal> refusal;
  Fields fields(*document, "", refusal);
  fields.require("keys");
  const json::array* items = fields.array("keys", kMaxKeys);
  fields.refuse_unknown();
  std::vector<ApiKey> out;
  for (std::size_t i = 0; items != nullptr && i < items->size() && !refusal; ++i) {
    auto item = fields.object_of((*items)[i], fmt::format("keys[{}]", i));
    if (item) out.push_back(read_key(*item));
  }
  if (refusal) return broken(*refusal);
  if (out.empty()) return fail(ErrorCode::kInvalidFile, where, "keys", "has no key");
  return out;
}

}  // namespace ondol::api
