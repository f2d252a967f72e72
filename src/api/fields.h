// Reads a request's JSON field by field: types, ranges and unknown names are
// checked where a value is taken, and the first mistake is kept with its path
// ("messages[2].content"). An absent field and null are the same.
//
//   std::optional<Refusal> refusal;
//   Fields fields(object, "", refusal);
//   const auto top_p = fields.number("top_p", {0, 1});
//   ...
//   fields.refuse_unknown();
//   if (refusal) return tl::unexpected(*refusal);
//
// Owner: one handler; views the object and the refusal. Threads: plain value.
#pragma once

#include <boost/json/object.hpp>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/errors.h"

namespace ondol::api {

inline constexpr std::size_t kMaxJsonDepth = 64;

/// A request's body as an object. Strings are valid UTF-8 (RFC 8259). Errors: 400
/// for what is no JSON object, is nested deeper than kMaxJsonDepth or has a name
/// twice in one object.
OrRefusal<boost::json::object> parse_object(std::string_view body);

struct Bounds {
  double low;
  double high;
  bool has_low = true;  // the end itself is allowed
  bool has_high = true;
};

class Fields {
 public:
  Fields(const boost::json::object& object, std::string path, std::optional<Refusal>& refusal)
      : object_(&object), path_(std::move(path)), refusal_(&refusal) {}

  /// The value as it is; null when absent or JSON null.
  const boost::json::value* find(std::string_view name);
  std::optional<double> number(std::string_view name, const Bounds& bounds);
  std::optional<std::int64_t> integer(std::string_view name, std::int64_t low, std::int64_t high);
  std::optional<bool> flag(std::string_view name);
  std::optional<std::string> string(std::string_view name);
  /// One of the allowed words.
  std::optional<std::string> word(std::string_view name,
                                  std::initializer_list<std::string_view> allowed);
  std::optional<Fields> object(std::string_view name);
  const boost::json::array* array(std::string_view name, std::size_t max_items);
  /// A string, or an array of at most max_items of them.
  std::vector<std::string> string_or_strings(std::string_view name, std::size_t max_items);

  /// The same for items of arrays, which have a path instead of a name.
  std::optional<Fields> object_of(const boost::json::value& value, const std::string& path);
  std::optional<std::string> string_of(const boost::json::value& value, const std::string& path);
  std::optional<std::int64_t> integer_of(const boost::json::value& value, const std::string& path,
                                         std::int64_t low, std::int64_t high);
  std::optional<double> number_of(const boost::json::value& value, const std::string& path,
                                  const Bounds& bounds);

  /// The field's value changes nothing by its definition.
  void ignore(std::string_view name) { asked_.push_back(name); }
  void require(std::string_view name);
  /// 400 if the field is there.
  void refuse_unsupported(std::string_view name, std::string_view why);
  void refuse(const std::string& path, std::string message, std::string code = "");
  void refuse(Refusal refusal);
  /// Call last: a name that nothing above has asked for is a mistake.
  void refuse_unknown();

  bool refused() const { return refusal_->has_value(); }
  const boost::json::object& json() const { return *object_; }
  std::string path_of(std::string_view name) const;

 private:
  void refuse_type(const std::string& path, std::string_view wanted,
                   const boost::json::value& found);

  const boost::json::object* object_;
  std::string path_;
  std::optional<Refusal>* refusal_;
  std::vector<std::string_view> asked_;  // names are literals
};

}  // namespace ondol::api
