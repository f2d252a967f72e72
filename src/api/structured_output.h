// What an answer has to look like, as a request says it: response_format, or a
// grammar or regular expression of our own extension; compiled to token masks.
//
// Threads: compiling takes up to a second, in a handler thread and in turn
// (compile_turns.h); a mask belongs to one
// request, on the engine's thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "api/chat_prompt.h"
#include "api/fields.h"
#include "api/served_model.h"
#include "engine/request.h"
#include "text/grammar/structure.h"

namespace ondol::api {

struct StructuredOutput {
  text::Structure structure;
  std::string param;  // "response_format.json_schema.schema"
};

/// nullopt when the answer is free. Mistakes are left in the fields' refusal.
std::optional<StructuredOutput> read_structured_output(Fields& fields);

/// One mask for each answer.
using MakeMask = std::function<std::unique_ptr<engine::TokenMask>()>;
/// Errors: 400 names the keyword and its place in the schema; 503 when too many compile.
OrRefusal<MakeMask> mask_of(const StructuredOutput& wanted, const ServedModel& model);
/// The same for answers that may, or have to, call tools; `otherwise` is what an answer
/// without calls has to be. REQUIRES: prompt.tool_choice allows some.
OrRefusal<MakeMask> mask_of_calls(const ChatPrompt& prompt, bool in_reasoning,
                                  const std::optional<StructuredOutput>& otherwise,
                                  const ServedModel& model);

}  // namespace ondol::api
