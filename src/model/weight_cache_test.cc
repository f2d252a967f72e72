// Loading through a cache of packed weights: the same logits, from the file when
// it is this checkpoint's, and from the checkpoint when it is not.
#include "device/weight_cache.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "model/test_gguf.h"
#include "model/test_models.h"

namespace ondol::model {
namespace {

namespace fs = std::filesystem;

class ModelWeightCache : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "ondol_cache_XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    gguf_ = folder_ / "m.gguf";
    packed_ = folder_ / "m.packed";
  }
  void TearDown() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  void make_model(DType dtype) {
    auto golden =
        GoldenGguf::convert(std::string(kGoldenFolder) + "llama_grouped_untied_llama3", dtype);
    ONDOL_ASSERT_OK(golden);
    golden_ = std::make_unique<GoldenGguf>(*std::move(golden));
    ONDOL_ASSERT_OK(golden_->write(gguf_));
  }

  struct Loaded {
    std::vector<float> logits;
    bool from_file = false;
    bool refused = false;
  };
  /// Loads, writes the file if there is something new, and runs.
  Loaded load(LoadOptions options = {}, std::string_view device = "cpu") {
    Runner runner(device);
    const auto cache = runner.device().open_weight_cache({packed_, {}, false});
    options.weight_cache = cache.get();
    const auto loaded = runner.load(gguf_, options);
    EXPECT_TRUE(loaded) << loaded.error().message();
    Loaded out;
    if (!loaded) return out;
    out.logits = runner.run(golden_tokens(runner.model().info().n_vocab, 12));
    if (cache == nullptr) return out;
    out.from_file = cache->is_open();
    out.refused = cache->refusal().has_value();
    EXPECT_EQ(out.from_file, cache->bytes_to_write() == 0);
    if (!out.from_file) {
      EXPECT_TRUE(cache->write(packed_, {}));
    }
    return out;
  }

  fs::path folder_;
  fs::path gguf_;
  fs::path packed_;
  std::unique_ptr<GoldenGguf> golden_;
};

TEST_F(ModelWeightCache, TheSecondLoadIsTheSame) {
  make_model(DType::kQ8_0);
  const Loaded first = load();
  EXPECT_FALSE(first.from_file);
  const Loaded second = load();
  EXPECT_TRUE(second.from_file);
  EXPECT_EQ(first.logits, second.logits);
}

TEST_F(ModelWeightCache, QuantizedOnLoadToo) {
  make_model(DType::kF32);
  LoadOptions options;
  options.quantize_to = DType::kQ4_0;
  const Loaded first = load(options);
  EXPECT_FALSE(first.from_file);
  const Loaded second = load(options);
  EXPECT_TRUE(second.from_file);
  EXPECT_EQ(first.logits, second.logits);
}

TEST_F(ModelWeightCache, AChangedCheckpointIsLoadedAnew) {
  make_model(DType::kQ8_0);
  const Loaded before = load();
  for (auto& tensor : golden_->tensors) {
    if (tensor.name == "blk.1.ffn_down.weight") {
      for (float& v : tensor.values) v = -v;
    }
  }
  ONDOL_ASSERT_OK(golden_->write(gguf_));
  // The key, which the application makes, is the same here: the samples tell.
  const Loaded after = load();
  EXPECT_TRUE(after.refused);
  EXPECT_FALSE(after.from_file);
  EXPECT_NE(after.logits, before.logits);
  const Loaded again = load();
  EXPECT_TRUE(again.from_file);
  EXPECT_EQ(again.logits, after.logits);
}

TEST_F(ModelWeightCache, ADeviceThatKeepsNothingLoadsAsAlways) {
  make_model(DType::kQ8_0);
  EXPECT_FALSE(load({}, "reference").logits.empty());
  EXPECT_FALSE(fs::exists(packed_));
}

}  // namespace
}  // namespace ondol::model
