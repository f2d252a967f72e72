// Typed metadata of a model file: GGUF key-values as they are, or config.json
// flattened with dots ("rope_scaling.factor", "text_config.hidden_size").
//
// String arrays are views into the mapped file or into the document that the
// ModelFile keeps. Threads: immutable after load.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"

namespace ondol::format {

using MetaArray = std::variant<std::vector<std::int64_t>, std::vector<double>, std::vector<bool>,
                               std::vector<std::string_view>>;
/// Integers above 2^63 - 1 are kept as uint64_t; JSON null is absent.
using MetaValue = std::variant<bool, std::int64_t, std::uint64_t, double, std::string, MetaArray>;

class Metadata {
 public:
  explicit Metadata(std::string where) : where_(std::move(where)) {}

  /// false when the key is there already.
  bool insert(std::string key, MetaValue value);

  const MetaValue* find(std::string_view key) const;
  bool has(std::string_view key) const { return find(key) != nullptr; }
  const std::map<std::string, MetaValue, std::less<>>& all() const { return values_; }
  const std::string& where() const { return where_; }

  /// Each answers an Error that names file, key, found and expected when the
  /// key is missing, of another type, or outside [low, high].
  Result<std::int64_t> integer(std::string_view key, std::int64_t low, std::int64_t high) const;
  Result<double> number(std::string_view key, double low, double high) const;
  Result<std::string> string(std::string_view key) const;
  Result<bool> boolean(std::string_view key) const;

  /// The same, but a missing key gives the default.
  Result<std::int64_t> integer_or(std::string_view key, std::int64_t fallback, std::int64_t low,
                                  std::int64_t high) const;
  Result<double> number_or(std::string_view key, double fallback, double low, double high) const;
  Result<std::string> string_or(std::string_view key, std::string_view fallback) const;
  Result<bool> boolean_or(std::string_view key, bool fallback) const;

  /// nullptr if missing; an Error if of another type.
  template <class Element>
  Result<const std::vector<Element>*> array(std::string_view key) const;

 private:
  std::string where_;  // the file's name, for errors
  std::map<std::string, MetaValue, std::less<>> values_;
};

}  // namespace ondol::format
