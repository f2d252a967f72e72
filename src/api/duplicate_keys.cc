#include "api/duplicate_keys.h"

#include <boost/json/basic_parser_impl.hpp>
#include <string>
#include <unordered_set>
#include <vector>

namespace ondol::api {
namespace {

namespace json = boost::json;
using ErrorCode = boost::system::error_code;

// Boost.JSON calls these as it reads; only objects and their names matter here.
struct KeyHandler {
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

  bool on_document_begin(ErrorCode&) { return true; }
  bool on_document_end(ErrorCode&) { return true; }
  bool on_object_begin(ErrorCode&) {
    open.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t, ErrorCode&) {
    open.pop_back();
    return true;
  }
  bool on_key_part(json::string_view part, std::size_t, ErrorCode&) {
    key += part;
    return true;
  }
  bool on_key(json::string_view part, std::size_t, ErrorCode& error) {
    key += part;
    if (!open.back().insert(key).second) {
      duplicate = key;
      error = json::error::syntax;  // stops the parser; the caller asks for `duplicate` first
      return false;
    }
    key.clear();
    return true;
  }
  bool on_array_begin(ErrorCode&) { return true; }
  bool on_array_end(std::size_t, ErrorCode&) { return true; }
  bool on_string_part(json::string_view, std::size_t, ErrorCode&) { return true; }
  bool on_string(json::string_view, std::size_t, ErrorCode&) { return true; }
  bool on_number_part(json::string_view, ErrorCode&) { return true; }
  bool on_int64(std::int64_t, json::string_view, ErrorCode&) { return true; }
  bool on_uint64(std::uint64_t, json::string_view, ErrorCode&) { return true; }
  bool on_double(double, json::string_view, ErrorCode&) { return true; }
  bool on_bool(bool, ErrorCode&) { return true; }
  bool on_null(ErrorCode&) { return true; }
  bool on_comment_part(json::string_view, ErrorCode&) { return true; }
  bool on_comment(json::string_view, ErrorCode&) { return true; }

  std::vector<std::unordered_set<std::string>> open;  // names of the objects around this place
  std::string key;
  std::optional<std::string> duplicate;
};

}  // namespace

std::optional<std::string> find_duplicate_key(std::string_view text, std::size_t max_depth) {
  json::parse_options options;
  options.max_depth = max_depth;
  json::basic_parser<KeyHandler> parser(options);
  ErrorCode error;
  parser.write_some(/*more=*/false, text.data(), text.size(), error);
  return parser.handler().duplicate;
}

}  // namespace ondol::api
