#include "text/tools/prompt.h"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "text/tools/call_rules.h"
#include "text/tools/turns.h"

namespace ondol::text {
namespace {

namespace json = boost::json;

// ---- Templates that know tools ----

// Mistral's templates refuse ids that are not nine letters and digits. The same id gives
// the same text in every request, so that prompts keep their common beginning.
std::string mistral_id(const std::string& id) {
  constexpr std::string_view kDigits =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  if (id.size() == 9 && id.find_first_not_of(kDigits) == std::string::npos) return id;
  std::uint64_t hash = 0xCBF29CE484222325;  // FNV-1a
  for (const char c : id) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  std::string out;
  for (int i = 0; i < 9; ++i, hash /= kDigits.size()) out += kDigits[hash % kDigits.size()];
  return out;
}

bool is_mistral(const ChatFormat& format) {
  return format.syntax == CallSyntax::kMistralList || format.syntax == CallSyntax::kMistralNamed;
}

json::object call_json(const ChatFormat& format, const CallOfTurn& call) {
  return {{"id", is_mistral(format) ? mistral_id(call.id) : call.id},
          {"type", "function"},
          {"function", json::object{{"name", call.name}, {"arguments", call.arguments}}}};
}

json::object with_calls(const ChatFormat& format, Turn turn) {
  json::array calls;
  for (const CallOfTurn& call : turn.calls) calls.push_back(call_json(format, call));
  json::object message = message_of(std::move(turn));
  message["tool_calls"] = std::move(calls);
  return message;
}

json::object result_message(const ChatFormat& format, Turn turn) {
  turn.fields["tool_call_id"] = is_mistral(format) ? mistral_id(turn.call_id) : turn.call_id;
  turn.fields["name"] = turn.function;
  return message_of(std::move(turn));
}

bool answers(const Turn& result, const std::vector<CallOfTurn>& calls) {
  return std::any_of(calls.begin(), calls.end(),
                     [&](const CallOfTurn& call) { return call.id == result.call_id; });
}

// The results of turn i's calls, taken out of what follows it.
std::vector<Turn> take_results(std::vector<Turn>& turns, std::size_t i) {
  std::vector<Turn> results;
  std::size_t k = i + 1;
  for (; k < turns.size() && turns[k].role == "tool" && answers(turns[k], turns[i].calls); ++k) {
    results.push_back(std::move(turns[k]));
  }
  const auto first = turns.begin() + static_cast<std::ptrdiff_t>(i) + 1;
  turns.erase(first, first + static_cast<std::ptrdiff_t>(results.size()));
  return results;
}

// Llama's templates print one call a message and no text beside it: each call becomes a
// message of its own, followed by its result.
void append_one_by_one(const ChatFormat& format, Turn turn, const std::vector<Turn>& results,
                       json::array& out) {
  const std::vector<CallOfTurn> calls = std::exchange(turn.calls, {});
  if (!turn.content.empty()) out.push_back(message_of(turn));
  turn.content.clear();
  turn.has_text = true;
  for (const CallOfTurn& call : calls) {
    Turn single = turn;
    single.calls.push_back(call);
    out.push_back(with_calls(format, std::move(single)));
    for (const Turn& result : results) {
      if (result.call_id == call.id) out.push_back(result_message(format, result));
    }
  }
}

json::array for_template(const ChatFormat& format, std::vector<Turn> turns) {
  json::array out;
  for (std::size_t i = 0; i < turns.size(); ++i) {
    if (turns[i].role == "tool") {
      out.push_back(result_message(format, std::move(turns[i])));
    } else if (turns[i].calls.empty()) {
      out.push_back(message_of(std::move(turns[i])));
    } else if (format.syntax == CallSyntax::kLlama) {
      const std::vector<Turn> results = take_results(turns, i);
      append_one_by_one(format, std::move(turns[i]), results, out);
    } else {
      out.push_back(with_calls(format, std::move(turns[i])));
    }
  }
  return out;
}

// ---- Templates that know none ----

std::string tool_lines(const ToolList& tools) {
  std::string out;
  for (const Tool& tool : tools) {
    out += json::serialize(tool_json(tool).at("function")) + "\n";
  }
  return out;
}

// Google's documented prompt for Gemma 3 in the form of JSON, in our words but for the
// form itself (ai.google.dev/gemma/docs/capabilities/function-calling).
std::string describe_for_gemma(const std::string& lines) {
  return "You have access to functions. If you decide to call one, you MUST answer with it in the "
         "format of\n"
         "{\"name\": function name, \"parameters\": dictionary of argument name and its value}\n"
         "and with no other text. Several calls stand on lines of their own. The functions:\n" +
         lines;
}

std::string describe_as_hermes(const std::string& lines) {
  return "You can call functions. These are they, one a line, each with a JSON Schema of its "
         "arguments:\n" +
         lines +
         "To call one, answer with its name and arguments as JSON between tags, one pair of tags "
         "for each call:\n"
         "<tool_call>\n{\"name\": \"function name\", \"arguments\": {\"argument\": \"value\"}}\n"
         "</tool_call>\n"
         "The result then comes between <tool_response> tags. Where no function helps, answer "
         "without one.";
}

std::string written_calls(const CallRules& rules, const std::vector<CallOfTurn>& calls) {
  std::string out(rules.group_open);
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (i > 0) out += rules.between;
    out += rules.call_open;
    out += call_prefix(rules, calls[i].name) + json::serialize(calls[i].arguments);
    out += call_frame(rules).end;
    out += rules.call_close;
  }
  out += rules.group_close;
  return out;
}

std::string written_result(const ChatFormat& format, const std::string& content) {
  if (format.syntax == CallSyntax::kGemma) return "```tool_output\n" + content + "\n```";
  return "<tool_response>\n" + content + "\n</tool_response>";
}

// Calls become text of the assistant, results text of the user. Results and a user's
// message beside them are one turn: many templates want user and assistant in turns.
std::vector<Turn> as_text(const ChatFormat& format, std::vector<Turn> turns) {
  std::vector<Turn> out;
  bool after_result = false;
  for (Turn& turn : turns) {
    const bool is_result = turn.role == "tool";
    if (is_result) {
      turn.content = written_result(format, turn.content);
      turn.role = "user";
      turn.fields = {};
    } else if (!turn.calls.empty()) {
      if (!turn.content.empty()) turn.content += "\n";
      turn.content += written_calls(call_rules(format.syntax), turn.calls);
      turn.has_text = true;
    }
    if (after_result && turn.role == "user" && turn.has_text) {
      out.back().content += (is_result ? "\n" : "\n\n") + turn.content;
    } else {
      out.push_back(std::move(turn));
    }
    after_result = is_result;
  }
  return out;
}

void put_before(std::string& content, std::string text) {
  if (!content.empty()) text += "\n\n";
  content.insert(0, text);
}

// Gemma has no system role: its functions stand in the first turn of the user.
void describe(const ChatFormat& format, const std::string& lines, std::vector<Turn>& turns) {
  const bool is_gemma = format.syntax == CallSyntax::kGemma;
  const std::string_view role = is_gemma ? "user" : "system";
  auto at = turns.begin();
  if (is_gemma && at != turns.end() && at->role == "system") ++at;
  if (at == turns.end() || at->role != role || !at->has_text) {
    Turn turn;
    turn.role = role;
    turn.has_text = true;
    at = turns.insert(at, std::move(turn));
  }
  if (is_gemma) {
    put_before(at->content, describe_for_gemma(lines));
  } else {
    if (!at->content.empty()) at->content += "\n\n";
    at->content += describe_as_hermes(lines);
  }
}

}  // namespace

Result<PromptInput> prompt_input(const ChatFormat& format, const json::array& messages,
                                 const ToolList& tools, const ToolChoice& choice) {
  ONDOL_TRY(std::vector<Turn> turns, read_turns(messages));
  const bool shows_tools = choice.mode != ToolChoice::Mode::kNone;
  PromptInput input;
  if (format.template_has_tools) {
    input.messages = for_template(format, std::move(turns));
    if (!shows_tools) return input;
    json::array list;
    for (const Tool& tool : tools) list.push_back(tool_json(tool));
    input.tools = std::move(list);
    return input;
  }
  turns = as_text(format, std::move(turns));
  if (shows_tools) describe(format, tool_lines(tools), turns);
  for (Turn& turn : turns) input.messages.push_back(message_of(std::move(turn)));
  return input;
}

}  // namespace ondol::text
