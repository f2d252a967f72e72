// A JSON document seen as its leaves: each scalar, or array of scalars, with
// the keys that lead to it. All that the Hugging Face files need, in one pass
// and without a tree, so that a hostile file costs no more memory than its own
// longest array, and duplicate keys are seen.
//
// Threads: a pure function. The visitor is called in the order of the document.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"

namespace ondol::format {

/// monostate is null.
using JsonScalar =
    std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string>;
struct JsonEmptyObject {};
struct JsonNestedArray {};  // an array that holds arrays or objects; its inside is passed over
using JsonLeaf =
    std::variant<JsonScalar, std::vector<JsonScalar>, JsonEmptyObject, JsonNestedArray>;

/// `path` is never empty. An Error ends the parse and is returned.
using JsonVisitor = std::function<Result<void>(std::span<const std::string> path, JsonLeaf leaf)>;

struct JsonLimits {
  std::size_t max_bytes;
  std::size_t max_depth;           // of objects and arrays together
  std::size_t max_array_elements;  // of one array of scalars
};

/// Errors: kInvalidFile for text that is no JSON (RFC 8259, UTF-8), whose root
/// is no object, that repeats a key in one object, or whose numbers do not fit
/// a double; kLimit above the limits; and what the visitor returns.
Result<void> visit_json_leaves(std::string_view where, std::string_view text,
                               const JsonLimits& limits, const JsonVisitor& visitor);

/// "rope_scaling.factor"
std::string join_path(std::span<const std::string> path);

}  // namespace ondol::format
