#include "format/gguf_writer.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "format/model_file.h"
#include "format/test_bytes.h"

namespace ondol::format {
namespace {

std::vector<std::byte> count_up(std::size_t n) {
  std::vector<std::byte> bytes(n);
  for (std::size_t i = 0; i < n; ++i) bytes[i] = static_cast<std::byte>(i * 7 + 1);
  return bytes;
}

TEST(GgufWriter, WhatIsStreamedIsReadBack) {
  const ScratchDirectory scratch;
  const auto path = scratch / "m.gguf";
  for (const std::uint32_t alignment : {8U, 32U, 4096U}) {
    GgufWriter writer(alignment);
    writer.set("general.architecture", std::string("old"));
    writer.set("general.architecture", std::string("llama"));  // replaces
    writer.add_tensor("odd", DType::kF16, {1, 3});
    writer.add_tensor("blocks", DType::kQ6_K, {2, 256});
    writer.add_tensor("four", DType::kBF16, {2, 3, 4, 5});
    ASSERT_TRUE(writer.open(path));
    const auto odd = count_up(6);
    const auto blocks = count_up(420);
    const auto four = count_up(240);
    ASSERT_TRUE(writer.write(odd));
    ASSERT_TRUE(writer.write(std::span(blocks).first(1)));
    ASSERT_TRUE(writer.write(std::span(blocks).subspan(1)));
    ASSERT_TRUE(writer.write(four));
    EXPECT_FALSE(std::filesystem::exists(path)) << "visible before it is whole";
    ASSERT_TRUE(writer.finish());

    const auto model = ModelFile::open(path);
    ASSERT_TRUE(model) << model.error().message();
    EXPECT_EQ((*model)->architecture(), "llama");
    const auto same = [&](std::string_view name, const std::vector<std::byte>& bytes) {
      const Weight* weight = (*model)->find(name);
      return weight != nullptr && std::ranges::equal(weight->tensor.bytes, bytes);
    };
    EXPECT_TRUE(same("odd", odd));
    EXPECT_TRUE(same("blocks", blocks));
    EXPECT_TRUE(same("four", four));
    EXPECT_EQ((*model)->find("four")->tensor.shape, Shape({2, 3, 4, 5}));
    EXPECT_EQ((*model)->weight_bytes(), 6U + 420 + 240);
    std::filesystem::remove(path);
  }
}

TEST(GgufWriter, RawValuesAreCopiedToTheByte) {
  GgufWriter first;
  first.set("u16", std::uint16_t{3});
  first.set("strings", GgufArray(std::vector<std::string>{"a", ""}));
  const std::vector<std::byte> header = first.header();
  const auto gguf = parse_gguf("first", header);
  ASSERT_TRUE(gguf) << gguf.error().message();
  GgufWriter second;
  second.set("u16", std::string("is replaced"));
  for (const RawKeyValue& pair : gguf->raw_metadata) {
    second.set_raw(std::string(pair.key), pair.type_and_value);
  }
  EXPECT_EQ(second.header(), header);
}

TEST(GgufWriter, FollowsNoLinkAndReplacesWhatACrashLeft) {
  const ScratchDirectory scratch;
  scratch.write("other", "untouched");
  const std::string partial = "m.gguf." + std::to_string(::getpid()) + ".partial";
  std::filesystem::create_symlink(scratch / "other", scratch / partial);
  GgufWriter writer;
  writer.add_tensor("t", DType::kF32, {4});
  ASSERT_TRUE(writer.open(scratch / "m.gguf"));
  ASSERT_TRUE(writer.write(count_up(16)));
  ASSERT_TRUE(writer.finish());
  EXPECT_EQ(std::filesystem::file_size(scratch / "other"), 9U);
  EXPECT_TRUE(
      std::filesystem::is_regular_file(std::filesystem::symlink_status(scratch / "m.gguf")));
}

TEST(GgufWriter, RefusesTooManyAndTooFewBytes) {
  const ScratchDirectory scratch;
  GgufWriter writer;
  writer.add_tensor("t", DType::kF32, {4});
  ASSERT_TRUE(writer.open(scratch / "m.gguf"));
  EXPECT_EQ(writer.write(count_up(17)).error().code, ErrorCode::kInvalidArgument);
  ASSERT_TRUE(writer.write(count_up(8)));
  const auto early = writer.finish();
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().field, "t");
  ASSERT_TRUE(writer.write(count_up(8)));
  EXPECT_FALSE(writer.write(count_up(1)));
  EXPECT_TRUE(writer.write({}));
  EXPECT_TRUE(writer.finish());
}

TEST(GgufWriter, LeavesNothingBehindWhenAbandoned) {
  const ScratchDirectory scratch;
  {
    GgufWriter writer;
    writer.add_tensor("t", DType::kF32, {4});
    ASSERT_TRUE(writer.open(scratch / "m.gguf"));
  }
  EXPECT_TRUE(std::filesystem::is_empty(scratch.path()));
}

TEST(GgufWriter, SaysWhereItCannotWrite) {
  GgufWriter writer;
  const auto opened = writer.open("/nonexistent/directory/m.gguf");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kIo);
}

}  // namespace
}  // namespace ondol::format
