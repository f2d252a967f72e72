// CHECK states what only a bug can break; input never reaches one. It ends the
// process with file and line, in every build type.
#pragma once

namespace ondol {
[[noreturn]] void check_failed(const char* condition, const char* file, int line) noexcept;
}  // namespace ondol

#define ONDOL_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::ondol::check_failed(#condition, __FILE__, __LINE__))
