#include "text/grammar/decimal.h"

#include <charconv>

namespace ondol::text::grammar {
namespace {

std::strong_ordering compare_magnitudes(const Decimal& a, const Decimal& b) {
  if (a.whole.size() != b.whole.size()) return a.whole.size() <=> b.whole.size();
  if (const auto order = a.whole.compare(b.whole); order != 0) return order <=> 0;
  return a.fraction.compare(b.fraction) <=> 0;  // no trailing zeros: a prefix is smaller
}

}  // namespace

Decimal Decimal::parse(std::string_view text) {
  Decimal out;
  out.negative = text.starts_with('-');
  if (out.negative) text.remove_prefix(1);
  int exponent = 0;
  if (const std::size_t e = text.find_first_of("eE"); e != std::string_view::npos) {
    std::string_view digits = text.substr(e + 1);
    if (digits.starts_with('+')) digits.remove_prefix(1);
    std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
    text = text.substr(0, e);
  }
  const std::size_t point = text.find('.');
  std::string digits(text.substr(0, point));
  auto n_whole = static_cast<std::ptrdiff_t>(digits.size()) + exponent;
  if (point != std::string_view::npos) digits += text.substr(point + 1);
  if (n_whole < 0) {
    digits.insert(0, static_cast<std::size_t>(-n_whole), '0');
    n_whole = 0;
  }
  const auto cut = static_cast<std::size_t>(n_whole);
  if (digits.size() < cut) digits.append(cut - digits.size(), '0');
  out.whole = digits.substr(0, cut);
  out.fraction = digits.substr(cut);
  out.whole.erase(0, std::min(out.whole.find_first_not_of('0'), out.whole.size()));
  if (out.whole.empty()) out.whole = "0";
  out.fraction.erase(out.fraction.find_last_not_of('0') + 1);
  if (out.is_zero()) out.negative = false;
  return out;
}

std::strong_ordering operator<=>(const Decimal& a, const Decimal& b) {
  if (a.negative != b.negative)
    return a.negative ? std::strong_ordering::less : std::strong_ordering::greater;
  return a.negative ? compare_magnitudes(b, a) : compare_magnitudes(a, b);
}

}  // namespace ondol::text::grammar
