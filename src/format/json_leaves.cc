#include "format/json_leaves.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/json/basic_parser_impl.hpp>
#include <charconv>
#include <optional>
#include <unordered_set>
#include <utility>

namespace ondol::format {
namespace {

namespace json = boost::json;

// The events of Boost.JSON's parser. Returning false ends the parse; error_
// then says why.
class LeafHandler {
 public:
  static constexpr std::size_t max_object_size = ~std::size_t{0};
  static constexpr std::size_t max_array_size = ~std::size_t{0};
  static constexpr std::size_t max_key_size = ~std::size_t{0};
  static constexpr std::size_t max_string_size = ~std::size_t{0};

  LeafHandler(std::string_view where, const JsonLimits& limits, const JsonVisitor& visitor)
      : where_(where), limits_(limits), visitor_(visitor) {}

  bool failed() const { return error_.has_value(); }
  Error take_error() { return *std::move(error_); }

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }

  bool on_object_begin(json::error_code& ec) {
    if (in_array()) {
      nested_ = true;
      ++array_depth_;
      return true;
    }
    if (keys_.size() >= limits_.max_depth) return too_deep(ec);
    keys_.emplace_back();
    path_.emplace_back();
    return true;
  }

  bool on_object_end(std::size_t, json::error_code& ec) {
    if (in_array()) {
      --array_depth_;
      return true;
    }
    const bool empty = keys_.back().empty();
    keys_.pop_back();
    path_.pop_back();
    return !empty || keys_.empty() || emit(JsonEmptyObject{}, ec);
  }

  bool on_array_begin(json::error_code& ec) {
    if (keys_.empty()) return not_an_object(ec);
    if (array_depth_++ > 0) {
      nested_ = true;
    } else {
      array_.clear();
      nested_ = false;
    }
    return true;
  }

  bool on_array_end(std::size_t, json::error_code& ec) {
    if (--array_depth_ > 0) return true;
    return nested_ ? emit(JsonNestedArray{}, ec) : emit(std::exchange(array_, {}), ec);
  }

  bool on_key_part(json::string_view part, std::size_t, json::error_code&) {
    text_.append(part.data(), part.size());
    return true;
  }

  bool on_key(json::string_view part, std::size_t, json::error_code& ec) {
    text_.append(part.data(), part.size());
    std::string key = std::exchange(text_, {});
    if (in_array()) return true;
    path_.back() = key;
    if (keys_.back().insert(std::move(key)).second) return true;
    return stop(ec, fail(ErrorCode::kInvalidFile, where_, field(), "key appears twice"));
  }

  bool on_string_part(json::string_view part, std::size_t, json::error_code&) {
    text_.append(part.data(), part.size());
    return true;
  }

  bool on_string(json::string_view part, std::size_t, json::error_code& ec) {
    text_.append(part.data(), part.size());
    return scalar(std::exchange(text_, {}), ec);
  }

  bool on_number_part(json::string_view part, json::error_code&) {
    text_.append(part.data(), part.size());
    return true;
  }

  bool on_int64(std::int64_t value, json::string_view, json::error_code& ec) {
    text_.clear();
    return scalar(value, ec);
  }

  bool on_uint64(std::uint64_t value, json::string_view, json::error_code& ec) {
    text_.clear();
    return scalar(value, ec);
  }

  // Boost 1.81 rounds some decimals to a neighbour of the nearest double, so
  // the text is read again.
  bool on_double(double, json::string_view part, json::error_code& ec) {
    if (keys_.empty()) return not_an_object(ec);
    text_.append(part.data(), part.size());
    const std::string number = std::exchange(text_, {});
    double value = 0;
    const auto [end, code] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (code == std::errc() && end == number.data() + number.size()) return scalar(value, ec);
    return stop(
        ec, fail(ErrorCode::kInvalidFile, where_, field(), "number does not fit a double", number));
  }

  bool on_bool(bool value, json::error_code& ec) { return scalar(value, ec); }
  bool on_null(json::error_code& ec) { return scalar(std::monostate{}, ec); }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }

 private:
  bool in_array() const { return array_depth_ > 0; }

  // An empty key has a path of no letters, and an error names a field.
  std::string field() const {
    std::string path = join_path(path_);
    return path.empty() ? "JSON" : path;
  }

  bool scalar(JsonScalar value, json::error_code& ec) {
    if (keys_.empty()) return not_an_object(ec);
    if (!in_array()) return emit(std::move(value), ec);
    if (nested_) return true;
    if (array_.size() >= limits_.max_array_elements) {
      return stop(ec, fail(ErrorCode::kLimit, where_, field(), "too many elements",
                           array_.size() + 1, limits_.max_array_elements));
    }
    array_.push_back(std::move(value));
    return true;
  }

  bool emit(JsonLeaf leaf, json::error_code& ec) {
    Result<void> result = visitor_(path_, std::move(leaf));
    return result || stop(ec, tl::unexpected(std::move(result).error()));
  }

  bool stop(json::error_code& ec, tl::unexpected<Error> error) {
    error_ = std::move(error).value();
    ec = json::error::exception;  // any code will do: error_ is what is returned
    return false;
  }

  bool too_deep(json::error_code& ec) {
    return stop(ec, fail(ErrorCode::kLimit, where_, "JSON", "nested too deeply", keys_.size() + 1,
                         limits_.max_depth));
  }

  bool not_an_object(json::error_code& ec) {
    return stop(ec, fail(ErrorCode::kInvalidFile, where_, "JSON", "the root is not an object"));
  }

  std::string_view where_;
  const JsonLimits& limits_;
  const JsonVisitor& visitor_;
  std::optional<Error> error_;

  std::vector<std::string> path_;                      // one key an open object
  std::vector<std::unordered_set<std::string>> keys_;  // keys seen, one set an open object
  std::size_t array_depth_ = 0;                        // open arrays and what is inside them
  bool nested_ = false;
  std::vector<JsonScalar> array_;
  std::string text_;  // of the string, key or number that is being read
};

bool is_json_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

}  // namespace

Result<void> visit_json_leaves(std::string_view where, std::string_view text,
                               const JsonLimits& limits, const JsonVisitor& visitor) {
  if (text.size() > limits.max_bytes) {
    return fail(ErrorCode::kLimit, where, "size", "JSON text is too large", text.size(),
                limits.max_bytes);
  }
  json::parse_options options;
  options.max_depth = limits.max_depth;
  json::basic_parser<LeafHandler> parser(options, where, limits, visitor);
  json::error_code ec;
  const std::size_t n_read = parser.write_some(false, text.data(), text.size(), ec);
  if (parser.handler().failed()) return tl::unexpected(parser.handler().take_error());
  if (ec == json::error::too_deep) {
    return fail(ErrorCode::kLimit, where, "JSON", "nested too deeply",
                fmt::format("byte {}", n_read), std::to_string(limits.max_depth));
  }
  if (ec) {
    return fail(ErrorCode::kInvalidFile, where, "JSON", ec.message(),
                fmt::format("byte {}", n_read));
  }
  for (std::size_t i = n_read; i < text.size(); ++i) {
    if (is_json_space(text[i])) continue;
    return fail(ErrorCode::kInvalidFile, where, "JSON", "text after the document",
                fmt::format("byte {}", i));
  }
  return {};
}

std::string join_path(std::span<const std::string> path) {
  return fmt::format("{}", fmt::join(path, "."));
}

}  // namespace ondol::format
