#include <optional>

#include "text/grammar/code_points.h"
#include "text/grammar/gbnf.h"
#include "text/grammar/grammar_impl.h"
#include "text/grammar/json_schema.h"
#include "text/grammar/json_text.h"
#include "text/grammar/pattern.h"
#include "text/grammar/triggers.h"

namespace ondol::text {
namespace {

using namespace grammar;

constexpr int kMaxStructureDepth = 32;
// Masks of states that let much of the vocabulary through are computed ahead, for
// this share of the time that compiling may take.
constexpr double kMaskShare = 0.2;
constexpr std::uint32_t kManyBytes = 64;  // that a state takes, for its mask to be costly

std::size_t text_bytes(const Structure& s, int depth) {
  std::size_t n = s.text.size() + 1;
  if (depth > kMaxStructureDepth) return n;
  for (const Structure& part : s.parts) n += text_bytes(part, depth + 1);
  for (const GrammarTrigger& t : s.triggers)
    n += text_bytes(t.trigger, depth + 1) + text_bytes(t.then, depth + 1);
  return n;
}

class Compiler {
 public:
  Compiler(const GrammarVocabulary& vocabulary, Deadline& deadline, std::string_view where)
      : vocabulary_(vocabulary), deadline_(deadline), where_(where), json_(rules) {}

  Rules rules;

  Result<ExprId> compile(const Structure& s, int depth) {
    if (depth > kMaxStructureDepth)
      return fail(ErrorCode::kLimit, where_, "", "the structure nests too deep", depth,
                  kMaxStructureDepth);
    switch (s.kind) {
      case Structure::Kind::kLiteral:
        return rules.literal(s.text);
      case Structure::Kind::kSpecialToken:
        return special_token(s);
      case Structure::Kind::kJsonSchema:
        return json_schema_expr(rules, json_, s.text, deadline_, where_);
      case Structure::Kind::kJsonObject:
        return json_.any_object();
      case Structure::Kind::kRegex:
        return pattern_expr(rules, s.text, {utf8_expr, false}, where_, "");
      case Structure::Kind::kGbnf:
        return gbnf_expr(rules, s.text, vocabulary_, where_);
      case Structure::Kind::kFreeText:
        return rules.star(rules.byte_range(0, 255));
      case Structure::Kind::kSequence:
      case Structure::Kind::kAlternatives:
        return parts(s, depth);
      case Structure::Kind::kRepeat:
        return repeat(s, depth);
      case Structure::Kind::kTriggered:
        return triggered(s, depth);
    }
    return fail(ErrorCode::kInternal, where_, "", "no such kind of structure");
  }

 private:
  Result<ExprId> special_token(const Structure& s) {
    const auto id = vocabulary_.special_id(s.text);
    if (!id)
      return fail(ErrorCode::kInvalidArgument, where_, "", "the model has no such special token",
                  s.text);
    return rules.token(*id);
  }

  Result<ExprId> parts(const Structure& s, int depth) {
    std::vector<ExprId> out;
    for (const Structure& part : s.parts) {
      ONDOL_TRY(const ExprId expr, compile(part, depth + 1));
      out.push_back(expr);
    }
    if (s.kind == Structure::Kind::kSequence) return rules.seq(out);
    if (out.empty())
      return fail(ErrorCode::kInvalidArgument, where_, "", "alternatives without any");
    return rules.alt(out);
  }

  Result<ExprId> repeat(const Structure& s, int depth) {
    if (s.parts.size() != 1 || s.min > s.max)
      return fail(ErrorCode::kInvalidArgument, where_, "",
                  "a repetition needs one part, and bounds in order");
    ONDOL_TRY(const ExprId part, compile(s.parts[0], depth + 1));
    return rules.repeat(part, s.min, s.max);
  }

  Result<ExprId> triggered(const Structure& s, int depth) {
    if (s.triggers.size() > kMaxTriggers)
      return fail(ErrorCode::kLimit, where_, "", "too many triggers", s.triggers.size(),
                  kMaxTriggers);
    if (s.max != Structure::kUnbounded && s.max > kMaxCountedTriggers) {
      return fail(ErrorCode::kLimit, where_, "", "triggers are counted up to a limit only", s.max,
                  kMaxCountedTriggers);
    }
    std::vector<Trigger> out;
    for (const GrammarTrigger& t : s.triggers) {
      Trigger trigger;
      trigger.only_at_start = t.only_at_start;
      if (t.trigger.kind == Structure::Kind::kSpecialToken) {
        const auto id = vocabulary_.special_id(t.trigger.text);
        if (!id)
          return fail(ErrorCode::kInvalidArgument, where_, "",
                      "the model has no such special token", t.trigger.text);
        trigger.token = *id;
      } else if (t.trigger.kind == Structure::Kind::kLiteral && !t.trigger.text.empty() &&
                 t.trigger.text.size() <= kMaxTriggerBytes) {
        trigger.text = t.trigger.text;
      } else {
        return fail(ErrorCode::kInvalidArgument, where_, "",
                    "a trigger is a literal of 1 to 256 bytes or a special token");
      }
      ONDOL_TRY(trigger.then, compile(t.then, depth + 1));
      out.push_back(std::move(trigger));
    }
    return triggered_expr(rules, std::move(out), s.max);
  }

  const GrammarVocabulary& vocabulary_;
  Deadline& deadline_;
  std::string_view where_;
  JsonText json_;
};

void compute_costly_masks(const Grammar& grammar, double seconds) {
  Deadline deadline(seconds);
  const std::lock_guard lock(grammar.mutex);
  const Automaton& automaton = grammar.automaton;
  for (StateId id = 0; id < automaton.states.size() && !deadline.passed_now(); ++id) {
    std::uint32_t n_bytes = 0;
    for (const auto& edge : automaton.bytes(automaton.states[id]))
      n_bytes += edge.high - edge.low + 1U;
    if (n_bytes >= kManyBytes) grammar.masks.in_state(id);
    if (grammar.masks.bytes() > grammar.cache_bytes / 2) break;
  }
}

}  // namespace

Result<std::shared_ptr<const Grammar>> compile_grammar(
    const Structure& structure, std::shared_ptr<const GrammarVocabulary> vocabulary,
    std::string_view where, const CompileLimits& limits) {
  if (const std::size_t n = text_bytes(structure, 0); n > limits.source_bytes) {
    return fail(ErrorCode::kLimit, where, "", "the grammar's text is too long", n,
                limits.source_bytes);
  }
  Deadline deadline(limits.seconds * (1 - kMaskShare));
  Compiler compiler(*vocabulary, deadline, where);
  ONDOL_TRY(const ExprId body, compiler.compile(structure, 0));
  const RuleId root = compiler.rules.declare();
  compiler.rules.define(root, body);
  ONDOL_TRY(Automaton automaton,
            build_automaton(compiler.rules, root, limits.n_states, deadline, where));
  auto grammar = std::make_shared<const Grammar>(std::move(automaton), std::move(vocabulary),
                                                 limits.cache_bytes);
  compute_costly_masks(*grammar, limits.seconds * kMaskShare);
  return grammar;
}

}  // namespace ondol::text
