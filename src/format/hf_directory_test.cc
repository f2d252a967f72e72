#include "format/hf_directory.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "format/test_bytes.h"

namespace ondol::format {
namespace {

constexpr std::string_view kConfig = R"({"architectures":["LlamaForCausalLM"],"hidden_size":64})";

/// A safetensors file of F32 tensors of one value each.
std::string shard(const std::vector<std::string>& names) {
  std::string header = "{";
  for (std::size_t i = 0; i < names.size(); ++i) {
    header += fmt::format(R"({}"{}":{{"dtype":"F32","shape":[1],"data_offsets":[{},{}]}})",
                          i == 0 ? "" : ",", names[i], 4 * i, 4 * i + 4);
  }
  header += "}";
  ByteString out;
  out.put<std::uint64_t>(header.size()).raw(header).raw(std::string(4 * names.size(), '\0'));
  return out.get();
}

TEST(HfConfig, FlattensWithDots) {
  const auto config = parse_hf_config(
      "config.json",
      R"({"a":1,"b":{"c":0.5,"d":{"e":"x"}},"yes":true,"nothing":null,"big":18446744073709551615,
          "ints":[1,2],"reals":[1,2.5],"words":["p","q"],"flags":[true],"none":[],
          "mixed":[1,"x"],"nested":[[1]],"objects":[{"k":1}],"empty":{},"nulls":[null]})");
  ASSERT_TRUE(config) << config.error().message();
  const Metadata& m = config->metadata;
  EXPECT_EQ(m.integer("a", 0, 9).value(), 1);
  EXPECT_EQ(m.number("b.c", 0, 1).value(), 0.5);
  EXPECT_EQ(m.string("b.d.e").value(), "x");
  EXPECT_TRUE(m.boolean("yes").value());
  EXPECT_EQ(std::get<std::uint64_t>(*m.find("big")), ~std::uint64_t{0});
  EXPECT_EQ(*m.array<std::int64_t>("ints").value(), (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(*m.array<double>("reals").value(), (std::vector<double>{1, 2.5}));
  EXPECT_EQ(*m.array<std::string_view>("words").value(), (std::vector<std::string_view>{"p", "q"}));
  EXPECT_EQ(*m.array<bool>("flags").value(), std::vector<bool>{true});
  EXPECT_TRUE(m.array<std::string_view>("none").value()->empty());
  for (const char* absent : {"nothing", "mixed", "nested", "objects", "empty", "nulls", "b"}) {
    EXPECT_FALSE(m.has(absent)) << absent;
  }
}

TEST(HfConfig, ReadsTheNearestDouble) {
  const auto config = parse_hf_config(
      "c", R"({"eps":1e-05,"x":0.1,"y":1.0000000000000002,"z":123456789012345.67})");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->metadata.number("eps", 0, 1).value(), 1e-05);
  EXPECT_EQ(config->metadata.number("x", 0, 1).value(), 0.1);
  EXPECT_EQ(config->metadata.number("y", 0, 2).value(), 1.0000000000000002);
  EXPECT_EQ(config->metadata.number("z", 0, 1e15).value(), 123456789012345.67);
}

TEST(HfConfig, RefusesWhatIsBroken) {
  for (const std::string text : {"", "[]", "1", "{", R"({"a":1,"a":2})", R"({"a.b":1,"a":{"b":2}})",
                                 R"({"a":1e999})", "{\"a\":\"\xff\"}", R"({"":1})", R"({"a":NaN})",
                                 "{}{}", "1e999", R"({"":1e999})", R"({"a":{"":1,"":2}})"}) {
    const auto config = parse_hf_config("config.json", text);
    ASSERT_FALSE(config) << text;
    EXPECT_EQ(config.error().where, "config.json");
    EXPECT_FALSE(config.error().field.empty());
  }
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += R"({"a":)";
  EXPECT_EQ(parse_hf_config("c", deep).error().code, ErrorCode::kLimit);
  EXPECT_EQ(parse_hf_config("c", std::string(17 << 20, ' ')).error().code, ErrorCode::kLimit);
}

TEST(HfDirectory, OpensOneFile) {
  const ScratchDirectory scratch;
  scratch.write("config.json", kConfig);
  scratch.write("model.safetensors", shard({"a", "b"}));
  scratch.write("other.safetensors", shard({"a"}));  // not looked at
  scratch.write("tokenizer.json", "{}");
  scratch.write("chat_template.jinja", "hello");
  const auto model = ModelFile::open(scratch.path());
  ASSERT_TRUE(model) << model.error().message();
  EXPECT_EQ((*model)->layout(), Layout::kHuggingFace);
  EXPECT_EQ((*model)->architecture(), "LlamaForCausalLM");
  EXPECT_EQ((*model)->metadata().integer("hidden_size", 0, 99).value(), 64);
  EXPECT_EQ((*model)->weights().size(), 2U);
  EXPECT_EQ((*model)->text_files().tokenizer_json, "{}");
  EXPECT_EQ((*model)->text_files().chat_template, "hello");
  EXPECT_TRUE((*model)->text_files().generation_config_json.empty());
}

TEST(HfDirectory, JoinsFilesWithoutAnIndex) {
  const ScratchDirectory scratch;
  scratch.write("config.json", kConfig);
  scratch.write("x.safetensors", shard({"a"}));
  scratch.write("y.safetensors", shard({"b"}));
  EXPECT_EQ(ModelFile::open(scratch.path()).value()->weights().size(), 2U);
  scratch.write("y.safetensors", shard({"a"}));
  const auto twice = ModelFile::open(scratch.path());
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().field, "a");
  EXPECT_EQ(twice.error().value, "x.safetensors");
}

TEST(HfDirectory, TheIndexDecides) {
  const ScratchDirectory scratch;
  scratch.write("config.json", kConfig);
  scratch.write("x.safetensors", shard({"a", "extra"}));
  scratch.write("real", shard({"b", "a"}));
  // The hub's cache is made of links.
  std::filesystem::create_symlink("real", scratch / "y.safetensors");
  scratch.write("model.safetensors.index.json",
                R"({"weight_map":{"a":"x.safetensors","b":"y.safetensors"}})");
  const auto model = ModelFile::open(scratch.path());
  ASSERT_TRUE(model) << model.error().message();
  EXPECT_EQ((*model)->weights().size(), 2U);
  EXPECT_EQ((*model)->find("a")->file->path().filename(), "x.safetensors");
  EXPECT_EQ((*model)->find("extra"), nullptr);

  scratch.write("model.safetensors.index.json",
                R"({"weight_map":{"a":"x.safetensors","c":"y.safetensors"}})");
  const auto missing = ModelFile::open(scratch.path());
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().field, "c");

  scratch.write("model.safetensors.index.json", R"({"weight_map":{"a":"gone.safetensors"}})");
  EXPECT_EQ(ModelFile::open(scratch.path()).error().code, ErrorCode::kNotFound);
}

TEST(HfDirectory, SaysWhatIsMissing) {
  const ScratchDirectory scratch;
  EXPECT_EQ(ModelFile::open(scratch.path()).error().code, ErrorCode::kNotFound);
  scratch.write("config.json", "{}");
  EXPECT_EQ(ModelFile::open(scratch.path()).error().field, "architectures");
  scratch.write("config.json", kConfig);
  const auto weightless = ModelFile::open(scratch.path());
  EXPECT_EQ(weightless.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(weightless.error().field, "model.safetensors");
}

TEST(HfDirectory, ATokenizerNeedsNoModel) {
  const ScratchDirectory scratch;
  EXPECT_EQ(ModelFile::open_tokenizer(scratch.path()).error().field, "tokenizer.json");
  scratch.write("tokenizer.json", R"({"version":"1.0"})");
  const auto bare = ModelFile::open_tokenizer(scratch.path());
  ASSERT_TRUE(bare) << bare.error().message();
  EXPECT_EQ((*bare)->text_files().tokenizer_json, R"({"version":"1.0"})");
  EXPECT_EQ((*bare)->architecture(), "");
  scratch.write("config.json", kConfig);
  EXPECT_EQ(ModelFile::open_tokenizer(scratch.path()).value()->architecture(), "LlamaForCausalLM");
}

TEST(HfDirectory, RequireSaysWhyATensorIsNoWeight) {
  const ScratchDirectory scratch;
  scratch.write("config.json", kConfig);
  const std::string_view header = R"({"ids":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})";
  scratch.write("model.safetensors",
                ByteString().put<std::uint64_t>(header.size()).raw(header).raw("xx").get());
  const auto model = ModelFile::open(scratch.path());
  ASSERT_TRUE(model) << model.error().message();
  const auto skipped = (*model)->require("ids");
  ASSERT_FALSE(skipped);
  EXPECT_EQ(skipped.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(skipped.error().value, "dtype U8");
  EXPECT_EQ((*model)->require("gone").error().code, ErrorCode::kInvalidFile);
}

}  // namespace
}  // namespace ondol::format
