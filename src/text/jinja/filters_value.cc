// Filters on numbers and on single values.
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "text/jinja/filters.h"
#include "text/jinja/methods.h"
#include "text/jinja/operators.h"
#include "text/jinja/print.h"
#include "text/jinja/python_text.h"

namespace ondol::text::jinja {
namespace {

using Bound = BoundArguments;

constexpr double kTwo63 = 9223372036854775808.0;

Value default_value(Evaluator& evaluator, const Value& input, const Bound& arguments) {
  const bool replace = input.is_undefined() || (arguments.flag(1) && !truthy(input));
  if (!replace) return input;
  return arguments.has(0) ? *arguments.get(0) : evaluator.run().text(std::string());
}

Value absolute(Evaluator& evaluator, const Value& input, const Bound&) {
  Run& run = evaluator.run();
  if (const auto* d = input.as<double>()) return std::fabs(*d);
  if (const auto i = input.as_int()) return *i < 0 ? negate(run, input) : Value(*i);
  return run.fail_type(input, "is a bad operand type for abs()");
}

Value truncated(Run& run, double d, const Value& fallback) {
  if (std::isnan(d)) return fallback;
  if (std::isinf(d) || d >= kTwo63 || d < -kTwo63) {
    return run.fail("an integer is beyond 64 bits", ErrorCode::kLimit);
  }
  return static_cast<std::int64_t>(d);
}

Value to_int(Evaluator& evaluator, const Value& input, const Bound& arguments) {
  Run& run = evaluator.run();
  Value fallback = arguments.has(0) ? *arguments.get(0) : Value(std::int64_t{0});
  const std::int64_t base = arguments.integer(1, 10);
  if (input.is_undefined()) return run.fail_type(input, "");
  if (const auto i = input.as_int()) return *i;
  if (const auto* d = input.as<double>()) return truncated(run, *d, fallback);
  if (!input.text()) return fallback;
  bool overflow = false;
  if (base == 0 || (base >= 2 && base <= 36)) {
    const auto i = parse_int(input.text()->bytes, static_cast<int>(base), &overflow);
    if (i) return *i;
  }
  if (overflow) return run.fail("an integer is beyond 64 bits", ErrorCode::kLimit);
  const auto d = parse_float(input.text()->bytes);
  if (!d || std::isinf(*d)) return fallback;
  return truncated(run, *d, fallback);
}

Value to_float(Evaluator& evaluator, const Value& input, const Bound& arguments) {
  if (input.is_undefined()) return evaluator.run().fail_type(input, "");
  if (const auto d = input.as_number()) return *d;
  if (input.text()) {
    if (const auto d = parse_float(input.text()->bytes)) return *d;
  }
  return arguments.has(0) ? *arguments.get(0) : Value(0.0);
}

// round() of Python: half to even, on the exact decimal value of the double.
Value round_float(Run& run, double d, std::int64_t precision) {
  if (!std::isfinite(d) || precision > 323) return d;
  if (precision < -308) return std::copysign(0.0, d);
  if (precision >= 0) {
    std::array<char, 700> buffer{};
    std::snprintf(buffer.data(), buffer.size(), "%.*f", static_cast<int>(precision), d);
    return std::strtod(buffer.data(), nullptr);
  }
  const double unit = std::pow(10.0, static_cast<double>(-precision));
  const double rounded = std::nearbyint(d / unit) * unit;
  return std::isfinite(rounded) ? Value(rounded) : run.fail("rounded value too large");
}

Value round_int(Run& run, std::int64_t i, std::int64_t precision) {
  if (precision >= 0) return i;
  if (precision < -18) return std::int64_t{0};
  std::int64_t unit = 1;
  for (std::int64_t p = precision; p < 0; ++p) unit *= 10;
  std::int64_t quotient = i / unit;
  const std::int64_t rest = std::llabs(i % unit);
  const bool away = rest > unit / 2 || (rest == unit / 2 && quotient % 2 != 0);
  if (away) quotient += i < 0 ? -1 : 1;
  std::int64_t out = 0;
  if (__builtin_mul_overflow(quotient, unit, &out)) {
    return run.fail("an integer is beyond 64 bits", ErrorCode::kLimit);
  }
  return out;
}

Value round_filter(Evaluator& evaluator, const Value& input, const Bound& arguments) {
  Run& run = evaluator.run();
  const std::int64_t precision = arguments.integer(0, 0);
  const std::string_view method = arguments.text(1, "common");
  if (run.failed()) return {};
  if (method != "common" && method != "ceil" && method != "floor") {
    return run.fail("method must be common, ceil or floor");
  }
  const auto number = input.as_number();
  if (!number) return run.fail_type(input, "cannot be rounded");
  if (method == "common") {
    const auto i = input.as_int();
    return i ? round_int(run, *i, precision) : round_float(run, *number, precision);
  }
  const double unit = std::pow(10.0, static_cast<double>(precision));
  const double scaled = *number * unit;
  const double rounded = method == "ceil" ? std::ceil(scaled) : std::floor(scaled);
  if (!std::isfinite(rounded)) return run.fail("cannot convert float infinity or NaN to integer");
  if (unit == 0) return run.fail("division by zero");
  return rounded / unit;
}

// The attribute alone, never the item of a dict.
Value attribute(Evaluator& evaluator, const Value& input, const Bound& arguments) {
  Run& run = evaluator.run();
  const std::string_view name = arguments.text(0, {});
  if (input.is_undefined()) return run.fail_type(input, "");
  if (input.dict() && !find_method(input, name)) {
    return make_undefined("'dict object' has no attribute '" + std::string(name) + "'");
  }
  return get_attribute(run, input, name);
}

Value pretty(Evaluator& evaluator, const Value& input, const Bound&) {
  return evaluator.run().text(to_repr(evaluator.run(), input));
}

Value refuse_random(Evaluator& evaluator, const Value&, const Bound&) {
  return evaluator.run().fail("a chat template renders the same every time, random is refused",
                              ErrorCode::kUnsupported);
}

constexpr FilterRow kFilters[] = {
    {"default", default_value, {{"default_value", "boolean"}, 0}},
    {"d", default_value, {{"default_value", "boolean"}, 0}},
    {"abs", absolute, {}},
    {"int", to_int, {{"default", "base"}, 0}},
    {"float", to_float, {{"default"}, 0}},
    {"round", round_filter, {{"precision", "method"}, 0}},
    {"attr", attribute, {{"name"}, 1}},
    {"pprint", pretty, {}},
    {"random", refuse_random, {}},
};

}  // namespace

std::span<const FilterRow> value_filters() { return kFilters; }

}  // namespace ondol::text::jinja
