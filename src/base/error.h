// Errors as values. Every fallible function of the core returns Result<T>;
// nothing in it prints, exits or throws.
//
// An Error answers four questions for the person who reads it: where (file,
// flag, route), which field, what value was found, and what limit or
// expectation it broke. Owner: the caller. Threads: plain value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace ondol {

enum class ErrorCode : std::uint8_t {
  kInvalidArgument,  // a flag or a request field is wrong
  kInvalidFile,      // a model, tokenizer or template file is broken or hostile
  kUnsupported,      // well formed, but this build cannot run it
  kNotFound,         // no such file, model, route
  kIo,               // the operating system said no
  kNetwork,          // a peer or the way to it failed
  kOutOfMemory,      // the plan does not fit, or an allocation was refused
  kLimit,            // a bound on size, depth, time or fuel was reached
  kCancelled,        // the caller asked to stop
  kInternal,         // a bug of ours that was caught
};

struct [[nodiscard]] Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string where;   // "model.gguf", "--threads", "chat template"; may be empty
  std::string field;   // "n_tensors", "blk.0.attn_q.weight"; may be empty
  std::string detail;  // one sentence without a full stop
  std::string value;   // what was found, as text; may be empty
  std::string limit;   // what was allowed or expected, as text; may be empty

  /// One line: "where: field: detail (found VALUE, limit LIMIT)". Control
  /// characters of hostile input are escaped, long pieces are cut.
  std::string message() const;
};

template <class T>
using Result = tl::expected<T, Error>;

/// `return fail(ErrorCode::kInvalidFile, path, "n_tensors", "too many", n, kMax);`
/// Anything fmt can print is taken for value and limit.
tl::unexpected<Error> fail(ErrorCode code, std::string_view where, std::string_view field,
                           std::string_view detail, std::string value = {}, std::string limit = {});

/// The same with numbers, so that callers need not spell std::to_string.
template <class V, class L>
  requires(std::is_integral_v<V> && std::is_integral_v<L>)
tl::unexpected<Error> fail(ErrorCode code, std::string_view where, std::string_view field,
                           std::string_view detail, V value, L limit) {
  return fail(code, where, field, detail, std::to_string(value), std::to_string(limit));
}

/// The exit code of the command line for an error; the table stands in the README.
int exit_code(ErrorCode code);

/// A stable lower-case name, "invalid_file", for logs and JSON.
std::string_view error_code_name(ErrorCode code);

}  // namespace ondol

#define ONDOL_CONCAT_INNER(a, b) a##b
#define ONDOL_CONCAT(a, b) ONDOL_CONCAT_INNER(a, b)

// NOLINTBEGIN(bugprone-macro-parentheses): a declaration cannot stand in them.
/// `ONDOL_TRY(auto x, f());` binds the value of f() or returns its error.
#define ONDOL_TRY(declaration, expression)                                     \
  auto ONDOL_CONCAT(result_, __LINE__) = (expression);                         \
  if (!ONDOL_CONCAT(result_, __LINE__))                                        \
    return tl::unexpected(std::move(ONDOL_CONCAT(result_, __LINE__)).error()); \
  declaration = *std::move(ONDOL_CONCAT(result_, __LINE__))

// NOLINTEND(bugprone-macro-parentheses)

/// `ONDOL_TRY_VOID(f());` for Result<void>.
#define ONDOL_TRY_VOID(expression)                                           \
  do {                                                                       \
    auto result_void = (expression);                                         \
    if (!result_void) return tl::unexpected(std::move(result_void).error()); \
  } while (false)
