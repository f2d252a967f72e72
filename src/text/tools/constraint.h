// What an answer with tools has to look like, as a grammar: calls in the written form
// of the model's format (chat_format.h), to the allowed functions, with arguments
// that validate against the functions' schemas, strict or not.
//
//   required   calls, nothing else
//   auto       text, or calls, or text and then calls; the text is free, but no call
//              can hide in it. Calls end the answer
//
// A model that reasons may do so first. Objects of parameters that name no
// additionalProperties get none: models invent some otherwise.
//
// Pure functions. The parser takes answers under such a grammar with `enforced`.
#pragma once

#include <memory>

#include "base/error.h"
#include "text/grammar/grammar.h"
#include "text/tools/chat_format.h"
#include "text/tools/tool_list.h"

namespace ondol::text {

struct CallConstraint {
  bool in_reasoning = false;  // the prompt opened it (opens_reasoning)
  /// With auto: what an answer without calls has to be (response_format); null: any text.
  const Structure* otherwise = nullptr;
};

/// REQUIRES: choice.mode is not kNone, choice.allowed not empty.
Structure call_structure(const ChatFormat& format, const ToolList& tools, const ToolChoice& choice,
                         const CallConstraint& constraint = {});

/// The same, compiled. Errors are those of compile_grammar; where a function's schema is
/// at fault, `where` is "tools[3].function.parameters" and the field points into it.
Result<std::shared_ptr<const Grammar>> compile_calls(
    const ChatFormat& format, const ToolList& tools, const ToolChoice& choice,
    const CallConstraint& constraint, const std::shared_ptr<const GrammarVocabulary>& vocabulary,
    const CompileLimits& limits = {});

}  // namespace ondol::text
