#include "text/tools/call_rules.h"

#include <fmt/format.h>

#include "base/check.h"

namespace ondol::text {
namespace {

constexpr std::array<CallRules, 5> kRules = {{
    // Qwen 2.5 and 3, Hermes: what their templates tell the model to write.
    {.syntax = CallSyntax::kHermes,
     .arguments_key = "arguments",
     .openers = {{{"<tool_call>", true}, {}, {}}},
     .close = "</tool_call>",
     .separators = ",",
     .bare = false,
     .list = true,
     .named = false,
     .group_open = "",
     .call_open = "<tool_call>\n",
     .call_close = "\n</tool_call>",
     .between = "\n",
     .group_close = ""},
    // llama-models, models/llama3_2/text_prompt_format.md: bare JSON; the tag comes from the
    // built-in tools, and some answers put it before JSON.
    {.syntax = CallSyntax::kLlama,
     .arguments_key = "parameters",
     .openers = {{{"<|python_tag|>", true}, {}, {}}},
     .close = "",
     .separators = ";,",
     .bare = true,
     .list = false,
     .named = false,
     .group_open = "",
     .call_open = "",
     .call_close = "",
     .between = "; ",
     .group_close = ""},
    // mistral-common, tokenizers v3 to v7.
    {.syntax = CallSyntax::kMistralList,
     .arguments_key = "arguments",
     .openers = {{{"[TOOL_CALLS]", true}, {}, {}}},
     .close = "",
     .separators = ",",
     .bare = false,
     .list = true,
     .named = true,
     .group_open = "[TOOL_CALLS][",
     .call_open = "",
     .call_close = "",
     .between = ", ",
     .group_close = "]"},
    // mistral-common, tokenizers v11 (with a call id, which a model leaves out) and v13.
    {.syntax = CallSyntax::kMistralNamed,
     .arguments_key = "arguments",
     .openers = {{{"[TOOL_CALLS]", true}, {}, {}}},
     .close = "",
     .separators = ",",
     .bare = false,
     .list = true,
     .named = true,
     .group_open = "",
     .call_open = "[TOOL_CALLS]",
     .call_close = "",
     .between = "",
     .group_close = ""},
    // ai.google.dev/gemma/docs/capabilities/function-calling, the form of JSON. The blocks
    // are habits of the model.
    {.syntax = CallSyntax::kGemma,
     .arguments_key = "parameters",
     .openers = {{{"```json", false}, {"```tool_code", false}, {"```tool_call", false}}},
     .close = "```",
     .separators = ",;",
     .bare = true,
     .list = true,
     .named = false,
     .group_open = "",
     .call_open = "",
     .call_close = "",
     .between = "\n",
     .group_close = ""},
}};

}  // namespace

const CallRules& call_rules(CallSyntax syntax) {
  for (const CallRules& rules : kRules) {
    if (rules.syntax == syntax) return rules;
  }
  ONDOL_CHECK(false);
  return kRules[0];
}

CallFrame call_frame(const CallRules& rules) {
  if (rules.syntax == CallSyntax::kMistralNamed) return {"", std::string(kArgsMark), ""};
  return {R"({"name": ")", fmt::format(R"(", "{}": )", rules.arguments_key), "}"};
}

std::string call_prefix(const CallRules& rules, std::string_view function) {
  const CallFrame frame = call_frame(rules);
  return fmt::format("{}{}{}", frame.before_name, function, frame.before_arguments);
}

}  // namespace ondol::text
