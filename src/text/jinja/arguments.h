// The arguments of a call, and their binding to the parameters of a built-in
// filter, test, method or global.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/jinja/run.h"
#include "text/jinja/value.h"

namespace ondol::text::jinja {

struct CallArguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;

  const Value* find(std::string_view name) const;
};

inline constexpr std::size_t kMaxParameters = 5;
using ParameterNames = std::array<std::string_view, kMaxParameters>;

/// What a built-in accepts. `any` takes everything and binds nothing.
struct Parameters {
  ParameterNames names{};
  std::size_t n_required = 0;
  bool any = false;
};

class BoundArguments {
 public:
  /// Errors go to the run, as Python's TypeError for a wrong call would.
  BoundArguments(Run& run, std::string_view callee, const Parameters& parameters,
                 const CallArguments& arguments);

  const CallArguments& raw() const { return arguments_; }
  const Value* get(std::size_t i) const { return values_[i]; }
  bool has(std::size_t i) const { return values_[i] != nullptr; }
  /// Given and not none.
  bool has_value(std::size_t i) const { return has(i) && !get(i)->is_none(); }
  bool flag(std::size_t i, bool fallback = false) const;
  std::int64_t integer(std::size_t i, std::int64_t fallback) const;
  /// Text, or an error for another type.
  std::string_view text(std::size_t i, std::string_view fallback) const;

 private:
  Run& run_;
  const CallArguments& arguments_;
  std::array<const Value*, kMaxParameters> values_{};
};

}  // namespace ondol::text::jinja
