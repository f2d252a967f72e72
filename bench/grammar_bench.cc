// Grammars: what compiling takes, and what the mask of each token takes, with a
// real vocabulary. A grammar's masks are computed at the first visit of a state
// and kept; both are shown: `first` walks freshly compiled grammars, `kept` walks
// the same answers again.
//
//   grammar_bench TOKENIZER_JSON [Google Benchmark option ...]
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "base/mapped_file.h"
#include "text/grammar/grammar.h"

namespace ondol::text {
namespace {

struct Case {
  const char* name;
  Structure structure;
  std::string answer;
};

std::vector<Case> cases() {
  const std::string person =
      R"({"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer","minimum":0,"maximum":150},
    "email":{"type":"string","format":"email"},"tags":{"type":"array","items":{"type":"string"}},"active":{"type":"boolean"}},
    "required":["name","age"],"additionalProperties":false})";
  const std::string bounded =
      R"({"type":"object","properties":{"title":{"type":"string","maxLength":80},"code":{"type":"string","pattern":"^[A-Z]{3}-[0-9]{4}$"},
    "score":{"type":"number","minimum":0,"maximum":1}},"required":["title","code","score"],"additionalProperties":false})";
  const std::string open =
      R"({"type":"object","properties":{"kind":{"enum":["cat","dog","bird"]},"name":{"type":"string"}},"required":["kind"]})";
  const std::string tree =
      R"({"$defs":{"n":{"type":"object","properties":{"v":{"type":"string"},"c":{"type":"array","items":{"$ref":"#/$defs/n"}}},
    "required":["v","c"],"additionalProperties":false}},"$ref":"#/$defs/n"})";
  const std::string prose =
      "The quick brown fox, \\\"jumps\\\" over the lazy dog; it's 12:30 already and nobody has had "
      "lunch.";
  return {
      {"person", Structure::json_schema(person),
       R"({"name": "Ada Lovelace-Byron", "age": 36, "email": "ada@example.org", "tags": ["maths", "engines", "poetry and prose"], "active": true})"},
      {"bounded", Structure::json_schema(bounded),
       R"({"title": "A title of some length, with words", "code": "ABC-1234", "score": 0.875})"},
      {"open", Structure::json_schema(open),
       R"({"kind": "dog", "name": "Rex", "colour of fur": "brown", "legs": [1, 2, {"three": null}]})"},
      {"tree", Structure::json_schema(tree),
       R"({"v": "root of it", "c": [{"v": "left one", "c": []}, {"v": "right", "c": [{"v": "leaf", "c": []}]}]})"},
      {"any_json", Structure::json_object(),
       "{\"text\": \"" + prose +
           "\", \"list\": [1.5, true, {\"deep\": [[\"x\"]]}],\n  \"more\": {\"a\": \"b\"}}"},
      {"tool_auto",
       Structure::triggered(
           {{Structure::literal("<tool_call>"),
             Structure::sequence({Structure::literal("\n{\"name\": \"f\", \"arguments\": "),
                                  Structure::json_schema(person),
                                  Structure::literal("}\n</tool_call>")}),
             false}}),
       "I will look that up for you at once.\n<tool_call>\n{\"name\": \"f\", \"arguments\": "
       "{\"name\": \"Ada\", \"age\": 36}}\n</tool_call>"},
      {"regex", Structure::regex("(?:[A-Z][a-z]+ ?)+: \\d{1,3}(?:\\.\\d{3})*"),
       "Total Amount Due: 1.234.567"},
      {"gbnf",
       Structure::gbnf("root ::= expr\nexpr ::= term ([-+*/] term)*\nterm ::= num | \"(\" expr "
                       "\")\"\nnum ::= [0-9]+ (\".\" [0-9]+)?"),
       "(12+34.5)*(7-(8/9))+100"},
  };
}

double percentile(std::vector<double>& values, double share) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[std::min(values.size() - 1,
                         static_cast<std::size_t>(share * static_cast<double>(values.size())))];
}

// Appends the microseconds of each mask of the answer.
bool walk(const std::shared_ptr<const Grammar>& grammar, const std::vector<TokenId>& ids,
          std::vector<double>& times) {
  GrammarMatcher matcher(grammar);
  std::vector<std::uint32_t> bits(matcher.vocabulary().n_mask_words());
  for (const TokenId id : ids) {
    const auto start = std::chrono::steady_clock::now();
    matcher.fill(bits);
    times.push_back(
        std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start)
            .count());
    if (!matcher.accept(id)) return false;
  }
  return matcher.is_complete();
}

void run(benchmark::State& state, const Case& item,
         const std::shared_ptr<const GrammarVocabulary>& vocabulary) {
  const auto ids = vocabulary->tokenizer().encode(item.answer, {false, false});
  std::vector<double> compile, first, kept;
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    const auto grammar = compile_grammar(item.structure, vocabulary, item.name);
    compile.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
            .count());
    if (!grammar || !ids) return state.SkipWithError("does not compile");
    if (!walk(*grammar, *ids, first)) return state.SkipWithError("the answer is not accepted");
    for (int i = 0; i < 20; ++i) walk(*grammar, *ids, kept);
  }
  state.counters["compile_ms"] = percentile(compile, 0.5);
  state.counters["first_p50_us"] = percentile(first, 0.5);
  state.counters["first_max_us"] = percentile(first, 1);
  state.counters["kept_p50_us"] = percentile(kept, 0.5);
  state.counters["kept_p99_us"] = percentile(kept, 0.99);
}

int complain(const Error& error) {
  std::fprintf(stderr, "%s\n", error.message().c_str());
  return 1;
}

}  // namespace
}  // namespace ondol::text

int main(int argc, char** argv) {
  using namespace ondol;
  using namespace ondol::text;
  benchmark::Initialize(&argc, argv);
  if (argc < 2) {
    std::fprintf(stderr, "usage: grammar_bench TOKENIZER_JSON [option ...]\n");
    return 2;
  }
  const auto json = read_text_file(argv[1], kMaxTokenizerJson);
  if (!json) return complain(json.error());
  const auto tokenizer = load_tokenizer_json(*json, "", argv[1]);
  if (!tokenizer) return complain(tokenizer.error());
  const auto start = std::chrono::steady_clock::now();
  const auto vocabulary = GrammarVocabulary::build(*tokenizer);
  std::printf(
      "vocabulary of %zu tokens: %.0f ms\n", vocabulary->n_vocab(),
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  for (const Case& item : cases()) {
    benchmark::RegisterBenchmark(
        item.name, [item, vocabulary](benchmark::State& state) { run(state, item, vocabulary); })
        ->Iterations(5)
        ->Unit(benchmark::kMillisecond);
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
