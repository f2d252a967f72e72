#include "api/structured_output.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <thread>
#include <vector>

#include "api/compile_turns.h"
#include "api/testing/fake_source.h"
#include "text/grammar/grammar.h"

namespace ondol::api {
namespace {

using text::Structure;

// The only letters that an answer may begin with, of "abc".
std::string first_letters(const MakeMask& make, const ServedModel& model) {
  std::vector<float> logits(model.grammar_vocabulary->n_vocab(), 0.0F);
  make()->apply(logits);
  std::string out;
  for (const char letter : {'a', 'b', 'c'}) {
    const auto id = model.tokenizer->encode(std::string(1, letter))->back();
    if (std::isfinite(logits[static_cast<std::size_t>(id)])) out += letter;
  }
  return out;
}

TEST(StructuredOutput, AGrammarIsCompiledOnce) {
  const auto model = fake_served_model(small_engine());
  const StructuredOutput wanted{Structure::regex("a|b"), "regex"};
  const auto first = mask_of(wanted, *model);
  ASSERT_TRUE(first);
  EXPECT_EQ(first_letters(*first, *model), "ab");
  EXPECT_NE(model->grammars->find(text::structure_key(wanted.structure)), nullptr);

  // What is found is used, so another grammar under this name would be too.
  const StructuredOutput other{Structure::regex("b|c"), "regex"};
  auto planted = text::compile_grammar(Structure::regex("c"), model->grammar_vocabulary, "regex");
  ASSERT_TRUE(planted);
  model->grammars->keep(text::structure_key(other.structure), *planted);
  const auto second = mask_of(other, *model);
  ASSERT_TRUE(second);
  EXPECT_EQ(first_letters(*second, *model), "c");
}

TEST(StructuredOutput, AKnownGrammarNeedsNoTurn) {
  const auto model = fake_served_model(small_engine());
  const StructuredOutput known{Structure::regex("a"), "regex"};
  ASSERT_TRUE(mask_of(known, *model));
  std::vector<CompileTurn> held;
  for (int i = 0; i < kMaxCompiling; ++i) held.push_back(*CompileTurn::take());
  std::vector<std::jthread> waiting;
  std::atomic<int> n_refused = 0;
  for (int i = 0; i < kMaxWaitingToCompile + 1; ++i) {
    waiting.emplace_back([&] {
      if (!CompileTurn::take()) ++n_refused;
    });
  }
  while (n_refused == 0) std::this_thread::yield();  // all places are taken
  EXPECT_TRUE(mask_of(known, *model));
  const auto refused = mask_of({Structure::regex("b"), "regex"}, *model);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, 503);
  held.clear();
}

TEST(StructuredOutput, WhatIsRefusedIsNotKept) {
  const auto model = fake_served_model(small_engine());
  const StructuredOutput broken{Structure::regex("(a"), "regex"};
  for (int i = 0; i < 2; ++i) {
    const auto refused = mask_of(broken, *model);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().param, "regex");
    EXPECT_EQ(refused.error().status, 400);
  }
  EXPECT_EQ(model->grammars->find(text::structure_key(broken.structure)), nullptr);
}

}  // namespace
}  // namespace ondol::api
