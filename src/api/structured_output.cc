#include "api/structured_output.h"

#include <boost/json.hpp>
#include <limits>
#include <utility>

#include "api/compile_turns.h"
#include "text/grammar/grammar.h"
#include "text/tools/constraint.h"

namespace ondol::api {
namespace {

namespace json = boost::json;
using text::Structure;

class GrammarMask : public engine::TokenMask {
 public:
  explicit GrammarMask(std::shared_ptr<const text::Grammar> grammar)
      : matcher_(std::move(grammar)), bits_(matcher_.vocabulary().n_mask_words()) {}

  void apply(std::span<float> logits) override {
    matcher_.fill(bits_);
    constexpr std::uint32_t kAll = 0xFFFFFFFF;
    for (std::size_t word = 0; word * 32 < logits.size(); ++word) {
      // A model's logits may be padded beyond the vocabulary.
      const std::uint32_t allowed = word < bits_.size() ? bits_[word] : 0;
      if (allowed == kAll) continue;
      const std::size_t end = std::min(logits.size(), 32 * word + 32);
      for (std::size_t i = 32 * word; i < end; ++i) {
        if ((allowed >> (i % 32) & 1U) == 0) logits[i] = -std::numeric_limits<float>::infinity();
      }
    }
  }

  void accept(std::int32_t token) override { matcher_.accept(token); }

 private:
  text::GrammarMatcher matcher_;
  std::vector<std::uint32_t> bits_;
};

MakeMask masks_of(std::shared_ptr<const text::Grammar> grammar) {
  return [grammar = std::move(grammar)] { return std::make_unique<GrammarMask>(grammar); };
}

// An error's `where` is the parameter, its field a place in the parameter's text.
Refusal refusal_of(Error error) {
  const std::string param = std::exchange(error.where, "");
  const bool is_unsupported = error.code == ErrorCode::kUnsupported;
  return bad_parameter(param, param + ": " + error.message(),
                       is_unsupported ? "unsupported_value" : "invalid_value");
}

/// The kept grammar of `structure`, or what `compile` makes of it.
template <class Compile>
OrRefusal<MakeMask> masks_of(const Structure& structure, const ServedModel& model,
                             const Compile& compile) {
  constexpr int kRetryAfterS = 1;
  std::string key = text::structure_key(structure);
  if (auto known = model.grammars->find(key)) return masks_of(std::move(known));
  const auto turn = CompileTurn::take();
  if (!turn) {
    return tl::unexpected(
        unavailable("too many grammars are being compiled", "overloaded", kRetryAfterS));
  }
  Result<std::shared_ptr<const text::Grammar>> grammar = compile();
  if (!grammar) return tl::unexpected(refusal_of(std::move(grammar).error()));
  model.grammars->keep(std::move(key), *grammar);
  return masks_of(*std::move(grammar));
}

std::optional<StructuredOutput> read_json_schema(Fields& format) {
  format.require("json_schema");
  auto named = format.object("json_schema");
  if (!named) return std::nullopt;
  named->require("name");
  named->string("name");
  named->string("description");
  named->flag("strict");  // an answer validates either way
  named->require("schema");
  const auto schema = named->object("schema");
  named->refuse_unknown();
  if (!schema) return std::nullopt;
  return StructuredOutput{Structure::json_schema(json::serialize(schema->json())),
                          named->path_of("schema")};
}

std::optional<StructuredOutput> read_response_format(Fields& fields) {
  auto format = fields.object("response_format");
  if (!format) return std::nullopt;
  format->require("type");
  const auto type = format->word("type", {"text", "json_object", "json_schema"});
  std::optional<StructuredOutput> out;
  if (type == "json_object") out = StructuredOutput{Structure::json_object(), "response_format"};
  if (type == "json_schema") out = read_json_schema(*format);
  format->refuse_unknown();
  return out;
}

}  // namespace

std::optional<StructuredOutput> read_structured_output(Fields& fields) {
  std::optional<StructuredOutput> out = read_response_format(fields);
  const auto take = [&](std::string_view name, Structure (*make)(std::string)) {
    auto source = fields.string(name);
    if (!source) return;
    const std::string param(name);
    if (out) fields.refuse(param, param + ": " + out->param + " already says what the answer is");
    out = StructuredOutput{make(*std::move(source)), param};
  };
  take("grammar", &Structure::gbnf);
  take("regex", &Structure::regex);
  return out;
}

OrRefusal<MakeMask> mask_of(const StructuredOutput& wanted, const ServedModel& model) {
  return masks_of(wanted.structure, model, [&] {
    return text::compile_grammar(wanted.structure, model.grammar_vocabulary, wanted.param);
  });
}

OrRefusal<MakeMask> mask_of_calls(const ChatPrompt& prompt, bool in_reasoning,
                                  const std::optional<StructuredOutput>& otherwise,
                                  const ServedModel& model) {
  const text::CallConstraint constraint{in_reasoning, otherwise ? &otherwise->structure : nullptr};
  const Structure structure =
      text::call_structure(model.chat_format, prompt.tools, prompt.tool_choice, constraint);
  return masks_of(structure, model, [&] {
    return text::compile_calls(model.chat_format, prompt.tools, prompt.tool_choice, constraint,
                               model.grammar_vocabulary);
  });
}

}  // namespace ondol::api
