// The questions of `ondol bench speculation`. Their texts were written for it.
#pragma once

#include <span>
#include <string_view>

namespace ondol::app {

struct BenchQuestion {
  std::string_view name;
  std::string_view text;
};

/// From those whose answers stand in the question to those of which nothing does.
std::span<const BenchQuestion> bench_questions();

}  // namespace ondol::app
