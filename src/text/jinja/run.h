// The state of one render: its budget, its first error, and what it owns beyond
// values. Everything that evaluates takes a Run&.
//
// Errors are a flag here, not a Result: the first one is kept, everything after
// it is harmless and cut short, because charge() answers false from then on.
// Threads: one Run belongs to one thread.
#pragma once

#include <ctime>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "text/jinja/limits.h"
#include "text/jinja/value.h"

namespace ondol::text::jinja {

class Run {
 public:
  Run(const Limits& limits, std::string_view where, std::optional<std::tm> now)
      : limits_(limits), where_(where), now_(now) {}
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  bool failed() const { return error_.has_value(); }
  Error take_error() { return *std::move(error_); }

  /// Pays for n steps; false when there was an error or the fuel is out.
  bool charge(std::uint64_t n = 1);
  /// Pays for bytes before or after they are made; never given back.
  bool charge_memory(std::size_t n_bytes);

  /// Notes the error and returns undefined, so that `return run.fail(...)` reads well.
  Value fail(std::string_view detail, ErrorCode code = ErrorCode::kInvalidArgument);
  Value fail_limit(std::string_view what, std::size_t limit);
  /// "'str' object cannot be ...": `what` follows the type's name.
  Value fail_type(const Value& value, std::string_view what);

  /// Values whose bytes are paid for.
  Value text(std::string bytes);
  Value text(std::string_view bytes) { return text(std::string(bytes)); }
  Value sequence(SequenceKind kind, std::vector<Value> items);
  Value list(std::vector<Value> items) { return sequence(SequenceKind::kList, std::move(items)); }
  Value dict(Dict dict);
  Value name_space();

  const Limits& limits() const { return limits_; }
  /// The pinned clock, or local time.
  std::tm now() const;

  std::uint32_t line = 0;  // of what is being evaluated, for errors

 private:
  const Limits& limits_;
  std::string_view where_;
  std::optional<std::tm> now_;
  std::uint64_t n_steps_ = 0;
  std::size_t n_bytes_ = 0;
  std::optional<Error> error_;
  std::deque<Namespace> namespaces_;
};

}  // namespace ondol::text::jinja
