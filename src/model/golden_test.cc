// Each golden model from its Hugging Face folder, against transformers' logits:
// whole, in pieces, and in a batch with others.
#include <gtest/gtest.h>

#include "model/test_models.h"

namespace ondol::model {
namespace {

constexpr double kTolerance = 1e-4;

class GoldenTest : public testing::TestWithParam<std::string_view> {
 protected:
  void SetUp() override {
    ONDOL_ASSERT_OK(runner_.load(std::string(kGoldenFolder) + std::string(GetParam())));
    expected_ = golden_logits(GetParam());
    tokens_ = golden_tokens(runner_.model().info().n_vocab);
  }

  Runner runner_;
  std::vector<std::int32_t> tokens_;
  std::vector<float> expected_;  // [64, n_vocab]
};

TEST_P(GoldenTest, LogitsOfTransformers) {
  EXPECT_LE(relative_error(runner_.run(tokens_), expected_), kTolerance);
}

TEST_P(GoldenTest, InPieces) {
  const std::vector<std::size_t> two = {13};
  EXPECT_LE(relative_error(runner_.run(tokens_, two), expected_), kTolerance);
  const std::vector<std::size_t> ones(tokens_.size(), 1);
  EXPECT_LE(relative_error(runner_.run(tokens_, ones), expected_), kTolerance);
}

TEST_P(GoldenTest, PiecesAreTheSameToTheBit) {
  const std::vector<std::size_t> ones(tokens_.size(), 1);
  EXPECT_EQ(runner_.run(tokens_), runner_.run(tokens_, ones));
}

// Three sequences with pages that lie scattered and mixed: the golden one from
// its 20th token on, another of 5 tokens, and one that has just begun.
TEST_P(GoldenTest, InABatchWithOthers) {
  constexpr std::size_t kFirst = 20;
  const std::vector<std::int32_t> pages = {17, 3, 30, 8, 21, 0, 12, 5};
  const std::vector<std::int32_t> other_pages = {4, 29};
  const std::vector<std::int32_t> third_pages = {13};
  const std::span<const std::int32_t> tokens = tokens_;
  const Runner::Part alone = {tokens.first(kFirst), 0, pages};
  runner_.step(std::span(&alone, 1));

  const std::vector<std::int32_t> other(tokens_.rbegin(), tokens_.rbegin() + 5);
  const Runner::Part parts[] = {{other, 0, other_pages},
                                {tokens.subspan(kFirst), kFirst, pages},
                                {tokens.first(3), 0, third_pages}};
  const std::vector<float> logits = runner_.step(parts);
  const auto n_vocab = static_cast<std::size_t>(runner_.model().info().n_vocab);
  const std::size_t n_rows = tokens_.size() - kFirst;
  const auto rows = [&](std::span<const float> all, std::size_t first, std::size_t n) {
    return all.subspan(first * n_vocab, n * n_vocab);
  };
  EXPECT_LE(relative_error(rows(logits, other.size(), n_rows), rows(expected_, kFirst, n_rows)),
            kTolerance);
  EXPECT_LE(relative_error(rows(logits, other.size() + n_rows, 3), rows(expected_, 0, 3)),
            kTolerance);
}

TEST_P(GoldenTest, RowsAskedForOnly) {
  std::vector<std::int32_t> positions(tokens_.size());
  std::iota(positions.begin(), positions.end(), 0);
  const std::vector<std::int32_t> pages = {0, 1, 2, 3, 4, 5, 6, 7};
  const device::AttentionSequence sequence = {0, static_cast<std::int32_t>(tokens_.size()), 0,
                                              pages};
  const std::vector<std::int32_t> rows = {63, 5};
  auto cache = runner_.device().make_kv_cache(
      {runner_.model().info().n_layers, 8, Runner::kPageTokens, runner_.model().info().n_kv_heads,
       runner_.model().info().d_head, DType::kF32});
  ONDOL_ASSERT_OK(cache);
  const auto logits = runner_.model().forward(
      {tokens_, positions, positions, std::span(&sequence, 1), rows}, **cache);
  const auto n_vocab = static_cast<std::size_t>(runner_.model().info().n_vocab);
  ASSERT_EQ(logits.size(), 2 * n_vocab);
  const std::span<const float> expected = expected_;
  EXPECT_LE(relative_error(logits.first(n_vocab), expected.last(n_vocab)), kTolerance);
  EXPECT_LE(relative_error(logits.last(n_vocab), expected.subspan(5 * n_vocab, n_vocab)),
            kTolerance);
  EXPECT_TRUE(runner_.model()
                  .forward({tokens_, positions, positions, std::span(&sequence, 1), {}}, **cache)
                  .empty());

  // Afterwards, in another order; hidden states are what the head is multiplied with.
  const std::vector<std::int32_t> later = {5, 63, 5};
  const auto more = runner_.model().logits_of(later);
  ASSERT_EQ(more.size(), 3 * n_vocab);
  EXPECT_LE(relative_error(more.first(n_vocab), expected.subspan(5 * n_vocab, n_vocab)),
            kTolerance);
  EXPECT_LE(relative_error(more.subspan(n_vocab, n_vocab), expected.last(n_vocab)), kTolerance);
  const auto hidden = runner_.model().hidden_of(later);
  const auto d_model = static_cast<std::size_t>(runner_.model().info().d_model);
  ASSERT_EQ(hidden.size(), 3 * d_model);
  EXPECT_EQ(relative_error(hidden.first(d_model), hidden.last(d_model)), 0);
  EXPECT_GT(relative_error(hidden.first(d_model), hidden.subspan(d_model, d_model)), 0.1);
}

// Between the layers of one forward others run, of other sequences, and neither notices.
TEST_P(GoldenTest, ForwardsWithinAForward) {
  constexpr std::int32_t kPages = 8;
  const auto n_tokens = static_cast<std::int32_t>(tokens_.size());
  std::vector<std::int32_t> positions(tokens_.size());
  std::iota(positions.begin(), positions.end(), 0);
  std::vector<std::int32_t> pages(2 * kPages);
  std::iota(pages.begin(), pages.end(), 0);
  const device::AttentionSequence outer = {0, n_tokens, 0, std::span(pages).first(kPages)};
  const device::AttentionSequence inner = {0, n_tokens / 2, 0, std::span(pages).last(kPages)};
  const std::size_t n_inner = tokens_.size() / 2;
  std::vector<std::int32_t> inner_slots(n_inner);
  std::iota(inner_slots.begin(), inner_slots.end(), kPages * Runner::kPageTokens);
  const std::vector<std::int32_t> last = {n_tokens - 1};
  const std::vector<std::int32_t> inner_last = {n_tokens / 2 - 1};
  model::Model& model = runner_.model();
  auto cache =
      runner_.device().make_kv_cache({model.info().n_layers, 2 * kPages, Runner::kPageTokens,
                                      model.info().n_kv_heads, model.info().d_head, DType::kF32});
  ONDOL_ASSERT_OK(cache);
  const std::span<const float> expected = expected_;
  const auto n_vocab = static_cast<std::size_t>(model.info().n_vocab);
  int n_turns = 0;
  const BetweenLayers turn = [&] {
    ++n_turns;
    const auto logits =
        model.forward({std::span(tokens_).first(n_inner), std::span(positions).first(n_inner),
                       inner_slots, std::span(&inner, 1), inner_last},
                      **cache);
    EXPECT_LE(relative_error(logits, expected.subspan((n_inner - 1) * n_vocab, n_vocab)),
              kTolerance);
    return true;
  };
  const Batch batch = {tokens_, positions, positions, std::span(&outer, 1), last, &turn};
  EXPECT_LE(relative_error(model.forward(batch, **cache), expected.last(n_vocab)), kTolerance);
  EXPECT_EQ(n_turns, model.info().n_layers);

  const BetweenLayers give_up = [&] { return --n_turns > 0; };
  n_turns = static_cast<int>(model.info().n_layers);
  EXPECT_TRUE(
      model.forward({tokens_, positions, positions, std::span(&outer, 1), last, &give_up}, **cache)
          .empty());
  EXPECT_EQ(n_turns, 0);
  EXPECT_LE(relative_error(
                model.forward({tokens_, positions, positions, std::span(&outer, 1), last}, **cache),
                expected.last(n_vocab)),
            kTolerance);
}

INSTANTIATE_TEST_SUITE_P(Models, GoldenTest, testing::ValuesIn(kGoldenNames),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace ondol::model
