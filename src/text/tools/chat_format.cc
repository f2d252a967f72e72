#include "text/tools/chat_format.h"

#include <algorithm>
#include <array>

#include "text/tools/call_rules.h"

namespace ondol::text {
namespace {

constexpr std::array<ReasoningMarks, 2> kReasoning = {{
    {"<think>", "</think>"},  // Qwen 3, DeepSeek R1 and what was distilled from it
    {"[THINK]", "[/THINK]"},  // Magistral
}};

struct FormatRow {
  std::string_view name;
  CallSyntax syntax;
  bool template_has_tools;
  std::array<std::string_view, 3> marks;  // all in the template's source; empty: no mark
};

// The first row that fits; the last fits always. A template that knows tools in a form
// which is not here is given none: the model is asked for Hermes' form in a message.
constexpr std::array<FormatRow, 6> kFormats = {{
    {"mistral_named", CallSyntax::kMistralNamed, true, {"[TOOL_CALLS]", "[ARGS]", "tools"}},
    {"mistral_list", CallSyntax::kMistralList, true, {"[TOOL_CALLS]", "tools", ""}},
    // The name in quotes as it is written: Qwen3-Coder has calls in XML within the same tags.
    {"hermes", CallSyntax::kHermes, true, {"<tool_call>", R"("name")", "tools"}},
    {"llama", CallSyntax::kLlama, true, {"<|start_header_id|>ipython", "tools", ""}},
    {"gemma", CallSyntax::kGemma, false, {"<start_of_turn>", "", ""}},
    {"described", CallSyntax::kHermes, false, {"", "", ""}},
}};

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

bool fits(const FormatRow& row, std::string_view source) {
  return std::all_of(row.marks.begin(), row.marks.end(),
                     [source](std::string_view mark) { return contains(source, mark); });
}

void show_if_special(std::string_view mark, const Tokenizer& tokenizer, ChatFormat& format) {
  if (mark.empty() || format.is_special(mark)) return;
  const auto id = tokenizer.id_of(mark);
  if (id && tokenizer.is_special(*id)) format.shown.push_back({*id, mark});
}

}  // namespace

std::vector<TokenId> ChatFormat::shown_ids() const {
  std::vector<TokenId> ids;
  for (const ShownToken& token : shown) ids.push_back(token.id);
  return ids;
}

bool ChatFormat::is_special(std::string_view mark) const {
  return std::any_of(shown.begin(), shown.end(),
                     [mark](const ShownToken& token) { return token.piece == mark; });
}

ChatFormat detect_chat_format(std::string_view template_source, const Tokenizer& tokenizer) {
  const auto& row = *std::find_if(kFormats.begin(), kFormats.end(),
                                  [&](const FormatRow& r) { return fits(r, template_source); });
  ChatFormat format{row.name, row.syntax, row.template_has_tools, nullptr, {}};
  for (const ReasoningMarks& marks : kReasoning) {
    if (!contains(template_source, marks.close)) continue;
    format.reasoning = &marks;
    show_if_special(marks.open, tokenizer, format);
    show_if_special(marks.close, tokenizer, format);
    break;
  }
  const CallRules& rules = call_rules(format.syntax);
  for (const CallOpener& opener : rules.openers) show_if_special(opener.text, tokenizer, format);
  show_if_special(rules.close, tokenizer, format);
  if (rules.named) {
    show_if_special(kArgsMark, tokenizer, format);
    show_if_special(kCallIdMark, tokenizer, format);
  }
  return format;
}

bool opens_reasoning(const ChatFormat& format, std::string_view prompt) {
  if (format.reasoning == nullptr) return false;
  const std::size_t end = prompt.find_last_not_of(" \t\r\n");
  return end != std::string_view::npos &&
         prompt.substr(0, end + 1).ends_with(format.reasoning->open);
}

}  // namespace ondol::text
