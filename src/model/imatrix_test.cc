#include "model/imatrix.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <limits>

#include "format/gguf_writer.h"
#include "model/test_models.h"

namespace ondol::model {
namespace {

using format::GgufWriter;

class ImatrixFile : public testing::Test {
 protected:
  void TearDown() override {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }

  /// One entry "w", with what the arguments say.
  void write(const std::string& type, const std::vector<float>& sums, Shape sums_shape,
             const std::vector<float>& counts, const std::string& counts_name = "w.counts") {
    GgufWriter writer;
    writer.set("general.type", type);
    writer.add_tensor("w.in_sum2", DType::kF32, sums_shape);
    writer.add_tensor(counts_name, DType::kF32, {counts.size(), 1});
    ONDOL_ASSERT_OK(writer.open(path_));
    ONDOL_ASSERT_OK(writer.write(std::as_bytes(std::span(sums))));
    ONDOL_ASSERT_OK(writer.write(std::as_bytes(std::span(counts))));
    ONDOL_ASSERT_OK(writer.finish());
  }

  void expect_refused(std::string_view piece) {
    const auto read = Imatrix::read(path_);
    ASSERT_FALSE(read.has_value());
    EXPECT_EQ(read.error().code, ErrorCode::kInvalidFile);
    EXPECT_NE(read.error().message().find(piece), std::string::npos) << read.error().message();
  }

  std::filesystem::path path_ =
      std::filesystem::temp_directory_path() / ("ondol_im_" + std::to_string(getpid()) + ".gguf");
};

TEST_F(ImatrixFile, WhatIsWrittenIsReadBack) {
  Imatrix imatrix;
  imatrix.entries["blk.0.attn_q.weight"] = {3, {1, 2, 3}, {4}};
  imatrix.entries["experts"] = {2, {1, 2, 3, 4, 5, 6}, {2, 0, 3}};
  imatrix.datasets = {"a.txt", "b.txt"};
  imatrix.n_chunks = 5;
  imatrix.chunk_tokens = 512;
  ONDOL_ASSERT_OK(imatrix.write(path_));
  const auto read = Imatrix::read(path_);
  ONDOL_ASSERT_OK(read);
  EXPECT_EQ(read->datasets, imatrix.datasets);
  EXPECT_EQ(read->n_chunks, 5U);
  EXPECT_EQ(read->chunk_tokens, 512U);
  ASSERT_EQ(read->entries.size(), 2U);
  EXPECT_EQ(read->entries.at("blk.0.attn_q.weight").mean_squares(),
            (std::vector<float>{0.25F, 0.5F, 0.75F}));
  // The second expert got no input: all its columns count the same.
  EXPECT_EQ(read->entries.at("experts").mean_squares(),
            (std::vector<float>{0.5F, 1, 1, 1, 5.0F / 3, 2}));
}

TEST_F(ImatrixFile, AcceptsTheMinimum) {
  write("imatrix", {1, 2}, {2}, {1});  // sums of one dimension
  ONDOL_ASSERT_OK(Imatrix::read(path_));
}

TEST_F(ImatrixFile, BrokenFilesAreRefused) {
  write("model", {1, 2}, {1, 2}, {1});
  expect_refused("no importance matrix");
  write("imatrix", {1, 2}, {1, 2}, {1, 1});
  expect_refused("unexpected size");
  write("imatrix", {1, -2}, {1, 2}, {1});
  expect_refused("not a sum of squares");
  write("imatrix", {1, std::numeric_limits<float>::quiet_NaN()}, {1, 2}, {1});
  expect_refused("not a sum of squares");
  write("imatrix", {1, 2}, {1, 2}, {std::numeric_limits<float>::infinity()});
  expect_refused("not a sum of squares");
  write("imatrix", {1, 2}, {1, 2}, {1}, "v.counts");
  expect_refused("has counts but no sums");
  write("imatrix", {1, 2}, {1, 2}, {1}, "w.other");
  expect_refused("has sums but no counts");
}

}  // namespace
}  // namespace ondol::model
