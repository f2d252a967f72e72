// The real SmolLM2-135M-Instruct, a GGUF file in Q4_1, against transformers with
// the same decoded weights.
#include <gtest/gtest.h>

#include <cstdlib>

#include "model/test_models.h"

namespace ondol::model {
namespace {

std::string smollm2_path() {
  const char* folder = std::getenv("ONDOL_TEST_DATA");
  return std::string(folder != nullptr ? folder : ".cache/test-data") + "/smollm2.gguf";
}

class SmolLm2Test : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(std::filesystem::exists(smollm2_path()))
        << smollm2_path() << " is missing: run ./dev test";
  }
};

TEST_F(SmolLm2Test, LogitsOfTransformers) {
  constexpr std::int64_t kTokens = 32;
  constexpr std::size_t kStride = 96;
  Runner runner;
  ONDOL_ASSERT_OK(runner.load(smollm2_path()));
  const auto tokens = golden_tokens(runner.model().info().n_vocab, kTokens);
  const std::vector<float> logits = runner.run(tokens);
  std::vector<float> some;
  for (std::size_t i = 0; i < logits.size(); i += kStride) some.push_back(logits[i]);
  const auto expected = read_npy(std::string(kGoldenFolder) + "smollm2_logits.npy");
  EXPECT_LE(relative_error(some, expected), 1e-4);
}

TEST_F(SmolLm2Test, PlanIsWhatLoadTakes) {
  Runner runner;
  LoadOptions options;
  std::uint64_t last_done = 0;
  std::uint64_t last_total = 1;
  options.progress = [&](std::uint64_t done, std::uint64_t total) {
    EXPECT_GT(done, last_done);
    last_done = done;
    last_total = total;
  };
  ONDOL_ASSERT_OK(runner.load(smollm2_path(), options));
  EXPECT_EQ(last_done, last_total);
  const auto planned = plan(runner.file(), options);
  ONDOL_ASSERT_OK(planned);
  EXPECT_EQ(planned->weight_bytes, runner.model().weight_bytes());
  EXPECT_EQ(planned->workspace_bytes, runner.model().workspace_bytes());
  EXPECT_EQ(planned->info.family, "llama");
  EXPECT_EQ(planned->info.n_parameters, 134515008U);  // 135M, tied embeddings counted once
  EXPECT_EQ(planned->info.kv_bytes_per_token(DType::kF16), 30U * 2 * 3 * 64 * 2);
  EXPECT_EQ(planned->info.kv_bytes_per_token(DType::kQ8_0), 30U * 2 * 3 * 2 * 34);
  // Tied: a token reads the whole table as the output head.
  const WeightCounts counts = runner.model().weight_counts();
  EXPECT_EQ(counts.head_elements, 49152U * 576);
  EXPECT_EQ(counts.layer_elements, 30U * (2 * 576 * 576 + 2 * 192 * 576 + 3 * 1536 * 576));
  const double stored = static_cast<double>(counts.bytes_per_token());
  EXPECT_NEAR(stored, static_cast<double>(runner.model().weight_bytes()), 0.01 * stored);
}

}  // namespace
}  // namespace ondol::model
