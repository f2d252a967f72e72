#include "app/npy.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <fstream>

namespace ondol::app {
namespace {

class Npy : public testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }

  std::string written() {
    auto writer = NpyWriter::create(path_, 2, 3);
    EXPECT_TRUE(writer && writer->write_row(std::array{1.0F, 2.0F, 3.0F}) &&
                writer->write_row(std::array{4.0F, 5.0F, 6.0F}) && writer->close());
    std::ifstream stream(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }

  void expect_refused(const std::string& bytes) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes;
    const auto reader = NpyReader::open(path_);
    ASSERT_FALSE(reader.has_value()) << bytes;
    EXPECT_EQ(reader.error().code, ErrorCode::kInvalidFile);
  }

  static std::string replaced(std::string text, const std::string& from, const std::string& to) {
    return text.replace(text.find(from), from.size(), to);
  }

  std::filesystem::path path_ =
      std::filesystem::temp_directory_path() / ("ondol_npy_" + std::to_string(getpid()) + ".npy");
};

TEST_F(Npy, WhatIsWrittenIsReadBack) {
  written();
  const auto reader = NpyReader::open(path_);
  ASSERT_TRUE(reader) << reader.error().message();
  EXPECT_EQ(reader->n_rows(), 2);
  EXPECT_EQ(reader->n_cols(), 3);
  const auto row = reader->row(1);
  EXPECT_EQ(std::vector<float>(row.begin(), row.end()), (std::vector<float>{4, 5, 6}));
}

TEST_F(Npy, BrokenFilesAreRefused) {
  const std::string good = written();
  expect_refused("");
  expect_refused(good.substr(0, 9));
  expect_refused(good.substr(0, 40));
  expect_refused(good.substr(0, good.size() - 1));
  expect_refused(good + "x");
  expect_refused(replaced(good, "NUMPY", "NUMPX"));
  expect_refused(replaced(good, "<f4", "<f8"));
  expect_refused(replaced(good, "False", "True "));
  expect_refused(replaced(good, "(2, 3)", "(3, 2 "));
  expect_refused(replaced(good, "(2, 3), }    ", "(2, 3, 1), } "));
  expect_refused(replaced(good, "(2, 3), }              ", "(4611686018427387905, 6)"));
}

}  // namespace
}  // namespace ondol::app
