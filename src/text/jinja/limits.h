// What one template may cost. A template is a file somebody else wrote: every
// loop, nesting and allocation it can ask for is bounded here.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ondol::text::jinja {

struct Limits {
  std::size_t template_bytes = std::size_t{1} << 20;
  std::uint64_t steps = 5'000'000;                    // evaluated nodes and touched elements
  std::size_t depth = 600;                            // nested evaluations, macro calls included
  std::size_t output_bytes = std::size_t{16} << 20;   // what one render may print
  std::size_t memory_bytes = std::size_t{128} << 20;  // all values made in one render, freed or not
};

/// Nesting of the template's own syntax: parentheses, operators, statements.
inline constexpr std::size_t kMaxSyntaxDepth = 200;
/// Lists inside lists, dicts inside dicts: bounds every recursion over a value.
inline constexpr std::uint32_t kMaxValueDepth = 100;
/// As Python's sandbox has it.
inline constexpr std::int64_t kMaxRange = 100'000;

}  // namespace ondol::text::jinja
