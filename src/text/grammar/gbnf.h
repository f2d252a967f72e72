// Grammars in the GBNF dialect of llama.cpp: rules `name ::= alternatives` of
// string literals, character classes, '.', groups, rule names, repetition
// (* + ? {m} {m,} {m,n}) and special tokens (<|name|>, <[id]>). A rule ends with
// its line, unless a bracket is open or '|' begins or ends what follows.
//
// Owner: one compilation. Threads: pure functions. Errors: kInvalidArgument or
// kUnsupported with the line as field, kLimit.
#pragma once

#include <string_view>

#include "base/error.h"
#include "text/grammar/rules.h"
#include "text/grammar/vocabulary.h"

namespace ondol::text::grammar {

/// A call of the grammar's rule "root".
Result<ExprId> gbnf_expr(Rules& rules, std::string_view text, const GrammarVocabulary& vocabulary,
                         std::string_view where);

}  // namespace ondol::text::grammar
