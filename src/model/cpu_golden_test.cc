// The golden models on the cpu device: the same numbers, within what another
// order of additions makes of f32.
#include <gtest/gtest.h>

#include "model/test_models.h"

namespace ondol::model {
namespace {

class CpuGoldenTest : public testing::TestWithParam<std::string_view> {};

TEST_P(CpuGoldenTest, LogitsOfTransformers) {
  Runner runner("cpu");
  ONDOL_ASSERT_OK(runner.load(std::string(kGoldenFolder) + std::string(GetParam())));
  const auto tokens = golden_tokens(runner.model().info().n_vocab);
  const auto expected = golden_logits(GetParam());
  EXPECT_LE(relative_error(runner.run(tokens), expected), 2e-4);
  const std::vector<std::size_t> pieces = {13, 1, 1, 7};
  EXPECT_LE(relative_error(runner.run(tokens, pieces), expected), 2e-4);
}

INSTANTIATE_TEST_SUITE_P(Models, CpuGoldenTest, testing::ValuesIn(kGoldenNames),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace ondol::model
