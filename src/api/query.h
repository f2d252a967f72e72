// A query string ("limit=20&order=asc&include[]=x") read parameter by parameter, as
// fields.h reads bodies: unknown names, bad values and what is said twice are 400s.
//
// Owner: one request. Threads: plain value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/errors.h"

namespace ondol::api {

class Query {
 public:
  /// Errors: 400 for a bad escape, or text that is no UTF-8.
  static OrRefusal<Query> parse(std::string_view text);

  std::optional<std::string> string(std::string_view name);
  OrRefusal<std::optional<std::string>> word(std::string_view name,
                                             std::initializer_list<std::string_view> allowed);
  OrRefusal<std::optional<std::int64_t>> integer(std::string_view name, std::int64_t low,
                                                 std::int64_t high);
  /// Of "name", "name[]" and "name[0]"; each one of the allowed.
  OrRefusal<void> words(std::string_view name, std::initializer_list<std::string_view> allowed,
                        std::size_t max_items);
  /// Call last: a name that nothing above has asked for, or that stood there twice.
  OrRefusal<void> refuse_unknown() const;

 private:
  struct Parameter {
    std::string name;
    std::string value;
    bool is_taken = false;
  };
  std::vector<Parameter> parameters_;
};

}  // namespace ondol::api
