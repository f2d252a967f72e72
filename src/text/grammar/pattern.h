// Regular expressions, the part of them that is regular: literals, classes,
// groups, alternatives, greedy or lazy repetition, anchors at the ends. The
// dialect is that of ECMA-262 with the u flag, which JSON Schema names. What is
// not regular (look-around, backreferences) or would need text from outside
// (word boundaries) is refused by name.
//
// Owner: one compilation. Threads: pure functions. Bounds: depth of groups,
// count of repetitions; size through Rules.
#pragma once

#include <functional>
#include <string_view>

#include "base/error.h"
#include "text/grammar/code_points.h"
#include "text/grammar/rules.h"

namespace ondol::text::grammar {

/// How one character of a set is spelled: utf8_expr, json_char_expr.
using SpellCharacter = std::function<ExprId(Rules&, const CodePoints&)>;

struct PatternMode {
  SpellCharacter spell;
  bool search = false;  // anything may stand around a match, unless ^ and $ forbid it
};

/// Errors: kInvalidArgument (not a pattern), kUnsupported (names the construct), kLimit.
Result<ExprId> pattern_expr(Rules& rules, std::string_view pattern, const PatternMode& mode,
                            std::string_view where, std::string_view field);

}  // namespace ondol::text::grammar
