// Patterns as trees; see pattern.h.
//
// Owner: pattern_expr. Threads: plain value.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "text/grammar/code_points.h"

namespace ondol::text::grammar {

struct PatternNode {
  enum class Kind : std::uint8_t { kCharacter, kSeq, kAlt, kRepeat, kBegin, kEnd };
  Kind kind = Kind::kSeq;
  CodePoints set;                  // kCharacter
  std::vector<PatternNode> parts;  // kRepeat: one
  std::uint32_t min = 1, max = 1;
};

Result<PatternNode> parse_pattern(std::string_view pattern, std::string_view where,
                                  std::string_view field);

/// The general category named in \p{...} ("L", "Lu"); nothing for other names.
CodePoints category_members(std::string_view name);

}  // namespace ondol::text::grammar
