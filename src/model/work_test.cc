#include "model/work.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace ondol::model {
namespace {

ModelInfo small_info() {
  ModelInfo info;
  info.n_layers = 3;
  info.n_heads = 4;
  info.n_kv_heads = 2;
  info.d_head = 8;
  return info;
}

constexpr WeightCounts kWeights = {1000, 300, 700, 200};

TEST(Work, OfADecodedToken) {
  const Work work = work_of(small_info(), kWeights, DType::kF16, {1, 9, 1, 1});
  EXPECT_EQ(work.matmul_ops, 2.0 * (1000 + 300));
  EXPECT_EQ(work.attention_ops, 3.0 * 4 * (4 * 8) * 10);  // it sees itself
  EXPECT_EQ(work.weight_bytes, 900);
  EXPECT_EQ(work.kv_bytes, 3.0 * 10 * (2 * 2 * 8 * 2));  // layers, tokens, k and v of f16
  EXPECT_EQ(work.ops(), work.matmul_ops + work.attention_ops);
  EXPECT_EQ(work.bytes(), work.weight_bytes + work.kv_bytes);
}

TEST(Work, SequencesShareTheWeightsOnly) {
  const Work one = work_of(small_info(), kWeights, DType::kQ8_0, {1, 31, 1, 1});
  const Work many = work_of(small_info(), kWeights, DType::kQ8_0, {16, 31, 1, 16});
  EXPECT_EQ(many.weight_bytes, one.weight_bytes);
  EXPECT_EQ(many.kv_bytes, 16 * one.kv_bytes);
  EXPECT_EQ(many.ops(), 16 * one.ops());
}

TEST(Work, OfAPromptIsThatOfItsTokens) {
  // Cut anywhere, a prompt has the operations of its tokens one by one.
  ModelInfo info = small_info();
  info.windows = {0, 5, 1};
  Work whole = work_of(info, kWeights, DType::kF32, {1, 0, 20, 1});
  Work pieces = work_of(info, kWeights, DType::kF32, {1, 0, 13, 0});
  pieces += work_of(info, kWeights, DType::kF32, {1, 13, 7, 1});
  Work tokens;
  double pairs = 0;
  for (std::int64_t i = 0; i < 20; ++i) {
    tokens += work_of(info, kWeights, DType::kF32, {1, i, 1, i == 19 ? 1 : 0});
    for (const std::int64_t window : {20, 5, 1}) {
      pairs += static_cast<double>(std::min(i + 1, window));
    }
  }
  EXPECT_EQ(tokens.attention_ops, 4.0 * 32 * pairs);
  EXPECT_EQ(whole.ops(), tokens.ops());
  EXPECT_EQ(pieces.ops(), tokens.ops());
  EXPECT_EQ(pieces.weight_bytes, 700.0 + 900);
}

TEST(Work, AWindowBoundsWhatIsRead) {
  ModelInfo info = small_info();
  info.windows = {0, 5, 1};
  const double row = 2 * 2 * 8 * 4;  // k and v of one layer, f32
  EXPECT_EQ(work_of(info, kWeights, DType::kF32, {1, 99, 1, 0}).kv_bytes, row * (100 + 5 + 1));
  EXPECT_EQ(work_of(info, kWeights, DType::kF32, {1, 96, 4, 0}).kv_bytes, row * (100 + 8 + 4));
  EXPECT_EQ(work_of(info, kWeights, DType::kF32, {1, 0, 2, 0}).kv_bytes, row * (2 + 2 + 2));
}

}  // namespace
}  // namespace ondol::model
