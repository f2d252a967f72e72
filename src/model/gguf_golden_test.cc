// The golden models again, rewritten as GGUF files: the same logits.
#include <gtest/gtest.h>
#include <unistd.h>

#include "model/test_gguf.h"
#include "model/test_models.h"

namespace ondol::model {
namespace {

constexpr double kTolerance = 1e-4;

class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& name)
      : path_(std::filesystem::temp_directory_path() /
              ("ondol_" + std::to_string(getpid()) + "_" + name)) {}
  ~TemporaryFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

class GgufGoldenTest : public testing::TestWithParam<std::tuple<std::string_view, DType>> {};

TEST_P(GgufGoldenTest, LogitsOfTransformers) {
  const auto& [name, dtype] = GetParam();
  const std::string folder = std::string(kGoldenFolder) + std::string(name);
  const auto gguf = GoldenGguf::convert(folder, dtype);
  ONDOL_ASSERT_OK(gguf);
  const TemporaryFile file(std::string(name) + std::string(ondol::name(dtype)) + ".gguf");
  ONDOL_ASSERT_OK(gguf->write(file.path()));

  Runner runner;
  ONDOL_ASSERT_OK(runner.load(file.path()));
  EXPECT_EQ(runner.file().layout(), format::Layout::kGguf);
  const auto tokens = golden_tokens(runner.model().info().n_vocab);
  EXPECT_LE(relative_error(runner.run(tokens), golden_logits(name)), kTolerance);
}

// Those that GGUF can express: it has no multipliers for "llama" and no window
// for "qwen2". Golden weights are exact in f16 and bf16.
INSTANTIATE_TEST_SUITE_P(
    Models, GgufGoldenTest,
    testing::Combine(testing::Values("llama_grouped_untied_llama3", "llama_mha_tied_linear",
                                     "llama_biases_head_dim", "llama_groups_of_three",
                                     "mistral_window_bf16", "qwen2_plain_f16", "qwen3_tied",
                                     "qwen3_untied_yarn", "gemma3", "gemma3_caps_linear",
                                     "gemma3_conditional"),
                     testing::Values(DType::kF32, DType::kF16, DType::kBF16)),
    [](const auto& test) {
      return std::string(std::get<0>(test.param)) + "_" +
             std::string(ondol::name(std::get<1>(test.param)));
    });

}  // namespace
}  // namespace ondol::model
