#include "format/model_file.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace ondol::format {
namespace {

std::filesystem::path test_data(const std::string& name) {
  const char* root = std::getenv("ONDOL_TEST_DATA");
  return std::filesystem::path(root != nullptr ? root : ".cache/test-data") / name;
}

// The model that `./dev chat` fetches; its facts are those of SmolLM2's
// config.json (facts: d_model 576, 30 layers, 9 heads, 3 KV heads, d_ff 1536).
TEST(ModelFile, OpensSmolLm2) {
  const auto path = test_data("smollm2.gguf");
  ASSERT_TRUE(std::filesystem::exists(path)) << path << " is absent: run ./dev test";
  const auto opened = ModelFile::open(path);
  ASSERT_TRUE(opened) << opened.error().message();
  const ModelFile& model = **opened;
  EXPECT_EQ(model.layout(), Layout::kGguf);
  EXPECT_EQ(model.architecture(), "llama");
  const Metadata& metadata = model.metadata();
  EXPECT_EQ(metadata.integer("llama.embedding_length", 1, 1 << 20).value(), 576);
  EXPECT_EQ(metadata.integer("llama.block_count", 1, 1000).value(), 30);
  EXPECT_EQ(metadata.integer("llama.attention.head_count", 1, 1000).value(), 9);
  EXPECT_EQ(metadata.integer("llama.attention.head_count_kv", 1, 1000).value(), 3);
  EXPECT_EQ(metadata.integer("llama.feed_forward_length", 1, 1 << 20).value(), 1536);
  const auto* tokens = metadata.array<std::string_view>("tokenizer.ggml.tokens").value();
  ASSERT_NE(tokens, nullptr);
  ASSERT_EQ(tokens->size(), 49152U);
  EXPECT_EQ((*tokens)[1], "<|im_start|>");
  const Weight* down = model.find("blk.29.ffn_down.weight");
  ASSERT_NE(down, nullptr);
  EXPECT_EQ(down->tensor.shape, Shape({576, 1536}));
  EXPECT_EQ(down->tensor.dtype, DType::kQ4_1);
  EXPECT_EQ(down->tensor.bytes.size(), 576U * 1536 / 32 * 20);
  EXPECT_EQ(model.weights().size(), 272U);
  EXPECT_EQ(model.find("no.such.tensor"), nullptr);
}

}  // namespace
}  // namespace ondol::format
