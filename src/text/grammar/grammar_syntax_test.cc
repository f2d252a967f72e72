// Regular expressions and GBNF: what each construct matches and what is refused.
#include <string>

#include "text/grammar/test_grammar.h"

namespace ondol::text {
namespace {

void expect_regex_refused(const std::string& pattern, ErrorCode code, std::string_view word) {
  expect_refused(Structure::regex(pattern), code, "", word);
}

TEST(GrammarRegex, MatchesTheWhole) {
  expect_language(Structure::regex("a|bc"), {"a", "bc"}, {"", "b", "abc", "xa"});
  expect_language(Structure::regex("^(?:a|b)+?$"), {"a", "abab"}, {"", "c"});
  expect_language(Structure::regex("[a-cx]{2,3}"), {"ab", "xxx"}, {"a", "abcx", "dd"});
  expect_language(Structure::regex("[^a]"), {"b", "é", "\n", "😀"}, {"a", "bb", "\xC3"});
  expect_language(Structure::regex("."), {"b", "日"}, {"\n", "\r"});
  expect_language(Structure::regex("\\d\\w\\s\\.\\/\\-\\x41\\u0042\\u{1F600}\\t"), {"1_ ./-AB😀\t"},
                  {"a_ ./-AB😀\t"});
  expect_language(Structure::regex("\\p{Lu}\\P{L}\\p{L}"), {"É1é", "Z-z"}, {"aaa"});
  expect_language(Structure::regex("[\\d\\-\\]]+"), {"1-]"}, {"a"});
  expect_language(Structure::regex("a{2}b{0,}c{1,}d?"), {"aac", "aabbccd"}, {"aacdd", "aab", "ac"});
  expect_language(Structure::regex("(?<year>\\d{4})-(?P<m>\\d\\d)"), {"2024-01"}, {"2024-1"});
  expect_language(Structure::regex("x{,3}"), {"x{,3}"}, {"xxx"});
  expect_language(Structure::regex("a{3000}"), {std::string(3000, 'a')},
                  {std::string(2999, 'a'), std::string(3001, 'a')});
}

TEST(GrammarRegex, RefusesByName) {
  expect_regex_refused("a(?!b)", ErrorCode::kUnsupported, "look-ahead");
  expect_regex_refused("(?<=b)a", ErrorCode::kUnsupported, "look-behind");
  expect_regex_refused("(a)\\1", ErrorCode::kUnsupported, "backreference");
  expect_regex_refused("\\bx", ErrorCode::kUnsupported, "word boundary");
  expect_regex_refused("(?i)x", ErrorCode::kUnsupported, "inline flag");
  expect_regex_refused("(?>x)", ErrorCode::kUnsupported, "atomic");
  expect_regex_refused("a++", ErrorCode::kUnsupported, "possessive");
  expect_regex_refused("[[:alpha:]]", ErrorCode::kUnsupported, "POSIX");
  expect_regex_refused("a^b", ErrorCode::kUnsupported, "'^'");
  expect_regex_refused("a$b", ErrorCode::kUnsupported, "'$'");
  expect_regex_refused("\\p{Greek}", ErrorCode::kUnsupported, "Greek");
  expect_regex_refused("a**", ErrorCode::kInvalidArgument, "nothing to repeat");
  expect_regex_refused("*a", ErrorCode::kInvalidArgument, "nothing to repeat");
  expect_regex_refused("(a", ErrorCode::kInvalidArgument, "(");
  expect_regex_refused("a)", ErrorCode::kInvalidArgument, ")");
  expect_regex_refused("[a", ErrorCode::kInvalidArgument, "[");
  expect_regex_refused("[b-a]", ErrorCode::kInvalidArgument, "wrong way");
  expect_regex_refused("a{3,2}", ErrorCode::kInvalidArgument, "wrong way");
  expect_regex_refused("\\", ErrorCode::kInvalidArgument, "backslash");
  expect_regex_refused("\\uD800", ErrorCode::kInvalidArgument, "no character");
  expect_regex_refused("a{99999999999}", ErrorCode::kLimit, "too large");
  expect_regex_refused("\xFF", ErrorCode::kInvalidArgument, "UTF-8");
}

TEST(GrammarGbnf, Constructs) {
  expect_language(
      Structure::gbnf(
          "# a list\nroot ::= item (\",\" item)*\nitem ::= [a-z]+ | \"\\x41\\n\\u00e9\""),
      {"a", "ab,c", "A\né,x"}, {"", "a,", "A"});
  expect_language(Structure::gbnf("root ::= \"a\"{2} \"b\"{1,} \"c\"{0,2} .?\n"),
                  {"aab", "aabbcc!", "aabé"}, {"ab", "aabccc!!"});
  expect_language(Structure::gbnf("root ::= [^\\n\\]-] | (\n  \"x\"\n  | \"yy\"\n)"),
                  {"a", "x", "yy"}, {"\n", "]", "-", "y y"});
  expect_language(Structure::gbnf("root ::= \"a\"\n  | \"b\"\n"), {"a", "b"}, {"ab"});
  expect_language(
      Structure::gbnf(
          "root ::= expr\nexpr ::= term (\"+\" term)*\nterm ::= [0-9] | \"(\" expr \")\""),
      {"1", "(1+2)+3"}, {"(1", "1+"});
  expect_language(Structure::gbnf("root ::= \"a\" ws \"b\"\nws ::= | \" \" ws"), {"ab", "a   b"},
                  {"a\tb"});
  expect_language(Structure::gbnf("root ::= x x\nx ::= \"\" | \"a\""), {"", "a", "aa"}, {"aaa"});
}

TEST(GrammarGbnf, Errors) {
  expect_refused(Structure::gbnf("root ::= a"), ErrorCode::kInvalidArgument, "line 1",
                 "not defined");
  expect_refused(Structure::gbnf("x ::= \"a\""), ErrorCode::kInvalidArgument, "", "root");
  expect_refused(Structure::gbnf("root ::= \"a\"\nroot ::= \"b\""), ErrorCode::kInvalidArgument,
                 "line 2", "twice");
  expect_refused(Structure::gbnf("root ::= \"a"), ErrorCode::kInvalidArgument, "line 1", "no end");
  expect_refused(Structure::gbnf("root ::= (\"a\""), ErrorCode::kInvalidArgument, "line 1", "')'");
  expect_refused(Structure::gbnf("root = \"a\""), ErrorCode::kInvalidArgument, "line 1", "::=");
  expect_refused(Structure::gbnf("root ::= [z-a]"), ErrorCode::kInvalidArgument, "line 1",
                 "wrong way");
  expect_refused(Structure::gbnf("root ::= \"\\q\""), ErrorCode::kInvalidArgument, "line 1",
                 "escape");
  expect_refused(Structure::gbnf("root ::= <|none|>"), ErrorCode::kInvalidArgument, "line 1",
                 "special token");
  expect_refused(Structure::gbnf("root ::= !<|tool|>"), ErrorCode::kUnsupported, "line 1", "!");
  expect_refused(Structure::gbnf("root ::= root \"a\" | \"b\""), ErrorCode::kUnsupported, "",
                 "left recursion");
  expect_refused(Structure::gbnf("root ::= \"a\" root"), ErrorCode::kInvalidArgument, "",
                 "no finite answer");
}

TEST(GrammarGbnf, SpecialTokens) {
  GrammarMatcher matcher(compile(Structure::gbnf("root ::= <|tool|> \"x\" <[3]>")));
  EXPECT_TRUE(matcher.accept(kTestSpecial));
  EXPECT_TRUE(matcher.accept_text("x"));
  EXPECT_TRUE(matcher.accept(kTestSpecial));
  EXPECT_TRUE(matcher.must_stop());
}

TEST(GrammarStructure, Composition) {
  const Structure word = Structure::regex("[a-z]+");
  expect_language(Structure::repeat(Structure::sequence({word, Structure::literal(";")}), 1, 2),
                  {"a;", "a;bc;"}, {"", "a", "a;b;c;"});
  expect_language(Structure::alternatives({word, Structure::json_object()}), {"abc", "{}"},
                  {"1", ""});
  expect_language(Structure::sequence({Structure::free_text(), Structure::literal("!")}),
                  {"!", "what!!"}, {"what"});
  expect_refused(Structure::alternatives({}), ErrorCode::kInvalidArgument, "", "alternatives");
  expect_refused(Structure::repeat(word, 2, 1), ErrorCode::kInvalidArgument, "", "bounds");
  Structure deep = word;
  for (int i = 0; i < 40; ++i) deep = Structure::sequence({deep});
  expect_refused(deep, ErrorCode::kLimit, "", "nests");
  expect_refused(Structure::literal(std::string(2 << 20, 'a')), ErrorCode::kLimit, "", "too long");
}

}  // namespace
}  // namespace ondol::text
