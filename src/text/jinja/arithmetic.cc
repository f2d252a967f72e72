// + - * / // % ** as Python has them, but for integers beyond 64 bits, which
// are an error.
#include <fmt/format.h>

#include <cmath>

#include "text/jinja/operators.h"
#include "text/jinja/print.h"

namespace ondol::text::jinja {
namespace {

Value overflow(Run& run) { return run.fail("an integer is beyond 64 bits", ErrorCode::kLimit); }

Value divide_by_zero(Run& run) { return run.fail("division by zero"); }

std::int64_t floor_mod(std::int64_t a, std::int64_t b) {
  if (b == -1) return 0;
  const std::int64_t r = a % b;
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

Value int_power(Run& run, std::int64_t base, std::int64_t exponent) {
  if (exponent < 0) {
    if (base == 0) return divide_by_zero(run);
    return std::pow(static_cast<double>(base), static_cast<double>(exponent));
  }
  std::int64_t out = 1;
  while (exponent > 0) {
    if ((exponent & 1) != 0 && __builtin_mul_overflow(out, base, &out)) return overflow(run);
    exponent >>= 1;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) return overflow(run);
  }
  return out;
}

Value int_arithmetic(Run& run, Operator op, std::int64_t a, std::int64_t b) {
  std::int64_t out = 0;
  switch (op) {
    case Operator::kAdd:
      return __builtin_add_overflow(a, b, &out) ? overflow(run) : Value(out);
    case Operator::kSubtract:
      return __builtin_sub_overflow(a, b, &out) ? overflow(run) : Value(out);
    case Operator::kMultiply:
      return __builtin_mul_overflow(a, b, &out) ? overflow(run) : Value(out);
    case Operator::kDivide:
      if (b == 0) return divide_by_zero(run);
      // long double holds every int64 on x86 and, as a quad, on ARM: one rounding.
      return static_cast<double>(static_cast<long double>(a) / static_cast<long double>(b));
    case Operator::kFloorDivide:
      if (b == 0) return divide_by_zero(run);
      if (b == -1)
        return __builtin_sub_overflow(std::int64_t{0}, a, &out) ? overflow(run) : Value(out);
      return (a - floor_mod(a, b)) / b;
    case Operator::kModulo:
      return b == 0 ? divide_by_zero(run) : Value(floor_mod(a, b));
    default:
      return int_power(run, a, b);
  }
}

double float_mod(double a, double b) {
  double r = std::fmod(a, b);
  if (r != 0) {
    if ((b < 0) != (r < 0)) r += b;
  } else {
    r = std::copysign(0.0, b);
  }
  return r;
}

double float_floor_divide(double a, double b) {
  const double r = float_mod(a, b);
  double quotient = (a - r) / b;
  if (quotient == 0) return std::copysign(0.0, a / b);
  const double floored = std::floor(quotient);
  return quotient - floored > 0.5 ? floored + 1.0 : floored;
}

Value float_arithmetic(Run& run, Operator op, double a, double b) {
  switch (op) {
    case Operator::kAdd:
      return a + b;
    case Operator::kSubtract:
      return a - b;
    case Operator::kMultiply:
      return a * b;
    case Operator::kDivide:
      return b == 0 ? divide_by_zero(run) : Value(a / b);
    case Operator::kFloorDivide:
      return b == 0 ? divide_by_zero(run) : Value(float_floor_divide(a, b));
    case Operator::kModulo:
      return b == 0 ? divide_by_zero(run) : Value(float_mod(a, b));
    default:
      break;
  }
  if (a == 0 && b < 0) return divide_by_zero(run);
  const double power = std::pow(a, b);
  const bool finite_in = std::isfinite(a) && std::isfinite(b);
  if (finite_in && std::isnan(power)) return run.fail("complex numbers are not supported");
  if (finite_in && std::isinf(power)) return run.fail("numerical result out of range");
  return power;
}

Value repeat(Run& run, const Value& value, std::int64_t count) {
  if (count < 0) count = 0;
  const auto n = static_cast<std::size_t>(count);
  const Text* text = value.text();
  const Sequence* sequence = value.list_or_tuple();
  const std::size_t unit = text ? text->bytes.size() : sequence->items.size() * sizeof(Value);
  // Refused before it is made. An empty unit costs nothing however often.
  if (unit != 0 && n > run.limits().memory_bytes / unit) {
    return run.fail_limit("bytes of values", run.limits().memory_bytes);
  }
  if (!run.charge_memory(unit * n)) return {};
  if (text) {
    std::string out;
    out.reserve(unit * n);
    for (std::size_t i = 0; i < n && unit != 0; ++i) out += text->bytes;
    return make_text(std::move(out));
  }
  if (!run.charge(sequence->items.size() * n)) return {};
  std::vector<Value> items;
  items.reserve(sequence->items.size() * n);
  for (std::size_t i = 0; i < n && unit != 0; ++i) {
    items.insert(items.end(), sequence->items.begin(), sequence->items.end());
  }
  return make_sequence(sequence->kind, std::move(items));
}

bool repeatable(const Value& value) { return value.text() || value.list_or_tuple(); }

Value add_sequences(Run& run, const Sequence& left, const Sequence& right) {
  if (!run.charge(left.items.size() + right.items.size())) return {};
  std::vector<Value> items = left.items;
  items.insert(items.end(), right.items.begin(), right.items.end());
  return run.sequence(left.kind, std::move(items));
}

std::string_view symbol(Operator op) {
  static constexpr std::string_view kSymbols[] = {"+", "-", "*", "/", "//", "%", "** or pow()"};
  return kSymbols[static_cast<int>(op)];
}

}  // namespace

Value arithmetic(Run& run, Operator op, const Value& left, const Value& right) {
  if (left.is_undefined()) return run.fail_type(left, "");
  if (op == Operator::kModulo && left.text()) {
    return run.text(format_percent(run, left.text()->bytes, right));
  }
  if (right.is_undefined()) return run.fail_type(right, "");
  const auto a = left.as_int();
  const auto b = right.as_int();
  if (a && b) return int_arithmetic(run, op, *a, *b);
  const auto x = left.as_number();
  const auto y = right.as_number();
  if (x && y) return float_arithmetic(run, op, *x, *y);
  if (op == Operator::kAdd) {
    if (left.text() && right.text()) return run.text(left.text()->bytes + right.text()->bytes);
    const Sequence* p = left.list_or_tuple();
    const Sequence* q = right.list_or_tuple();
    if (p && q && p->kind == q->kind) return add_sequences(run, *p, *q);
  }
  if (op == Operator::kMultiply) {
    if (repeatable(left) && b) return repeat(run, left, *b);
    if (repeatable(right) && a) return repeat(run, right, *a);
  }
  return run.fail(fmt::format("unsupported operand type(s) for {}: '{}' and '{}'", symbol(op),
                              type_name(left), type_name(right)));
}

Value negate(Run& run, const Value& value) {
  if (const auto i = value.as_int()) return int_arithmetic(run, Operator::kSubtract, 0, *i);
  if (const auto* d = value.as<double>()) return -*d;
  return run.fail_type(value, "is a bad operand type for unary -");
}

Value positive(Run& run, const Value& value) {
  if (const auto i = value.as_int()) return *i;
  if (value.as<double>()) return value;
  return run.fail_type(value, "is a bad operand type for unary +");
}

}  // namespace ondol::text::jinja
