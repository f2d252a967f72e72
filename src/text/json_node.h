// A value of a parsed JSON document with the path that leads to it, so that an
// error names the field ("pre_tokenizer.pretokenizers[0].behavior").
//
// Owner: plain view; the document must outlive it. Threads: immutable.
// Errors: kInvalidFile when a field is missing or has another type.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace ondol::text {

class JsonNode {
 public:
  JsonNode(const boost::json::value& value, std::string path, std::string_view where)
      : value_(&value), path_(std::move(path)), where_(where) {}

  const boost::json::value& value() const { return *value_; }
  const std::string& path() const { return path_; }
  std::string_view where() const { return where_; }

  Result<const boost::json::object*> object() const;
  Result<const boost::json::array*> array() const;

  /// A member that is there and is not null.
  std::optional<JsonNode> find(std::string_view key) const;
  Result<JsonNode> at(std::string_view key) const;
  Result<std::vector<JsonNode>> elements() const;

  Result<std::string_view> string() const;
  Result<std::string_view> string(std::string_view key) const;
  Result<bool> boolean(std::string_view key) const;
  Result<bool> boolean_or(std::string_view key, bool otherwise) const;
  Result<std::int64_t> integer(std::string_view key) const;

  tl::unexpected<Error> invalid(std::string_view detail, std::string value = {}) const;
  tl::unexpected<Error> unsupported(std::string_view detail, std::string value = {}) const;

 private:
  const boost::json::value* value_;
  std::string path_;
  std::string_view where_;
};

}  // namespace ondol::text
