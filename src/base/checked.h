// Arithmetic on sizes that come from outside: an overflow is an answer
// (nullopt), never a wrap.
#pragma once

#include <concepts>
#include <optional>

namespace ondol {

template <std::unsigned_integral T>
constexpr std::optional<T> checked_add(T a, T b) {
  T out{};
  if (__builtin_add_overflow(a, b, &out)) return std::nullopt;
  return out;
}

template <std::unsigned_integral T>
constexpr std::optional<T> checked_mul(T a, T b) {
  T out{};
  if (__builtin_mul_overflow(a, b, &out)) return std::nullopt;
  return out;
}

/// The smallest multiple of `alignment` that is >= value. REQUIRES: alignment > 0.
template <std::unsigned_integral T>
constexpr std::optional<T> checked_align_up(T value, T alignment) {
  const auto bumped = checked_add(value, static_cast<T>(alignment - 1));
  if (!bumped) return std::nullopt;
  return static_cast<T>(*bumped / alignment * alignment);
}

template <std::integral T>
constexpr T ceil_div(T a, T b) {
  return static_cast<T>((a + b - 1) / b);
}

}  // namespace ondol
