// What an answer has to look like, as the caller says it: plain data. Pieces are
// literals, JSON Schemas, any JSON object, regular expressions, GBNF grammars and
// special tokens; they are put together by sequence, alternatives, repetition and
// triggers, which is what tool-call formats are made of:
//
//   Structure::sequence({
//       Structure::literal("<tool_call>\n{\"name\": \"f\", \"arguments\": "),
//       Structure::json_schema(schema_text), Structure::literal("}\n</tool_call>")})
//
// Owner: the caller. Threads: plain value. Nothing is checked before
// compile_grammar (grammar.h).
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace ondol::text {

struct Structure;

/// Free text becomes structure where a trigger has appeared.
struct GrammarTrigger;

struct Structure {
  enum class Kind : std::uint8_t {
    kLiteral,       // text: exactly these bytes
    kSpecialToken,  // text: the piece of a special token, "<|python_tag|>"
    kJsonSchema,    // text: a JSON Schema, draft 2020-12
    kJsonObject,    // any JSON object
    kRegex,         // text: a pattern, matched as a whole
    kGbnf,          // text: a grammar in the GBNF dialect, from its rule "root"
    kFreeText,      // any text, without special tokens
    kSequence,      // parts in order
    kAlternatives,  // one of the parts
    kRepeat,        // parts[0], min to max times
    kTriggered,     // free text that becomes a trigger's structure when the trigger appears
  };

  /// `max` of a repetition without bound.
  static constexpr std::uint32_t kUnbounded = 0xFFFFFFFF;

  Kind kind = Kind::kLiteral;
  std::string text;
  std::vector<Structure> parts;
  std::uint32_t min = 0;
  std::uint32_t max = kUnbounded;
  std::vector<GrammarTrigger> triggers;

  static Structure literal(std::string bytes);
  static Structure special_token(std::string piece);
  static Structure json_schema(std::string json);
  static Structure json_object();
  static Structure regex(std::string pattern);
  static Structure gbnf(std::string grammar);
  static Structure free_text();
  static Structure sequence(std::vector<Structure> parts);
  static Structure alternatives(std::vector<Structure> parts);
  static Structure repeat(Structure part, std::uint32_t min, std::uint32_t max);
  /// tool_choice "auto": the answer may end anywhere in its free text. After a
  /// trigger its structure must be completed; then comes free text again, which
  /// may trigger again up to `max_times` (at most 16, or kUnbounded), counted together.
  static Structure triggered(std::vector<GrammarTrigger> triggers,
                             std::uint32_t max_times = kUnbounded);
};

/// Equal for equal structures, and for those only.
std::string structure_key(const Structure& structure);

struct GrammarTrigger {
  /// Structure::literal (not empty, at most 256 bytes) or Structure::special_token.
  Structure trigger;
  Structure then;
  /// Fires only where nothing stands before it but white space (Llama 3 answers with bare JSON).
  bool only_at_start = false;
};

}  // namespace ondol::text
