// Grammars of calls: what they take and refuse, and random walks through them with
// real tokenizers, read back by the parser.
#include "text/tools/constraint.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "text/detokenizer.h"
#include "text/tools/test_support.h"

namespace ondol::text {
namespace {

namespace json = boost::json;
using testing::Answer;
using testing::byte_tokenizer;
using testing::parse_at_once;
using testing::parse_in_pieces;
using testing::real_template;
using testing::real_tokenizer;
using testing::tools_of;

constexpr std::string_view kTools = R"([
  {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object",
   "properties": {"place": {"type": "string", "maxLength": 6}, "unit": {"enum": ["C", "F"]},
   "where": {"type": "object", "properties": {"lat": {"type": "integer"}}, "required": ["lat"],
             "additionalProperties": false}},
   "required": ["place"]}}},
  {"type": "function", "function": {"name": "stop"}},
  {"type": "function", "function": {"name": "stop-2", "strict": true, "parameters":
   {"properties": {"n": {"type": "integer", "minimum": 1, "maximum": 20}}, "required": ["n"]}}}])";

// What the schemas above say, by hand.
void expect_valid(const std::string& name, const std::string& arguments) {
  boost::system::error_code error;
  const json::value parsed = json::parse(arguments, error);
  ASSERT_TRUE(!error && parsed.is_object()) << arguments;
  std::set<std::string> keys;
  for (const auto& member : parsed.get_object()) keys.insert(std::string(member.key()));
  const json::object& object = parsed.get_object();
  if (name == "get_weather") {
    ASSERT_TRUE(keys.erase("place") == 1 && object.at("place").is_string()) << arguments;
    if (keys.erase("unit") == 1) {
      const json::value& unit = object.at("unit");
      EXPECT_TRUE(unit == "C" || unit == "F") << arguments;
    }
    if (keys.erase("where") == 1) {
      ASSERT_TRUE(object.at("where").is_object()) << arguments;
      EXPECT_EQ(object.at("where").get_object().size(), 1U) << arguments;
      EXPECT_FALSE(object.at("where").at("lat").is_string()) << arguments;
    }
  } else if (name == "stop-2") {
    ASSERT_EQ(keys.erase("n"), 1U) << arguments;
    const auto n = object.at("n").to_number<int>();
    EXPECT_TRUE(n >= 1 && n <= 20) << arguments;
  } else {
    EXPECT_EQ(name, "stop");
  }
  EXPECT_TRUE(keys.empty()) << arguments;
}

struct Model {
  std::string name;
  ChatFormat format;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::shared_ptr<const GrammarVocabulary> vocabulary;
};

Model make_model(const std::string& name, const std::string& source,
                 std::shared_ptr<const Tokenizer> tokenizer) {
  return {name, detect_chat_format(source, *tokenizer), tokenizer,
          GrammarVocabulary::build(tokenizer)};
}

std::vector<Model> byte_models() {
  const auto tokenizer = byte_tokenizer(
      {"<|im_end|>", "<|python_tag|>", "[TOOL_CALLS]", "[ARGS]", "[THINK]", "[/THINK]"});
  std::vector<Model> models;
  for (const auto& [name, source] : std::vector<std::pair<std::string, std::string>>{
           {"hermes", "tools <tool_call>\"name\" <think> </think>"},
           {"llama", "tools <|start_header_id|>ipython"},
           {"mistral_list", "tools [TOOL_CALLS] [THINK] [/THINK]"},
           {"mistral_named", "tools [TOOL_CALLS] [ARGS]"},
           {"gemma", "<start_of_turn>"},
           {"described", ""}}) {
    models.push_back(make_model(name, source, tokenizer));
    EXPECT_EQ(models.back().format.name, name);
  }
  return models;
}

ToolChoice choice_of(std::string_view choice, const ToolList& tools, bool parallel = true) {
  auto parsed = parse_tool_choice(json::parse(choice), tools);
  EXPECT_TRUE(parsed) << parsed.error().message();
  parsed->parallel = parsed->parallel && parallel;
  return *parsed;
}

std::shared_ptr<const Grammar> compile(const Model& model, const ToolChoice& choice,
                                       const CallConstraint& constraint = {}) {
  const auto grammar =
      compile_calls(model.format, tools_of(kTools), choice, constraint, model.vocabulary);
  EXPECT_TRUE(grammar) << model.name << ": " << grammar.error().message();
  return grammar.value_or(nullptr);
}

bool takes(const Model& model, const std::shared_ptr<const Grammar>& grammar,
           const std::string& text) {
  GrammarMatcher matcher(grammar);
  const auto ids = model.tokenizer->encode(text);
  for (const TokenId id : ids.value()) {
    if (!matcher.accept(id)) return false;
  }
  return matcher.is_complete();
}

struct Written {
  std::string one, two, cut;
};

// One call, two calls, and the beginning of one.
Written written(const ChatFormat& format) {
  const std::string place = R"({"place": "Jeju"})";
  switch (format.syntax) {
    case CallSyntax::kHermes: {
      const std::string call =
          "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": " + place + "}\n</tool_call>";
      return {call, call + "\n<tool_call>\n{\"name\": \"stop\", \"arguments\": {}}\n</tool_call>",
              "<tool_call>\n{\"name\": \"st"};
    }
    case CallSyntax::kMistralList: {
      const std::string call = R"([TOOL_CALLS][{"name": "get_weather", "arguments": )" + place;
      return {call + "}]", call + R"(}, {"name": "stop", "arguments": {}}])", call};
    }
    case CallSyntax::kMistralNamed: {
      const std::string call = "[TOOL_CALLS]get_weather[ARGS]" + place;
      return {call, call + "[TOOL_CALLS]stop[ARGS]{}", "[TOOL_CALLS]stop[ARGS]"};
    }
    default: {
      const std::string call = R"({"name": "get_weather", "parameters": )" + place + "}";
      const std::string between = format.syntax == CallSyntax::kLlama ? "; " : "\n";
      return {call, call + between + R"({"name": "stop", "parameters": {}})",
              R"({"name": "get_weather", "param)"};
    }
  }
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << text;
  return text.replace(at, from.size(), to);
}

TEST(Constraint, TakesWrittenCalls) {
  const ToolList tools = tools_of(kTools);
  for (const Model& model : byte_models()) {
    SCOPED_TRACE(model.name);
    const Written calls = written(model.format);
    const std::string wrong_name = replaced(calls.one, "get_weather", "get_whether");
    const std::string wrong_arguments = replaced(calls.one, "\"Jeju\"", "5");
    const std::string more_arguments = replaced(calls.one, "\"Jeju\"", "\"Jeju\", \"x\": 1");

    const auto required = compile(model, choice_of(R"("required")", tools));
    ASSERT_TRUE(required);
    for (const std::string& text : {calls.one, calls.two})
      EXPECT_TRUE(takes(model, required, text));
    for (const std::string& text :
         {std::string(), std::string("text"), "text " + calls.one, calls.cut, wrong_name,
          wrong_arguments, more_arguments, calls.one + " text"}) {
      EXPECT_FALSE(takes(model, required, text)) << text;
    }

    const auto single = compile(model, choice_of(R"("required")", tools, false));
    EXPECT_TRUE(takes(model, single, calls.one));
    EXPECT_FALSE(takes(model, single, calls.two));

    const auto named =
        compile(model, choice_of(R"({"type": "function", "function": {"name": "stop"}})", tools));
    EXPECT_FALSE(takes(model, named, calls.one));
    EXPECT_FALSE(takes(model, named, calls.two));

    const auto automatic = compile(model, choice_of(R"("auto")", tools));
    for (const std::string& text :
         {std::string(), std::string("A < B, {\"name\n\"} 한"), calls.one, calls.two}) {
      EXPECT_TRUE(takes(model, automatic, text)) << text;
    }
    for (const std::string& text : {calls.cut, wrong_name, wrong_arguments, calls.one + "text"}) {
      EXPECT_FALSE(takes(model, automatic, text)) << text;
    }
    // Bare calls are the whole answer.
    EXPECT_EQ(takes(model, automatic, "Look. " + calls.one),
              calls.one[0] != '{' || takes(model, automatic, "Look. " + wrong_name));
  }
}

TEST(Constraint, NoCallHidesInFreeText) {
  const ToolList tools = tools_of(kTools);
  const std::vector<std::string> bare = {R"({"name":"stop","parameters":{}})",
                                         R"({ "name": "stop"})", R"( {"parameters": {}})",
                                         R"({"type": "function"})", "{\n\"id\": 1}"};
  for (const Model& model : byte_models()) {
    SCOPED_TRACE(model.name);
    const auto automatic = compile(model, choice_of(R"("auto")", tools));
    const bool is_bare =
        model.format.syntax == CallSyntax::kLlama || model.format.syntax == CallSyntax::kGemma;
    for (const std::string& text : bare) EXPECT_EQ(takes(model, automatic, text), !is_bare) << text;
    for (const std::string text : {R"({"answer": 42})", R"({})", R"({"names": [1]})", "{", "[1]",
                                   "```json\n{\"a\": 1}\n```", "```python\nx\n```"}) {
      EXPECT_TRUE(takes(model, automatic, text)) << text;
    }
    if (model.name == "llama") {
      EXPECT_TRUE(takes(model, automatic, "<|python_tag|>" + written(model.format).one));
      EXPECT_TRUE(takes(model, automatic, "Look. <|python_tag|>" + written(model.format).one));
      EXPECT_FALSE(takes(model, automatic, "<|python_tag|>print(1)"));
    }
    if (model.name == "gemma") {
      EXPECT_TRUE(takes(model, automatic, "```json\n" + written(model.format).two + "\n```"));
      for (const std::string block :
           {"```tool_code\n{\"name\": \"stop\"}\n```", "```json\n[{\"name\": \"stop\"}]\n```"}) {
        EXPECT_FALSE(takes(model, automatic, block)) << block;
      }
    }
  }
}

TEST(Constraint, ReasoningComesFirst) {
  const ToolList tools = tools_of(kTools);
  for (const Model& model : byte_models()) {
    if (model.format.reasoning == nullptr) continue;
    SCOPED_TRACE(model.name);
    const std::string open(model.format.reasoning->open);
    const std::string close(model.format.reasoning->close);
    const std::string call = written(model.format).one;
    const auto required = compile(model, choice_of(R"("required")", tools));
    EXPECT_TRUE(takes(model, required, open + "\nso < so\n" + close + "\n\n" + call));
    EXPECT_TRUE(takes(model, required, call));
    EXPECT_FALSE(takes(model, required, open + "so" + close));
    const auto opened = compile(model, choice_of(R"("required")", tools), {.in_reasoning = true});
    EXPECT_TRUE(takes(model, opened, "so\n" + close + call));
    EXPECT_FALSE(takes(model, opened, call));
  }
}

TEST(Constraint, OtherwiseTheAnswerHasItsOwnForm) {
  const ToolList tools = tools_of(kTools);
  const Structure answer = Structure::json_schema(R"({"type": "integer"})");
  for (const Model& model : byte_models()) {
    const auto grammar = compile(model, choice_of(R"("auto")", tools), {.otherwise = &answer});
    EXPECT_TRUE(takes(model, grammar, "17")) << model.name;
    EXPECT_TRUE(takes(model, grammar, written(model.format).one)) << model.name;
    EXPECT_FALSE(takes(model, grammar, "text")) << model.name;
  }
}

TEST(Constraint, ErrorsNameTheTool) {
  const Model model = byte_models()[0];
  const ToolList tools = tools_of(R"([{"type": "function", "function": {"name": "a"}},
      {"type": "function", "function": {"name": "b", "parameters": {"type": "object",
       "properties": {"x": {"type": "string", "minLength": 3, "maxLength": 1}}}}}])");
  const auto grammar =
      compile_calls(model.format, tools, choice_of("null", tools), {}, model.vocabulary);
  ASSERT_FALSE(grammar);
  EXPECT_EQ(grammar.error().where, "tools[1].function.parameters");
  EXPECT_EQ(grammar.error().code, ErrorCode::kInvalidArgument);
}

// A random answer of the grammar behind `begin`; nothing when it does not end in time.
std::optional<std::string> walk(const Model& model, const std::shared_ptr<const Grammar>& grammar,
                                const std::string& begin, std::mt19937& random) {
  GrammarMatcher matcher(grammar);
  StreamingDetokenizer detokenizer(model.tokenizer, true, model.format.shown_ids());
  std::string text;
  const auto begun = model.tokenizer->encode(begin);
  for (const TokenId id : begun.value()) {
    EXPECT_TRUE(matcher.accept(id)) << begin;
    text += detokenizer.push(id);
  }
  std::vector<std::uint32_t> bits(model.vocabulary->n_mask_words());
  for (int step = 0; step < 300; ++step) {
    if (matcher.is_complete() && (matcher.must_stop() || random() % 4 == 0)) {
      return text + detokenizer.finish();
    }
    matcher.fill(bits);
    std::vector<TokenId> ids;
    for (std::size_t id = 0; id < model.vocabulary->n_vocab(); ++id) {
      const bool allowed = (bits[id / 32] >> (id % 32) & 1U) != 0;
      if (allowed && !model.vocabulary->is_end(static_cast<TokenId>(id))) {
        ids.push_back(static_cast<TokenId>(id));
      }
    }
    if (ids.empty()) {
      EXPECT_TRUE(matcher.is_complete()) << text;
      return text + detokenizer.finish();
    }
    const TokenId id = ids[random() % ids.size()];
    EXPECT_TRUE(matcher.accept(id)) << text;
    text += detokenizer.push(id);
  }
  return std::nullopt;
}

// Walks of one model: what comes out is calls whose arguments validate.
void walk_and_parse(const Model& model, const std::string& begin, int n_walks) {
  SCOPED_TRACE(model.name);
  const ToolList tools = tools_of(kTools);
  std::mt19937 random(5);
  int n_done = 0;
  int n_calls = 0;
  for (const char* mode : {R"("required")", R"("auto")"}) {
    const ToolChoice choice = choice_of(mode, tools);
    const auto grammar = compile(model, choice);
    ASSERT_TRUE(grammar);
    OutputParserOptions options;
    options.format = model.format;
    options.functions = allowed_functions(tools, choice);
    options.enforced = true;
    for (int i = 0; i < n_walks; ++i) {
      const auto text = walk(model, grammar, i % 2 == 0 ? begin : "", random);
      if (!text) continue;
      ++n_done;
      const Answer answer = parse_at_once(options, *text);
      std::vector<std::size_t> ends;
      for (std::size_t at = 1; at < text->size(); at += 1 + random() % 5) ends.push_back(at);
      EXPECT_EQ(parse_in_pieces(options, *text, ends), answer) << *text;
      // The parser that trusts nobody finds the same calls.
      OutputParserOptions careful = options;
      careful.enforced = false;
      EXPECT_EQ(parse_at_once(careful, *text).calls, answer.calls) << *text;
      if (choice.mode == ToolChoice::Mode::kRequired && answer.reasoning.empty()) {
        EXPECT_FALSE(answer.calls.empty()) << *text;
        EXPECT_EQ(answer.content, "") << *text;
      }
      for (const auto& [name, arguments] : answer.calls) expect_valid(name, arguments);
      n_calls += static_cast<int>(answer.calls.size());
    }
  }
  EXPECT_GE(n_done, n_walks);
  EXPECT_GE(n_calls, n_walks / 2);
}

TEST(Constraint, RandomWalksParseBack) {
  for (const Model& model : byte_models()) {
    walk_and_parse(model, written(model.format).cut, 60);
  }
}

TEST(Constraint, RandomWalksOfRealTokenizers) {
  for (const auto& [source, tokenizer] : std::vector<std::pair<std::string, std::string>>{
           {"qwen3", "qwen3"}, {"llama3_2", "llama3_1"}, {"gemma3", "gemma3"}}) {
    const std::string text = real_template(source);
    const auto loaded = real_tokenizer(tokenizer);
    ASSERT_TRUE(!text.empty() && loaded) << source << " is missing: run ./dev test";
    const Model model = make_model(source, text, loaded);
    walk_and_parse(model, written(model.format).cut, 3);
  }
}

}  // namespace
}  // namespace ondol::text
