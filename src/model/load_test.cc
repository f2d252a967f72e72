// What load() and plan() refuse, and what quantize_to does. Files are golden
// models as GGUF with one thing wrong.
#include <gtest/gtest.h>
#include <unistd.h>

#include <limits>

#include "model/test_gguf.h"
#include "model/test_models.h"
#include "model/weight_loader.h"

namespace ondol::model {
namespace {

using format::GgufArray;

class LoadTest : public testing::Test {
 protected:
  void SetUp() override { use("llama_grouped_untied_llama3"); }
  void TearDown() override {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }

  void use(std::string_view golden) {
    auto made = GoldenGguf::convert(std::string(kGoldenFolder) + std::string(golden), DType::kF32);
    ONDOL_ASSERT_OK(made);
    gguf_ = std::make_unique<GoldenGguf>(*std::move(made));
  }

  Result<Plan> plan_it(const LoadOptions& options = {}) {
    ONDOL_TRY_VOID(gguf_->write(path_));
    ONDOL_TRY(const auto file, format::ModelFile::open(path_));
    return plan(*file, options);
  }

  /// The plan must fail with this code and a line that has all the pieces; load()
  /// must say the same.
  void expect_refused(ErrorCode code, std::initializer_list<std::string_view> pieces) {
    const auto planned = plan_it();
    ASSERT_FALSE(planned.has_value());
    EXPECT_EQ(planned.error().code, code);
    const std::string line = planned.error().message();
    for (const std::string_view piece : pieces) {
      EXPECT_NE(line.find(piece), std::string::npos) << piece << " is not in: " << line;
    }
    const auto loaded = Runner().load(path_);
    ASSERT_FALSE(loaded.has_value());
    EXPECT_EQ(loaded.error().message(), line);
  }

  std::filesystem::path path_ =
      std::filesystem::temp_directory_path() / ("ondol_load_" + std::to_string(getpid()) + ".gguf");
  std::unique_ptr<GoldenGguf> gguf_;
};

TEST_F(LoadTest, WholeFilePlans) {
  const auto planned = plan_it();
  ONDOL_ASSERT_OK(planned);
  EXPECT_EQ(planned->info.n_heads, 4);
  EXPECT_EQ(planned->info.n_kv_heads, 2);
  EXPECT_EQ(planned->info.d_head, 16);
  EXPECT_EQ(planned->weight_bytes, planned->info.n_parameters * sizeof(float));
}

TEST_F(LoadTest, UnknownArchitecture) {
  gguf_->values["general.architecture"] = std::string("solar");
  expect_refused(ErrorCode::kUnsupported, {"solar", "llama, qwen2, qwen3, gemma3"});
}

TEST_F(LoadTest, ImpossibleNumbers) {
  struct Case {
    std::string key;
    format::GgufValue value;
    ErrorCode code = ErrorCode::kInvalidFile;
  };
  const Case cases[] = {
      {"llama.block_count", std::uint32_t{0}},
      {"llama.block_count", std::uint32_t{1025}},
      {"llama.block_count", std::numeric_limits<std::uint64_t>::max()},
      {"llama.block_count", std::string("two")},
      {"llama.embedding_length", std::uint32_t{0}},
      {"llama.embedding_length", std::int64_t{-64}},
      {"llama.embedding_length", std::numeric_limits<std::uint32_t>::max()},
      {"llama.feed_forward_length", std::uint32_t{0}},
      {"llama.feed_forward_length", std::numeric_limits<std::uint64_t>::max()},
      {"llama.context_length", std::uint32_t{0}},
      {"llama.context_length", std::uint64_t{1} << 40U},
      {"llama.attention.head_count", std::uint32_t{0}},
      {"llama.attention.head_count", std::uint32_t{100000}},
      {"llama.attention.head_count_kv", std::uint32_t{0}},
      {"llama.attention.head_count_kv", std::uint32_t{3}},
      {"llama.attention.key_length", std::uint32_t{0}},
      {"llama.attention.key_length", std::uint32_t{15}},
      {"llama.attention.key_length", std::uint32_t{1} << 20U},
      {"llama.attention.value_length", std::uint32_t{32}, ErrorCode::kUnsupported},
      {"llama.attention.layer_norm_rms_epsilon", 0.0F},
      {"llama.attention.layer_norm_rms_epsilon", -1.0F},
      {"llama.attention.layer_norm_rms_epsilon", std::numeric_limits<float>::infinity()},
      {"llama.attention.layer_norm_rms_epsilon", std::numeric_limits<float>::quiet_NaN()},
      {"llama.rope.freq_base", 0.0F},
      {"llama.rope.freq_base", std::numeric_limits<float>::quiet_NaN()},
      {"llama.rope.dimension_count", std::uint32_t{18}},
      {"llama.rope.dimension_count", std::uint32_t{7}},
      {"llama.rope.scaling.type", std::string("longrope"), ErrorCode::kUnsupported},
      {"llama.vocab_size", std::uint32_t{0}},
      {"llama.vocab_size", std::numeric_limits<std::uint64_t>::max()},
      {"llama.expert_count", std::uint32_t{8}, ErrorCode::kUnsupported},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.key);
    use("llama_grouped_untied_llama3");
    gguf_->values[c.key] = c.value;
    expect_refused(c.code, {c.key});
  }
}

TEST_F(LoadTest, ScalingBesideDivisors) {
  gguf_->values["llama.rope.scaling.type"] = std::string("linear");
  gguf_->values["llama.rope.scaling.factor"] = 4.0F;
  expect_refused(ErrorCode::kInvalidFile, {"llama.rope.scaling.type", "rope_freqs.weight"});
}

TEST_F(LoadTest, DivisorsThatAreNone) {
  for (const float bad : {0.0F, -1.0F, std::numeric_limits<float>::quiet_NaN()}) {
    gguf_->find("rope_freqs.weight")->values[3] = bad;
    expect_refused(ErrorCode::kInvalidFile, {"rope_freqs.weight"});
  }
}

TEST_F(LoadTest, MissingWeight) {
  gguf_->find("blk.1.ffn_up.weight")->name = "blk.1.ffn_op.weight";
  expect_refused(ErrorCode::kInvalidFile, {"blk.1.ffn_up.weight", "missing", "[96, 64]"});
}

TEST_F(LoadTest, WrongShape) {
  auto* weight = gguf_->find("blk.0.attn_k.weight");
  weight->shape = {64, 32};
  expect_refused(ErrorCode::kInvalidFile, {"blk.0.attn_k.weight", "[64, 32]", "[32, 64]"});
}

TEST_F(LoadTest, MatrixInPlaceOfAVector) {
  gguf_->find("output_norm.weight")->shape = {1, 64};
  expect_refused(ErrorCode::kInvalidFile, {"output_norm.weight", "[1, 64]", "[64]"});
}

TEST_F(LoadTest, TokensThatDifferFromTheVocabulary) {
  gguf_->values["tokenizer.ggml.tokens"] = GgufArray(std::vector<std::string>(299, "a"));
  expect_refused(ErrorCode::kInvalidFile, {"tokenizer.ggml.tokens", "299", "300"});
  gguf_->values["tokenizer.ggml.tokens"] = GgufArray(std::vector<std::string>(300, "a"));
  ONDOL_ASSERT_OK(plan_it());
  gguf_->values["tokenizer.ggml.token_type"] = GgufArray(std::vector<std::int32_t>(301, 1));
  expect_refused(ErrorCode::kInvalidFile, {"tokenizer.ggml.token_type", "301", "300"});
}

TEST_F(LoadTest, VocabularyThatDiffersFromTheEmbedding) {
  gguf_->values["llama.vocab_size"] = std::uint32_t{301};
  expect_refused(ErrorCode::kInvalidFile, {"token_embd.weight", "[300, 64]", "[301, 64]"});
}

TEST_F(LoadTest, ExtraWeightsAreLeftAlone) {
  gguf_->tensors.push_back({"blk.9.unheard_of", DType::kF32, {4}, {1, 2, 3, 4}});
  const auto planned = plan_it();
  ONDOL_ASSERT_OK(planned);
  EXPECT_EQ(planned->weight_bytes, planned->info.n_parameters * sizeof(float));
}

TEST_F(LoadTest, BadOptions) {
  LoadOptions options;
  options.max_batch_tokens = 0;
  EXPECT_EQ(plan_it(options).error().code, ErrorCode::kInvalidArgument);
  options.max_batch_tokens = 1 << 20;
  EXPECT_EQ(plan_it(options).error().code, ErrorCode::kInvalidArgument);
  options.max_batch_tokens = 8;
  options.quantize_to = DType::kQ2_K;
  EXPECT_EQ(plan_it(options).error().code, ErrorCode::kInvalidArgument);
}

TEST(PlannedDType, FollowsTheRow) {
  using enum DType;
  EXPECT_EQ(planned_dtype(kBF16, 2048, std::nullopt, false), kBF16);
  EXPECT_EQ(planned_dtype(kQ6_K, 2048, kQ4_0, false), kQ6_K);  // quantized stays
  EXPECT_EQ(planned_dtype(kBF16, 2048, kQ4_K, false), kQ4_K);
  EXPECT_EQ(planned_dtype(kBF16, 576, kQ4_K, false), kQ5_0);
  EXPECT_EQ(planned_dtype(kBF16, 60, kQ4_K, false), kBF16);
  EXPECT_EQ(planned_dtype(kF16, 2048, kQ4_0, true), kQ6_K);
  EXPECT_EQ(planned_dtype(kF16, 576, kQ4_0, true), kQ8_0);
  EXPECT_EQ(planned_dtype(kF16, 2048, kQ8_0, true), kQ8_0);
}

TEST(QuantizeOnLoad, TakesWhatThePlanSaysAndStaysClose) {
  struct Case {
    DType dtype;
    double tolerance;  // of logits, relative to the largest
  };
  for (const Case c : {Case{DType::kQ8_0, 0.03}, Case{DType::kQ4_0, 0.35}}) {
    SCOPED_TRACE(name(c.dtype));
    Runner runner;
    LoadOptions options;
    options.quantize_to = c.dtype;
    ONDOL_ASSERT_OK(runner.load("tests/golden/models/qwen3_untied_yarn", options));
    const auto planned = plan(runner.file(), options);
    ONDOL_ASSERT_OK(planned);
    EXPECT_EQ(planned->weight_bytes, runner.model().weight_bytes());
    const auto plain = plan(runner.file(), {});
    ONDOL_ASSERT_OK(plain);
    EXPECT_LT(planned->weight_bytes, plain->weight_bytes / 3);
    const auto logits = runner.run(golden_tokens(300));
    const double error = relative_error(logits, golden_logits("qwen3_untied_yarn"));
    EXPECT_LE(error, c.tolerance);
    EXPECT_GT(error, 1e-4);  // it has been quantized
  }
}

TEST(QuantizeOnLoad, RefusesWhatIsNoNumber) {
  auto gguf = GoldenGguf::convert("tests/golden/models/qwen3_tied", DType::kF32);
  ONDOL_ASSERT_OK(gguf);
  gguf->find("blk.1.ffn_down.weight")->values[77] = std::numeric_limits<float>::quiet_NaN();
  const auto path =
      std::filesystem::temp_directory_path() / ("ondol_nan_" + std::to_string(getpid()) + ".gguf");
  ONDOL_ASSERT_OK(gguf->write(path));
  LoadOptions options;
  options.quantize_to = DType::kQ8_0;
  const auto loaded = Runner().load(path, options);
  std::filesystem::remove(path);
  ASSERT_FALSE(loaded.has_value());
  EXPECT_EQ(loaded.error().code, ErrorCode::kInvalidFile);
  EXPECT_EQ(loaded.error().field, "blk.1.ffn_down.weight");
}

}  // namespace
}  // namespace ondol::model
