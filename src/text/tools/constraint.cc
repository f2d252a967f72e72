#include "text/tools/constraint.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "text/tools/call_rules.h"
#include "text/tools/text_patterns.h"

namespace ondol::text {
namespace {

namespace json = boost::json;

constexpr std::string_view kWhiteSpace = " \\t\\r\\n";
constexpr std::string_view kSomeSpace = "[ \\t\\r\\n]{0,4}";

Structure optional(Structure part) { return Structure::repeat(std::move(part), 0, 1); }

// Text as it is written by the model: special tokens in it as themselves.
void append_written(const ChatFormat& format, std::string_view text,
                    std::vector<Structure>& parts) {
  while (!text.empty()) {
    std::size_t at = text.size();
    std::string_view piece;
    for (const ShownToken& token : format.shown) {
      const std::size_t found = text.find(token.piece);
      if (found >= at) continue;
      at = found;
      piece = token.piece;
    }
    if (at > 0) parts.push_back(Structure::literal(std::string(text.substr(0, at))));
    if (!piece.empty()) parts.push_back(Structure::special_token(std::string(piece)));
    text.remove_prefix(at + piece.size());
  }
}

// ---- Calls ----

// Whether "no others" can be added to an object's schema without a contradiction.
bool names_all_properties(const json::object& schema) {
  constexpr std::array<std::string_view, 10> kOthers = {"additionalProperties",
                                                        "patternProperties",
                                                        "allOf",
                                                        "anyOf",
                                                        "oneOf",
                                                        "$ref",
                                                        "not",
                                                        "if",
                                                        "enum",
                                                        "const"};
  const bool has_others = std::any_of(kOthers.begin(), kOthers.end(),
                                      [&](std::string_view key) { return schema.contains(key); });
  const json::value* properties = schema.if_contains("properties");
  if (has_others || properties == nullptr || !properties->is_object()) return false;
  const json::value* required = schema.if_contains("required");
  if (required == nullptr || !required->is_array()) return true;
  const json::array& names = required->get_array();
  return std::all_of(names.begin(), names.end(), [&](const json::value& name) {
    return name.is_string() && properties->get_object().contains(name.get_string());
  });
}

std::string schema_of(const Tool& tool) {
  json::object schema = tool.parameters;
  schema["type"] = "object";
  if (names_all_properties(schema)) schema["additionalProperties"] = false;
  return json::serialize(schema);
}

Structure one_call(const ChatFormat& format, const ToolList& tools, const ToolChoice& choice) {
  const CallRules& rules = call_rules(format.syntax);
  const CallFrame frame = call_frame(rules);
  std::vector<Structure> functions;
  for (const std::size_t i : choice.allowed) {
    std::vector<Structure> parts;
    append_written(format, tools[i].name + frame.before_arguments, parts);
    parts.push_back(Structure::json_schema(schema_of(tools[i])));
    functions.push_back(Structure::sequence(std::move(parts)));
  }
  std::vector<Structure> parts;
  append_written(format, std::string(rules.call_open) + std::string(frame.before_name), parts);
  parts.push_back(Structure::alternatives(std::move(functions)));
  append_written(format, std::string(frame.end) + std::string(rules.call_close), parts);
  return Structure::sequence(std::move(parts));
}

// One copy of the call, however many there may be: what stands between calls may stand
// behind the last one too, which parsers pass over.
Structure all_calls(const ChatFormat& format, const ToolList& tools, const ToolChoice& choice) {
  const CallRules& rules = call_rules(format.syntax);
  std::vector<Structure> one = {one_call(format, tools, choice)};
  if (choice.parallel && !rules.between.empty()) {
    one.push_back(optional(Structure::literal(std::string(rules.between))));
  }
  const std::uint32_t max = choice.parallel ? Structure::kUnbounded : 1;
  std::vector<Structure> parts;
  append_written(format, rules.group_open, parts);
  parts.push_back(Structure::repeat(Structure::sequence(std::move(one)), 1, max));
  append_written(format, rules.group_close, parts);
  return Structure::sequence(std::move(parts));
}

// ---- Text ----

std::string spaced(std::string_view pattern) {
  return fmt::format("[{}]*{}", kWhiteSpace, pattern);
}

// Text that begins with no object that the parser would read as a call, bare or, where
// the format has blocks, in one.
std::string text_without_bare_call(const CallRules& rules) {
  std::vector<Beginning> keys;
  keys.push_back({"name\"", {}});
  for (const std::string_view key : kCallKeys) {
    if (key != "name") keys.push_back({std::string(key) + "\"", {}});
  }
  const std::string in_object = text_beginning({{"\"", text_beginning(keys)}}, " \t\r\n");
  const Beginning object{"{", spaced(in_object)};
  std::vector<Beginning> beginnings = {object};
  for (const CallOpener& opener : rules.openers) {
    if (opener.text.empty() || opener.anywhere) continue;
    // A list may stand in a block; text that begins with one is given up with it.
    std::vector<Beginning> inside = {object};
    if (rules.list) inside.push_back({"[", {}});
    beginnings.push_back({std::string(opener.text), spaced(text_beginning(inside, " \t\r\n"))});
  }
  return spaced(text_beginning(beginnings, " \t\r\n"));
}

std::string_view opener_anywhere(const CallRules& rules) {
  for (const CallOpener& opener : rules.openers) {
    if (opener.anywhere) return opener.text;
  }
  return {};
}

// An answer that is a call from its beginning: bare, or in one of the format's blocks.
Structure bare_calls(const CallRules& rules, const Structure& calls) {
  std::vector<Structure> heads = {Structure::literal("")};
  for (const CallOpener& opener : rules.openers) {
    if (!opener.text.empty() && !opener.anywhere) {
      heads.push_back(Structure::literal(std::string(opener.text) + "\n"));
    }
  }
  if (heads.size() == 1) return calls;
  return Structure::sequence({Structure::alternatives(std::move(heads)), calls,
                              optional(Structure::literal("\n" + std::string(rules.close)))});
}

// Text, or calls, or text and then calls.
Structure free_answer(const ChatFormat& format, const Structure& calls) {
  const CallRules& rules = call_rules(format.syntax);
  const std::string_view opener = opener_anywhere(rules);
  const bool is_special = format.is_special(opener);
  if (!rules.bare) {
    Structure text = is_special ? Structure::free_text() : Structure::regex(text_without(opener));
    return Structure::sequence({std::move(text), optional(calls)});
  }
  const Structure text = Structure::regex(text_without_bare_call(rules));
  std::vector<Structure> answers;
  answers.push_back(text);
  Structure space = Structure::regex(std::string(kSomeSpace));
  if (is_special) {
    // Calls once, behind white space or behind text and the token.
    Structure marked = Structure::sequence({text, Structure::special_token(std::string(opener))});
    answers.push_back(Structure::sequence(
        {Structure::alternatives({std::move(space), std::move(marked)}), calls}));
  } else {
    answers.push_back(Structure::sequence({std::move(space), bare_calls(rules, calls)}));
  }
  return Structure::alternatives(std::move(answers));
}

// ---- Reasoning ----

Structure reasoning(const ChatFormat& format, bool is_open) {
  const ReasoningMarks& marks = *format.reasoning;
  std::vector<Structure> parts;
  if (!is_open) append_written(format, marks.open, parts);
  parts.push_back(format.is_special(marks.close) ? Structure::free_text()
                                                 : Structure::regex(text_without(marks.close)));
  append_written(format, marks.close, parts);
  parts.push_back(Structure::regex(std::string(kSomeSpace)));
  Structure block = Structure::sequence(std::move(parts));
  return is_open ? block : optional(std::move(block));
}

}  // namespace

Structure call_structure(const ChatFormat& format, const ToolList& tools, const ToolChoice& choice,
                         const CallConstraint& constraint) {
  ONDOL_CHECK(choice.mode != ToolChoice::Mode::kNone && !choice.allowed.empty());
  const Structure calls = all_calls(format, tools, choice);
  Structure answer;
  if (choice.mode == ToolChoice::Mode::kRequired) {
    answer = Structure::sequence({Structure::regex(std::string(kSomeSpace)), calls});
  } else if (constraint.otherwise != nullptr) {
    answer = Structure::alternatives({calls, *constraint.otherwise});
  } else {
    answer = free_answer(format, calls);
  }
  if (format.reasoning == nullptr) return answer;
  return Structure::sequence({reasoning(format, constraint.in_reasoning), std::move(answer)});
}

Result<std::shared_ptr<const Grammar>> compile_calls(
    const ChatFormat& format, const ToolList& tools, const ToolChoice& choice,
    const CallConstraint& constraint, const std::shared_ptr<const GrammarVocabulary>& vocabulary,
    const CompileLimits& limits) {
  auto compiled = compile_grammar(call_structure(format, tools, choice, constraint), vocabulary,
                                  "tools", limits);
  // A limit is reached by all of them together; else one of the schemas is at fault.
  if (compiled || compiled.error().code == ErrorCode::kLimit) return compiled;
  for (const std::size_t i : choice.allowed) {
    const auto alone = compile_grammar(Structure::json_schema(schema_of(tools[i])), vocabulary,
                                       fmt::format("tools[{}].function.parameters", i), limits);
    if (!alone) return alone;
  }
  return compiled;
}

}  // namespace ondol::text
