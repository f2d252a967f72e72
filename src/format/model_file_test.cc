#include "format/model_file.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>

#include "format/gguf_writer.h"
#include "format/test_bytes.h"

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
  EXPECT_EQ(model.require("blk.29.ffn_down.weight").value(), down);
  EXPECT_EQ(model.require("no.such.tensor").error().field, "no.such.tensor");
  // 272 tensors and their padding are nearly all of the file.
  EXPECT_GT(model.weight_bytes(), 90U << 20);
  EXPECT_LT(model.weight_bytes(), std::filesystem::file_size(path));
}

struct Split {
  std::uint16_t number;
  std::uint16_t count;
  std::vector<std::string> tensors;
  std::int32_t n_all = 3;
};

void write_split(const std::filesystem::path& path, const Split& split) {
  GgufWriter writer;
  if (split.number == 0) writer.set("general.architecture", std::string("llama"));
  writer.set("split.no", split.number);
  writer.set("split.count", split.count);
  writer.set("split.tensors.count", split.n_all);
  for (const std::string& name : split.tensors) writer.add_tensor(name, DType::kF32, {2});
  ASSERT_TRUE(writer.open(path));
  const std::array<std::byte, 8> bytes{};
  for (std::size_t i = 0; i < split.tensors.size(); ++i) ASSERT_TRUE(writer.write(bytes));
  ASSERT_TRUE(writer.finish());
}

TEST(ModelFile, JoinsSplitGguf) {
  const ScratchDirectory scratch;
  const auto first = scratch / "m-00001-of-00002.gguf";
  const auto second = scratch / "m-00002-of-00002.gguf";
  write_split(first, {0, 2, {"a"}});
  write_split(second, {1, 2, {"b", "c"}});
  const auto model = ModelFile::open(first);
  ASSERT_TRUE(model) << model.error().message();
  EXPECT_EQ((*model)->weights().size(), 3U);
  EXPECT_EQ((*model)->find("c")->file->path(), second);

  const auto by_second = ModelFile::open(second);
  ASSERT_FALSE(by_second);
  EXPECT_NE(by_second.error().message().find("first file"), std::string::npos)
      << by_second.error().message();
}

TEST(ModelFile, RefusesSplitsThatDoNotFit) {
  const ScratchDirectory scratch;
  const auto first = scratch / "m-00001-of-00002.gguf";
  const auto second = scratch / "m-00002-of-00002.gguf";
  write_split(first, {0, 2, {"a"}});
  EXPECT_EQ(ModelFile::open(first).error().code, ErrorCode::kNotFound);

  const auto field_with = [&](const Split& split) {
    write_split(second, split);
    const auto model = ModelFile::open(first);
    return model ? std::string("no error") : model.error().field;
  };
  EXPECT_EQ(field_with({1, 2, {"b", "c"}}), "no error");
  EXPECT_EQ(field_with({0, 2, {"b", "c"}}), "split.no");
  EXPECT_EQ(field_with({1, 3, {"b", "c"}}), "split.count");
  EXPECT_EQ(field_with({1, 2, {"b"}}), "split.tensors.count");
  EXPECT_EQ(field_with({1, 2, {"a", "b"}}), "a");

  std::filesystem::rename(first, scratch / "renamed.gguf");
  EXPECT_EQ(ModelFile::open(scratch / "renamed.gguf").error().field, "file name");
}

TEST(ModelFile, SaysWhatToNameInstead) {
  const ScratchDirectory scratch;
  EXPECT_EQ(ModelFile::open(scratch / "gone.gguf").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(ModelFile::open(scratch / "model.safetensors").error().code,
            ErrorCode::kInvalidArgument);
  scratch.write("page.gguf", "<html>");
  EXPECT_EQ(ModelFile::open(scratch / "page.gguf").error().field, "magic");
  GgufWriter nameless;
  ASSERT_TRUE(nameless.open(scratch / "nameless.gguf"));
  ASSERT_TRUE(nameless.finish());
  EXPECT_EQ(ModelFile::open(scratch / "nameless.gguf").error().field, "general.architecture");
}

}  // namespace
}  // namespace ondol::format
