#include "engine/lockstep.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/testing/fake_model.h"

namespace ondol::engine {
namespace {

/// Rows of tokens that differ by sequence. [n_sequences, n]
std::vector<std::int32_t> tokens_of(std::int64_t n_sequences, std::int64_t n, std::int32_t seed) {
  std::vector<std::int32_t> out;
  for (std::int64_t i = 0; i < n_sequences * n; ++i) {
    out.push_back(static_cast<std::int32_t>((seed + 7 * i) % kFakeVocab));
    if (out.back() == kFakePoison) out.back() = 1;
  }
  return out;
}

class LockstepTest : public testing::Test {
 protected:
  std::unique_ptr<Lockstep> make(std::int64_t n_sequences, std::int64_t n_context) {
    auto made = Lockstep::create(model_, device_, {n_sequences, n_context, 20, DType::kF16});
    EXPECT_TRUE(made) << made.error().message();
    return *std::move(made);
  }

  FakeModel model_{/*max_context=*/200, /*max_batch_tokens=*/20};
  FakeDevice device_;
};

TEST_F(LockstepTest, EverySequenceSeesItsOwnTokens) {
  constexpr std::int64_t kSequences = 3;
  const auto run = make(kSequences, 100);
  std::vector<std::vector<std::int32_t>> histories(kSequences);
  for (const std::int64_t n : {50, 1, 1, 7}) {  // 50 takes nine passes
    const auto tokens = tokens_of(kSequences, n, static_cast<std::int32_t>(run->length()));
    const auto logits = run->append(tokens, true);
    ASSERT_TRUE(logits) << logits.error().message();
    for (std::size_t s = 0; s < kSequences; ++s) {
      const auto row =
          std::span(tokens).subspan(s * static_cast<std::size_t>(n), static_cast<std::size_t>(n));
      histories[s].insert(histories[s].end(), row.begin(), row.end());
      const std::vector<float> expected = fake_logits(histories[s]);
      EXPECT_TRUE(std::ranges::equal(logits->subspan(s * kFakeVocab, kFakeVocab), expected));
    }
  }
  EXPECT_EQ(run->length(), 59);
}

TEST_F(LockstepTest, TruncateForgets) {
  const auto run = make(2, 100);
  const auto context = tokens_of(2, 40, 3);
  ASSERT_TRUE(run->append(context, false));
  const auto first = run->append(tokens_of(2, 5, 1), true);
  ASSERT_TRUE(first);
  const std::vector<float> before(first->begin(), first->end());
  run->truncate(40);
  ASSERT_TRUE(run->append(tokens_of(2, 30, 60), false));
  run->truncate(40);
  const auto again = run->append(tokens_of(2, 5, 1), true);
  ASSERT_TRUE(again);
  EXPECT_TRUE(std::ranges::equal(*again, before));
}

TEST_F(LockstepTest, PassesAreWhatIsRun) {
  int n_passes = 0;
  FakeModel model(200, 20, [&] { ++n_passes; });
  auto run = Lockstep::create(model, device_, {3, 100, 20, DType::kF16});
  ASSERT_TRUE(run);
  const auto planned = (*run)->passes(50, true);  // six tokens a sequence and pass
  ASSERT_TRUE((*run)->append(tokens_of(3, 50, 1), true));
  EXPECT_EQ(std::ssize(planned), n_passes);
  EXPECT_EQ(n_passes, 9);
  EXPECT_EQ(planned.front().n_new, 6);
  EXPECT_EQ(planned.front().n_logit_rows, 0);
  EXPECT_EQ(planned.back().n_past, 48);
  EXPECT_EQ(planned.back().n_new, 2);
  EXPECT_EQ(planned.back().n_logit_rows, 3);
}

TEST_F(LockstepTest, RefusesWhatDoesNotFit) {
  const auto code = [&](const LockstepOptions& options) {
    const auto made = Lockstep::create(model_, device_, options);
    return made ? ErrorCode::kInternal : made.error().code;
  };
  EXPECT_EQ(code({0, 100, 20, DType::kF16}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code({21, 100, 20, DType::kF16}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code({4, 201, 20, DType::kF16}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code({4, 0, 20, DType::kF16}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code({4, 100, 3, DType::kF16}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code({4, 100, 21, DType::kF16}), ErrorCode::kInvalidArgument);

  const auto run = make(2, 10);
  EXPECT_EQ(run->append(tokens_of(1, 3, 1), true).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(run->append(tokens_of(2, 11, 1), true).error().code, ErrorCode::kLimit);
  EXPECT_EQ(run->append(std::vector<std::int32_t>{0, kFakeVocab}, true).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(run->append(std::vector<std::int32_t>{0, -1}, true).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(run->append(tokens_of(2, 3, 1), true, [] { return false; }).error().code,
            ErrorCode::kCancelled);
  EXPECT_EQ(run->length(), 0);
}

}  // namespace
}  // namespace ondol::engine
