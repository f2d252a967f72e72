// JSON Schema (draft 2020-12) as an expression. Each subschema that is reached,
// together with those that apply to the same value, becomes a rule; recursion
// needs nothing special. Keywords that would let through an answer that does not
// validate are refused by name; docs/decisions/0010-grammars.md has the list.
//
// Owner: one compilation. Threads: pure functions. Errors: kInvalidArgument,
// kUnsupported or kLimit, with a JSON pointer into the schema as field.
#pragma once

#include <string_view>

#include "base/error.h"
#include "text/grammar/deadline.h"
#include "text/grammar/json_text.h"
#include "text/grammar/rules.h"

namespace ondol::text::grammar {

Result<ExprId> json_schema_expr(Rules& rules, JsonText& json, std::string_view schema,
                                Deadline& deadline, std::string_view where);

}  // namespace ondol::text::grammar
