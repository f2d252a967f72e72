#include "text/grammar/structure.h"

#include <fmt/format.h>

namespace ondol::text {
namespace {

Structure with_text(Structure::Kind kind, std::string text) {
  Structure out;
  out.kind = kind;
  out.text = std::move(text);
  return out;
}

Structure with_parts(Structure::Kind kind, std::vector<Structure> parts) {
  Structure out;
  out.kind = kind;
  out.parts = std::move(parts);
  return out;
}

void append_key(const Structure& structure, std::string& out);

// Each list begins with its length, so that no two structures read the same.
void append_keys(const std::vector<GrammarTrigger>& triggers, std::string& out) {
  out += fmt::format("{}>", triggers.size());
  for (const GrammarTrigger& t : triggers) {
    out += t.only_at_start ? '^' : '.';
    append_key(t.trigger, out);
    append_key(t.then, out);
  }
}

void append_key(const Structure& structure, std::string& out) {
  out += fmt::format("{}:{}-{}:{}:", static_cast<int>(structure.kind), structure.min, structure.max,
                     structure.text.size());
  out += structure.text;
  out += fmt::format("({}", structure.parts.size());
  for (const Structure& part : structure.parts) append_key(part, out);
  append_keys(structure.triggers, out);
}

}  // namespace

std::string structure_key(const Structure& structure) {
  std::string out;
  append_key(structure, out);
  return out;
}

Structure Structure::literal(std::string bytes) {
  return with_text(Kind::kLiteral, std::move(bytes));
}
Structure Structure::special_token(std::string piece) {
  return with_text(Kind::kSpecialToken, std::move(piece));
}
Structure Structure::json_schema(std::string json) {
  return with_text(Kind::kJsonSchema, std::move(json));
}
Structure Structure::json_object() { return with_text(Kind::kJsonObject, {}); }
Structure Structure::regex(std::string pattern) {
  return with_text(Kind::kRegex, std::move(pattern));
}
Structure Structure::gbnf(std::string grammar) {
  return with_text(Kind::kGbnf, std::move(grammar));
}
Structure Structure::free_text() { return with_text(Kind::kFreeText, {}); }

Structure Structure::sequence(std::vector<Structure> parts) {
  return with_parts(Kind::kSequence, std::move(parts));
}

Structure Structure::alternatives(std::vector<Structure> parts) {
  return with_parts(Kind::kAlternatives, std::move(parts));
}

Structure Structure::repeat(Structure part, std::uint32_t min, std::uint32_t max) {
  Structure out = with_parts(Kind::kRepeat, {});
  out.parts.push_back(std::move(part));
  out.min = min;
  out.max = max;
  return out;
}

Structure Structure::triggered(std::vector<GrammarTrigger> triggers, std::uint32_t max_times) {
  Structure out = with_parts(Kind::kTriggered, {});
  out.triggers = std::move(triggers);
  out.max = max_times;
  return out;
}

}  // namespace ondol::text
