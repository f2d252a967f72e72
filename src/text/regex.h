// The patterns of tokenizer files. They are written for Oniguruma (Ruby
// syntax); compile translates the dialect to PCRE2 and refuses, naming it, what
// has no faithful translation. Matching is JIT compiled where the machine can.
//
// Owner: a pre-tokenizer, normalizer or decoder. Threads: const methods run on
// any thread; the scratch memory of a match is per thread. Errors: compile
// answers kUnsupported or kLimit, find_all answers kLimit.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

struct pcre2_real_code_8;

namespace ondol::text {

inline constexpr std::size_t kMaxPatternBytes = std::size_t{64} << 10;

struct Range {
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// The pattern in PCRE2's dialect.
Result<std::string> translate_pattern(std::string_view pattern, std::string_view where,
                                      std::string_view field);

class Regex {
 public:
  static Result<Regex> compile(std::string_view pattern, std::string_view where,
                               std::string_view field);

  /// All matches from left to right, none overlapping; an empty match right
  /// after another match does not count. REQUIRES: text is valid UTF-8.
  Result<void> find_all(std::string_view text, std::vector<Range>& out) const;

 private:
  struct Free {
    void operator()(pcre2_real_code_8* code) const;
  };
  std::unique_ptr<pcre2_real_code_8, Free> code_;
  bool jit_ = false;
};

}  // namespace ondol::text
