// Numbers as JSON writes them, compared exactly.
//
// Owner: plain value. Threads: pure functions.
#pragma once

#include <compare>
#include <cstddef>
#include <string>
#include <string_view>

namespace ondol::text::grammar {

struct Decimal {
  bool negative = false;
  std::string whole = "0";  // digits without leading zeros
  std::string fraction;     // digits without trailing zeros

  /// REQUIRES: a JSON number whose exponent has at most three digits.
  static Decimal parse(std::string_view text);
  Decimal magnitude() const { return {false, whole, fraction}; }
  bool is_zero() const { return whole == "0" && fraction.empty(); }
  bool is_integer() const { return fraction.empty(); }
};

std::strong_ordering operator<=>(const Decimal& a, const Decimal& b);
inline bool operator==(const Decimal& a, const Decimal& b) { return (a <=> b) == 0; }

}  // namespace ondol::text::grammar
