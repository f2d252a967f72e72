#include "text/grammar/number_range.h"

#include <algorithm>
#include <string>
#include <string_view>

namespace ondol::text::grammar {
namespace {

constexpr std::int64_t kLargest = 999'999'999'999'999'999;  // 18 digits
constexpr std::size_t kMaxDigits = 18;
constexpr std::size_t kExactDigits = 15;  // that a double tells apart

std::int64_t whole_part(const Decimal& d) {
  return d.whole.size() > kMaxDigits ? kLargest + 1 : std::stoll(d.whole);
}

// Digit strings between two of the same length.
ExprId digit_strings(Rules& rules, std::string_view low, std::string_view high) {
  const auto range = [&](char from, char to) {
    return rules.byte_range(static_cast<std::uint8_t>(from), static_cast<std::uint8_t>(to));
  };
  if (low.empty()) return rules.empty();
  const std::string_view low_rest = low.substr(1);
  const std::string_view high_rest = high.substr(1);
  if (low[0] == high[0])
    return rules.seq({range(low[0], low[0]), digit_strings(rules, low_rest, high_rest)});
  const std::string zeros(low_rest.size(), '0');
  const std::string nines(low_rest.size(), '9');
  std::vector<ExprId> parts;
  char from = low[0];
  char to = high[0];
  if (low_rest != zeros) {
    parts.push_back(rules.seq({range(from, from), digit_strings(rules, low_rest, nines)}));
    ++from;
  }
  if (high_rest != nines) {
    parts.push_back(rules.seq({range(to, to), digit_strings(rules, zeros, high_rest)}));
    --to;
  }
  if (from <= to) {
    const auto n = static_cast<std::uint32_t>(low_rest.size());
    parts.push_back(rules.seq({range(from, to), rules.repeat(range('0', '9'), n, n)}));
  }
  return rules.alt(parts);
}

// REQUIRES: 0 <= low; nothing when low > high.
ExprId whole_numbers(Rules& rules, std::int64_t low, std::int64_t high) {
  std::vector<ExprId> parts;
  while (low <= high) {
    const std::string first = std::to_string(low);
    const std::int64_t last_of_length = std::stoll(std::string(first.size(), '9'));
    parts.push_back(digit_strings(rules, first, std::to_string(std::min(high, last_of_length))));
    low = last_of_length + 1;
  }
  return rules.alt(parts);
}

// What may follow a whole part that equals that of `low`, of `high`, or of both
// (null: of neither): nothing, or a point and digits. A node knows how many digits
// there are and whether they equal those of a bound so far.
ExprId fraction_expr(Rules& rules, const Decimal* low, bool low_open, const Decimal* high,
                     bool high_open, std::size_t max_digits) {
  struct Place {
    bool at_low, at_high;
  };
  Graph graph;
  const auto accepts = [&](Place p, std::size_t n_digits) {
    const bool low_met =
        low == nullptr || !p.at_low || (n_digits >= low->fraction.size() && !low_open);
    const bool high_met =
        high == nullptr || !p.at_high || n_digits < high->fraction.size() || !high_open;
    return low_met && high_met;
  };
  graph.start = graph.node();
  const Place start{low != nullptr, high != nullptr};
  if (accepts(start, 0)) graph.ends.push_back(graph.start);
  std::vector<std::pair<Place, std::uint32_t>> level = {{start, graph.node()}};
  graph.edge(graph.start, rules.literal("."), level[0].second);
  for (std::size_t i = 0; i < max_digits; ++i) {
    std::vector<std::pair<Place, std::uint32_t>> next;
    for (const auto& [place, from] : level) {
      for (char digit = '0'; digit <= '9'; ++digit) {
        const char low_digit = low != nullptr && i < low->fraction.size() ? low->fraction[i] : '0';
        const char high_digit =
            high != nullptr && i < high->fraction.size() ? high->fraction[i] : '0';
        if ((place.at_low && digit < low_digit) || (place.at_high && digit > high_digit)) continue;
        const Place to{place.at_low && digit == low_digit, place.at_high && digit == high_digit};
        auto at = std::ranges::find_if(next, [&](const auto& n) {
          return n.first.at_low == to.at_low && n.first.at_high == to.at_high;
        });
        if (at == next.end()) {
          next.emplace_back(to, graph.node());
          at = next.end() - 1;
          if (accepts(to, i + 1)) graph.ends.push_back(at->second);
        }
        graph.edge(
            from,
            rules.byte_range(static_cast<std::uint8_t>(digit), static_cast<std::uint8_t>(digit)),
            at->second);
      }
    }
    level = std::move(next);
  }
  return rules.graph(std::move(graph));
}

struct Magnitudes {
  Decimal low;
  bool low_open = false;
  std::optional<Decimal> high;
  bool high_open = false;
};

ExprId magnitudes_expr(Rules& rules, const Magnitudes& m, std::size_t max_fraction) {
  if (m.high && (*m.high < m.low || (*m.high == m.low && (m.low_open || m.high_open))))
    return rules.nothing();
  const std::int64_t low = whole_part(m.low);
  const std::int64_t high = m.high ? whole_part(*m.high) : kLargest + 1;
  if (low > kLargest) return rules.nothing();
  const auto fraction = [&](const Decimal* from, const Decimal* to) {
    return fraction_expr(rules, from, m.low_open, to, m.high_open, max_fraction);
  };
  if (low == high) return rules.seq({whole_numbers(rules, low, low), fraction(&m.low, &*m.high)});
  std::vector<ExprId> parts = {
      rules.seq({whole_numbers(rules, low, low), fraction(&m.low, nullptr)}),
      rules.seq({whole_numbers(rules, low + 1, std::min(high - 1, kLargest)),
                 fraction(nullptr, nullptr)})};
  if (high <= kLargest)
    parts.push_back(rules.seq({whole_numbers(rules, high, high), fraction(nullptr, &*m.high)}));
  return rules.alt(parts);
}

std::size_t fraction_digits(const NumberRange& range) {
  std::size_t digits = kMaxDigits - 1;
  const auto limit = [&](const std::optional<Decimal>& bound, bool open) {
    if (bound && open)
      digits = std::min(
          digits, bound->whole.size() >= kExactDigits ? 1 : kExactDigits - bound->whole.size());
  };
  limit(range.low, range.low_open);
  limit(range.high, range.high_open);
  return digits;
}

// The largest integer at most (below, when open) a bound, or the other way round.
std::int64_t integer_bound(const Decimal& bound, bool open, bool is_high) {
  const std::int64_t whole = whole_part(bound);
  std::int64_t value = bound.negative ? -whole : whole;
  if (!bound.is_integer()) return is_high == bound.negative ? value + (is_high ? -1 : 1) : value;
  if (open) value += is_high ? -1 : 1;
  return value;
}

}  // namespace

void NumberRange::raise_low(const Decimal& bound, bool open) {
  if (low && (*low > bound || (*low == bound && low_open))) return;
  low = bound;
  low_open = open;
}

void NumberRange::lower_high(const Decimal& bound, bool open) {
  if (high && (*high < bound || (*high == bound && high_open))) return;
  high = bound;
  high_open = open;
}

bool NumberRange::contains(const Decimal& value) const {
  if (low && (value < *low || (low_open && value == *low))) return false;
  return !high || !(value > *high || (high_open && value == *high));
}

bool NumberRange::apart_from(const NumberRange& other) const {
  const auto below = [](const NumberRange& a, const NumberRange& b) {
    return a.high && b.low &&
           (*a.high < *b.low || (*a.high == *b.low && (a.high_open || b.low_open)));
  };
  return below(*this, other) || below(other, *this);
}

ExprId integer_range_expr(Rules& rules, const NumberRange& range) {
  const std::int64_t low =
      range.low ? std::max(integer_bound(*range.low, range.low_open, false), -kLargest) : -kLargest;
  const std::int64_t high =
      range.high ? std::min(integer_bound(*range.high, range.high_open, true), kLargest) : kLargest;
  std::vector<ExprId> parts;
  if (low < 0)
    parts.push_back(
        rules.seq({rules.literal("-"), whole_numbers(rules, high < 0 ? -high : 1, -low)}));
  parts.push_back(whole_numbers(rules, std::max<std::int64_t>(low, 0), high));
  return rules.alt(parts);
}

ExprId number_range_expr(Rules& rules, const NumberRange& range) {
  const std::size_t digits = fraction_digits(range);
  const Decimal zero;
  std::vector<ExprId> parts;
  if (!range.high || !range.high->negative) {
    const bool from_low = range.low && !range.low->negative;
    parts.push_back(magnitudes_expr(
        rules,
        {from_low ? *range.low : zero, from_low && range.low_open, range.high, range.high_open},
        digits));
  }
  if (!range.low || range.low->negative) {
    Magnitudes below;
    const bool from_high = range.high && (range.high->negative || range.high->is_zero());
    if (from_high) below.low = range.high->magnitude();
    below.low_open = from_high && range.high_open;
    if (range.low) below.high = range.low->magnitude();
    below.high_open = range.low_open;
    parts.push_back(rules.seq({rules.literal("-"), magnitudes_expr(rules, below, digits)}));
  }
  return rules.alt(parts);
}

ExprId multiples_expr(Rules& rules, std::uint32_t divisor) {
  Graph graph;  // nodes 0 to divisor - 1: the remainder of the digits so far
  graph.n_nodes = divisor;
  graph.ends = {0};
  const std::uint32_t first = graph.node();
  const std::uint32_t after_sign = graph.node();
  const std::uint32_t zero = graph.node();
  graph.start = first;
  graph.ends.push_back(zero);
  const auto digit = [&](std::uint32_t d) { return rules.literal({"0123456789" + d, 1}); };
  graph.edge(first, digit(0), zero);
  graph.edge(first, rules.literal("-"), after_sign);
  for (std::uint32_t d = 0; d < 10; ++d) {
    for (std::uint32_t rest = 0; rest < divisor; ++rest)
      graph.edge(rest, digit(d), (rest * 10 + d) % divisor);
    if (d == 0) continue;
    graph.edge(first, digit(d), d % divisor);
    graph.edge(after_sign, digit(d), d % divisor);
  }
  return rules.graph(std::move(graph));
}

}  // namespace ondol::text::grammar
