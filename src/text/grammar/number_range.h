// Numbers between bounds, exactly, as decimals without exponent.
//
// Owner: one compilation. Threads: pure functions.
#pragma once

#include <cstdint>
#include <optional>

#include "text/grammar/decimal.h"
#include "text/grammar/rules.h"

namespace ondol::text::grammar {

struct NumberRange {
  std::optional<Decimal> low, high;
  bool low_open = false, high_open = false;  // the bound itself is not a member

  bool bounded() const { return low || high; }
  void raise_low(const Decimal& bound, bool open);
  void lower_high(const Decimal& bound, bool open);
  bool contains(const Decimal& value) const;
  bool apart_from(const NumberRange& other) const;  // certainly no common member
};

/// Integers of up to 18 digits.
ExprId integer_range_expr(Rules& rules, const NumberRange& range);

/// Numbers of up to 18 digits before and after the point. With an open bound
/// fewer are allowed, so that a reader's double never rounds onto the bound.
ExprId number_range_expr(Rules& rules, const NumberRange& range);

/// Integers divisible by `divisor`. REQUIRES: divisor > 0.
ExprId multiples_expr(Rules& rules, std::uint32_t divisor);

}  // namespace ondol::text::grammar
