#include "text/grammar/grammar_cache.h"

#include <string>
#include <thread>
#include <vector>

#include "text/grammar/grammar_impl.h"
#include "text/grammar/test_grammar.h"

namespace ondol::text {
namespace {

std::shared_ptr<const Grammar> some_grammar() { return compile(Structure::regex("a|b")); }

TEST(GrammarCache, FindsWhatWasKept) {
  GrammarCache cache;
  EXPECT_EQ(cache.find("a"), nullptr);
  const auto grammar = some_grammar();
  cache.keep("a", grammar);
  EXPECT_EQ(cache.find("a"), grammar);
  EXPECT_EQ(cache.find("b"), nullptr);
  cache.keep("a", some_grammar());  // the first stays
  EXPECT_EQ(cache.find("a"), grammar);
}

TEST(GrammarCache, TheLeastRecentlyUsedLeavesFirst) {
  GrammarCache cache({.n_grammars = 2});
  cache.keep("a", some_grammar());
  cache.keep("b", some_grammar());
  EXPECT_NE(cache.find("a"), nullptr);
  cache.keep("c", some_grammar());
  EXPECT_NE(cache.find("a"), nullptr);
  EXPECT_EQ(cache.find("b"), nullptr);
  EXPECT_NE(cache.find("c"), nullptr);
}

TEST(GrammarCache, KeepsToItsBytes) {
  const auto grammar = some_grammar();
  const std::size_t each = grammar->memory_bytes() + 1;
  GrammarCache cache({.bytes = 2 * each});
  for (const char* key : {"a", "b", "c"}) cache.keep(key, grammar);
  EXPECT_EQ(cache.find("a"), nullptr);
  EXPECT_NE(cache.find("b"), nullptr);
  EXPECT_NE(cache.find("c"), nullptr);
  cache.keep(std::string(2 * each, 'x'), grammar);  // larger than all that may be kept
  EXPECT_EQ(cache.find(std::string(2 * each, 'x')), nullptr);
}

TEST(GrammarCache, MasksThatGrewAreCounted) {
  const auto grammar = compile(Structure::json_schema("{}"));
  ASSERT_NE(grammar, nullptr);
  const std::size_t before = grammar->memory_bytes();
  GrammarCache cache({.bytes = before + 1});
  cache.keep("a", grammar);
  EXPECT_NE(cache.find("a"), nullptr);
  GrammarMatcher matcher(grammar);
  std::vector<std::uint32_t> bits(matcher.vocabulary().n_mask_words());
  for (const char* text : {"{", "\"a\"", ":", "[1", ",", "{\"b\":", "\"c"}) {
    ASSERT_TRUE(matcher.accept_text(text)) << text;
    matcher.fill(bits);
  }
  EXPECT_GT(grammar->memory_bytes(), before);
  EXPECT_NE(cache.find("a"), nullptr);  // given once more, and let go
  EXPECT_EQ(cache.find("a"), nullptr);
}

TEST(GrammarCache, ManyThreads) {
  GrammarCache cache({.n_grammars = 3});
  const auto grammar = some_grammar();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        const std::string key = std::to_string(i % 7);
        if (cache.find(key) == nullptr) cache.keep(key, grammar);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  int n_kept = 0;
  for (int i = 0; i < 7; ++i) n_kept += cache.find(std::to_string(i)) != nullptr ? 1 : 0;
  EXPECT_EQ(n_kept, 3);
}

TEST(StructureKey, TellsStructuresApart) {
  const std::vector<Structure> all = {
      Structure::literal("a"),
      Structure::literal("b"),
      Structure::regex("a"),
      Structure::json_object(),
      Structure::sequence({Structure::literal("ab")}),
      Structure::sequence({Structure::literal("a"), Structure::literal("b")}),
      Structure::sequence(
          {Structure::sequence({Structure::literal("a")}), Structure::literal("b")}),
      Structure::alternatives({Structure::literal("a"), Structure::literal("b")}),
      Structure::repeat(Structure::literal("a"), 1, 2),
      Structure::repeat(Structure::literal("a"), 12, 2),
      Structure::repeat(Structure::literal("a"), 1, 22),
      Structure::triggered({{Structure::literal("a"), Structure::literal("b"), false}}),
      Structure::triggered({{Structure::literal("a"), Structure::literal("b"), true}}),
      Structure::triggered({{Structure::literal("a"), Structure::literal("b"), false}}, 3),
  };
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t j = 0; j < all.size(); ++j) {
      EXPECT_EQ(structure_key(all[i]) == structure_key(all[j]), i == j) << i << " and " << j;
    }
  }
}

}  // namespace
}  // namespace ondol::text
