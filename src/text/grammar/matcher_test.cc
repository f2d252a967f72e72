// The matcher itself: masks hold exactly the tokens that accept takes, endings,
// copies, triggers, special tokens, and grammars that are made to be costly.
#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "base/test_clock.h"
#include "text/grammar/test_grammar.h"

namespace ondol::text {
namespace {

std::vector<TokenId> allowed(GrammarMatcher& matcher) {
  std::vector<std::uint32_t> bits(matcher.vocabulary().n_mask_words());
  matcher.fill(bits);
  std::vector<TokenId> out;
  for (std::size_t i = 0; i < matcher.vocabulary().n_vocab(); ++i) {
    if ((bits[i / 32] >> (i % 32) & 1U) != 0) out.push_back(static_cast<TokenId>(i));
  }
  return out;
}

bool is_allowed(GrammarMatcher& matcher, TokenId token) {
  const auto tokens = allowed(matcher);
  return std::ranges::find(tokens, token) != tokens.end();
}

// At each step of random walks the mask must be what trying every token says, and
// never nothing.
void expect_true_masks(const Structure& structure, int n_walks = 6, int n_steps = 40) {
  const auto grammar = compile(structure);
  ASSERT_NE(grammar, nullptr);
  std::mt19937 random(7);
  for (int walk = 0; walk < n_walks; ++walk) {
    GrammarMatcher matcher(grammar);
    for (int step = 0; step < n_steps && !matcher.must_stop(); ++step) {
      const std::vector<TokenId> tokens = allowed(matcher);
      ASSERT_FALSE(tokens.empty()) << structure.text;
      std::vector<TokenId> tried;
      for (std::size_t i = 0; i < matcher.vocabulary().n_vocab(); ++i) {
        GrammarMatcher copy(matcher);
        if (copy.accept(static_cast<TokenId>(i))) tried.push_back(static_cast<TokenId>(i));
      }
      ASSERT_EQ(tokens, tried) << structure.text << " at step " << step;
      const TokenId next = tokens[random() % tokens.size()];
      if (matcher.vocabulary().is_end(next)) break;
      ASSERT_TRUE(matcher.accept(next));
    }
  }
}

TEST(GrammarMatcher, MasksAreWhatAcceptTakes) {
  expect_true_masks(Structure::json_object());
  expect_true_masks(Structure::json_schema("{}"));
  expect_true_masks(Structure::json_schema(R"({"type": "string", "maxLength": 5})"));
  expect_true_masks(
      Structure::json_schema(R"({"type": "string", "minLength": 290, "maxLength": 310})"), 2, 400);
  expect_true_masks(Structure::json_schema(
      R"({"type": "object", "properties": {"name": {"type": "string"}, "n": {"type": "integer", "maximum": 123}}, "required": ["n"]})"));
  expect_true_masks(Structure::json_schema(R"({"type": "array", "items": {"$ref": "#"}})"));
  expect_true_masks(Structure::json_schema(
      R"({"type": "array", "items": {"enum": ["abc", "ab", 12, 123]}, "minItems": 2, "maxItems": 700})"));
  expect_true_masks(Structure::json_schema(
      R"({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "array", "items": {"type": "string", "maxLength": 3}}]})"));
  expect_true_masks(Structure::regex("(ab|abc)*a{0,40}(é|日本){2,}"));
  expect_true_masks(Structure::gbnf("root ::= \"a\" root \"b\" | \"ab\" | [^a] root?"));
  expect_true_masks(
      Structure::triggered({{Structure::literal("<tool_call>"), Structure::json_object(), false}}),
      10, 80);
  expect_true_masks(Structure::alternatives(
      {Structure::sequence({Structure::special_token("<|tool|>"), Structure::regex("a+")}),
       Structure::regex("b?")}));
}

TEST(GrammarMatcher, EndsOnlyWhenComplete) {
  GrammarMatcher matcher(compile(Structure::regex("ab?")));
  EXPECT_FALSE(matcher.is_complete());
  EXPECT_FALSE(is_allowed(matcher, kTestEnd));
  EXPECT_FALSE(matcher.accept(kTestEnd));
  ASSERT_TRUE(matcher.accept_text("a"));
  EXPECT_TRUE(matcher.is_complete());
  EXPECT_FALSE(matcher.must_stop());
  EXPECT_TRUE(is_allowed(matcher, kTestEnd));
  GrammarMatcher other(matcher);
  ASSERT_TRUE(matcher.accept_text("b"));
  EXPECT_TRUE(matcher.must_stop());
  EXPECT_EQ(allowed(matcher), std::vector<TokenId>{kTestEnd});
  ASSERT_TRUE(matcher.accept(kTestEnd));
  EXPECT_TRUE(allowed(matcher).empty());
  EXPECT_FALSE(matcher.accept(kTestEnd));
  EXPECT_FALSE(other.accept_text("a"));  // a refusal leaves it where it was
  EXPECT_TRUE(other.accept_text("b"));
}

TEST(GrammarMatcher, TheEmptyAnswerMayBeAllowed) {
  GrammarMatcher matcher(compile(Structure::regex("a*")));
  EXPECT_TRUE(matcher.is_complete());
  GrammarMatcher only(compile(Structure::literal("")));
  EXPECT_TRUE(only.is_complete());
  EXPECT_TRUE(only.must_stop());
  EXPECT_EQ(allowed(only), std::vector<TokenId>{kTestEnd});
}

TEST(GrammarMatcher, SpecialTokensAreTerminals) {
  const auto grammar =
      compile(Structure::sequence({Structure::special_token("<|tool|>"), Structure::literal("x")}));
  GrammarMatcher matcher(grammar);
  EXPECT_EQ(allowed(matcher), std::vector<TokenId>{kTestSpecial});
  EXPECT_FALSE(matcher.accept_text("<|tool|>"));  // its spelling is not the token
  ASSERT_TRUE(matcher.accept(kTestSpecial));
  EXPECT_EQ(matcher.forced_text(), "x");
  EXPECT_FALSE(matcher.accept(kTestSpecial));
  EXPECT_FALSE(matcher.accept(1));
  EXPECT_FALSE(matcher.accept(-1));
  EXPECT_FALSE(matcher.accept(1 << 20));
  expect_refused(Structure::special_token("<|none|>"), ErrorCode::kInvalidArgument, "", "<|none|>");
  expect_refused(Structure::special_token("</s>"), ErrorCode::kInvalidArgument, "", "</s>");
}

Structure call_of(std::string_view name) {
  return Structure::sequence(
      {Structure::literal("{\"name\": \"" + std::string(name) + "\", \"arguments\": "),
       Structure::json_schema(
           R"({"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"], "additionalProperties": false})"),
       Structure::literal("}")});
}

TEST(GrammarMatcher, TriggersStartStructure) {
  const Structure call = Structure::sequence({call_of("f"), Structure::literal("</tool_call>")});
  const auto grammar =
      compile(Structure::triggered({{Structure::literal("<tool_call>"), call, false}}));
  const std::string one = R"(<tool_call>{"name": "f", "arguments": {"x":1}}</tool_call>)";
  EXPECT_TRUE(takes(grammar, ""));
  EXPECT_TRUE(takes(grammar, "just text, <tool_ and \xFF bytes {"));
  EXPECT_TRUE(takes(grammar, "so: " + one));
  EXPECT_TRUE(takes(grammar, one + " and " + one + one + "."));
  EXPECT_TRUE(takes(grammar, "<<tool_call" + one));
  EXPECT_FALSE(takes(grammar, "<tool_call>"));
  EXPECT_FALSE(takes(grammar, "<tool_call> {"));
  EXPECT_FALSE(takes(grammar, one + "<tool_call>x"));
  GrammarMatcher matcher(grammar);
  ASSERT_TRUE(matcher.accept_text("<tool_call>"));
  EXPECT_EQ(matcher.forced_text(), R"({"name": "f", "arguments": {)");
}

TEST(GrammarMatcher, TriggersMayBeCountedAndBoundToTheStart) {
  const auto once =
      compile(Structure::triggered({{Structure::literal("!"), Structure::literal("a"), false}}, 1));
  EXPECT_TRUE(takes(once, "x!ay"));
  EXPECT_FALSE(takes(once, "!a!a"));
  const auto never =
      compile(Structure::triggered({{Structure::literal("!"), Structure::literal("a"), false}}, 0));
  EXPECT_TRUE(takes(never, "xy"));
  EXPECT_FALSE(takes(never, "!a"));
  const auto start = compile(
      Structure::triggered({{Structure::literal("{\"name\": "), Structure::literal("1}"), true}}));
  EXPECT_TRUE(takes(start, " \n{\"name\": 1}"));
  EXPECT_FALSE(takes(start, "{\"name\": 2"));
  EXPECT_TRUE(takes(start, "see {\"name\": 2"));
  EXPECT_TRUE(takes(start, "{\"nam: 2"));
  const auto special = compile(Structure::triggered(
      {{Structure::special_token("<|tool|>"), Structure::literal("a"), false}}));
  GrammarMatcher matcher(special);
  ASSERT_TRUE(matcher.accept_text("hi"));
  ASSERT_TRUE(matcher.accept(kTestSpecial));
  EXPECT_FALSE(matcher.is_complete());
  EXPECT_FALSE(matcher.accept_text("b"));
  EXPECT_TRUE(matcher.accept_text("ab"));
  expect_refused(Structure::triggered({{Structure::literal(""), Structure::literal("a"), false}}),
                 ErrorCode::kInvalidArgument, "", "trigger");
  expect_refused(
      Structure::triggered({{Structure::literal("!"), Structure::literal("a"), false}}, 17),
      ErrorCode::kLimit, "", "17");
}

TEST(GrammarMatcher, DeepNestingEndsInTime) {
  const auto grammar =
      compile(Structure::json_schema(R"({"type": "array", "items": {"$ref": "#"}})"));
  GrammarMatcher matcher(grammar);
  int depth = 0;
  while (depth < 1000 && matcher.accept_text("[")) ++depth;
  EXPECT_GT(depth, 100);
  EXPECT_LT(depth, 1000);
  for (int i = 0; i < depth; ++i) {
    ASSERT_FALSE(allowed(matcher).empty()) << i;
    ASSERT_TRUE(matcher.accept_text("]")) << i;
  }
  EXPECT_TRUE(matcher.is_complete());
}

// Whatever is asked for, the answer comes about in time: a grammar or an Error.
TEST(GrammarLimits, HostileGrammarsAreBounded) {
  std::string deep = "{}";
  for (int i = 0; i < 90; ++i) deep = R"({"type":"array","items":)" + deep + "}";
  std::string choices = R"({"allOf":[)";
  for (int i = 0; i < 30; ++i)
    choices += std::string(i > 0 ? "," : "") +
               R"({"anyOf":[{"minLength":1},{"maxLength":9},{"pattern":"x"}]})";
  choices += "]}";
  std::string values = R"({"enum":[)";
  for (int i = 0; i < 50000; ++i)
    values += (i > 0 ? ",\"" : "\"") + std::to_string(i * 7919) + "\"";
  values += "]}";
  std::string optional = R"({"type":"object","additionalProperties":false,"properties":{)";
  for (int i = 0; i < 1000; ++i)
    optional += (i > 0 ? ",\"p" : "\"p") + std::to_string(i) + R"(":{"type":"integer"})";
  optional += "}}";
  std::string chain = "root ::= a0\n";
  for (int i = 0; i < 20000; ++i)
    chain += "a" + std::to_string(i) + " ::= \"x\" a" + std::to_string(i + 1) + " \"y\"\n";
  chain += "a20000 ::= \"z\"\n";
  const std::vector<Structure> hostile = {
      Structure::json_schema(deep),
      Structure::json_schema(choices),
      Structure::json_schema(values),
      Structure::json_schema(optional),
      Structure::gbnf(chain),
      Structure::json_schema(R"({"type":"string","pattern":"^(a|b)*a(a|b){18}$"})"),
      Structure::json_schema(R"({"type":"string","pattern":"^((a{0,100}){0,100}){0,100}$"})"),
      Structure::json_schema(
          R"({"type":"array","items":{"type":"array","maxItems":1000000},"minItems":1000000,"maxItems":1000000})"),
      Structure::regex("(.{1,1000}){1,1000}x"),
      Structure::regex("(a|aa|aaa){1,1000000}b"),
      Structure::regex("(a*)*(a*)*(a*)*b"),
      Structure::regex(std::string(1000, '(')),
      Structure::gbnf("root ::= root \"a\" | \"b\""),
      Structure::gbnf("root ::= a root | \"b\"\na ::= \"\""),
      Structure::gbnf("root ::= \"(\" root root root root \")\" | \"\""),
      Structure::gbnf("root ::= a a a a a a a a\na ::= b b b b b b b b\nb ::= c c c c c c c c\nc "
                      "::= d d d d d d d d\nd ::= e e e e e e e e\ne ::= \"x\" | \"x\" e"),
      Structure::json_schema(
          R"({"$defs":{"t":{"type":"object","properties":{"a":{"anyOf":[{"$ref":"#/$defs/t"},{"$ref":"#/$defs/u"}]}}},"u":{"type":"object","properties":{"a":{"anyOf":[{"$ref":"#/$defs/u"},{"$ref":"#/$defs/t"}]}}}},"anyOf":[{"$ref":"#/$defs/t"},{"$ref":"#/$defs/u"}]})"),
  };
  for (const Structure& structure : hostile) {
    const CpuTimer timer;
    CompileLimits limits;
    limits.seconds = 0.25;
    const auto grammar = compile_grammar(structure, test_vocabulary(), "test", limits);
    EXPECT_LT(timer.elapsed().count(), 1500) << structure.text.substr(0, 100);
    if (!grammar) continue;
    GrammarMatcher matcher(*grammar);
    for (int step = 0; step < 12 && !matcher.must_stop(); ++step) {
      const CpuTimer step_timer;
      const auto tokens = allowed(matcher);
      ASSERT_FALSE(tokens.empty()) << structure.text.substr(0, 100);
      const TokenId next = tokens[static_cast<std::size_t>(step * 31) % tokens.size()];
      if (matcher.vocabulary().is_end(next)) break;
      ASSERT_TRUE(matcher.accept(next)) << structure.text.substr(0, 100);
      ASSERT_LT(step_timer.elapsed().count(), 1500) << structure.text.substr(0, 100);
    }
  }
}

}  // namespace
}  // namespace ondol::text
