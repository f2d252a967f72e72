#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <vector>

#include "base/checked.h"
#include "base/checksum.h"
#include "base/error.h"
#include "base/mapped_file.h"
#include "base/utf8.h"

namespace ondol {
namespace {

TEST(Error, MessageNamesAllFour) {
  const Error e = fail(ErrorCode::kInvalidFile, "m.gguf", "n_tensors", "too many", 7, 5).value();
  EXPECT_EQ(e.message(), "m.gguf: n_tensors: too many (found 7, limit 5)");
}

TEST(Error, HostileTextIsEscapedAndCut) {
  const Error e{ErrorCode::kInvalidFile, "f", std::string("a\x1b[2J\n"), "bad",
                std::string(9999, 'x'),  ""};
  const std::string line = e.message();
  EXPECT_EQ(line.find('\x1b'), std::string::npos);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_LT(line.size(), 400U);
}

TEST(Checked, OverflowIsAnAnswer) {
  EXPECT_FALSE(checked_mul<std::uint64_t>(1ULL << 63, 2));
  EXPECT_FALSE(checked_add<std::uint64_t>(~0ULL, 1));
  EXPECT_FALSE(checked_align_up<std::uint64_t>(~0ULL, 32));
  EXPECT_EQ(checked_align_up<std::uint64_t>(33, 32), 64U);
}

TEST(Utf8, RejectsOverlongSurrogateAndBeyond) {
  EXPECT_FALSE(is_valid_utf8("\xC0\x80"));
  EXPECT_FALSE(is_valid_utf8("\xE0\x80\x80"));
  EXPECT_FALSE(is_valid_utf8("\xED\xA0\x80"));
  EXPECT_FALSE(is_valid_utf8("\xF4\x90\x80\x80"));
  EXPECT_TRUE(is_valid_utf8("온돌 😀 é"));
}

TEST(Utf8, RoundTripsEveryCodePoint) {
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string s;
    append_utf8(s, c);
    const Utf8Char d = decode_utf8(s);
    ASSERT_TRUE(d.valid);
    ASSERT_EQ(d.code_point, c);
    ASSERT_EQ(d.n_bytes, s.size());
  }
}

TEST(Utf8, IncompleteIsOnlyAProperPrefix) {
  EXPECT_TRUE(is_incomplete_utf8("\xF0\x9F\x98"));
  EXPECT_FALSE(is_incomplete_utf8("\xF0\x9F\x98\x80"));
  EXPECT_FALSE(
      is_incomplete_utf8("\xF0\x9F"
                         "a"));
  EXPECT_FALSE(is_incomplete_utf8("\x80"));
}

TEST(Utf8, ReplacesMaximalParts) {
  EXPECT_EQ(replace_invalid_utf8("a\xF0\x9F"
                                 "b\xFF"),
            "a\xEF\xBF\xBD"
            "b\xEF\xBF\xBD");
}

TEST(MappedFile, SaysWhatIsWrong) {
  const auto missing = MappedFile::open("/nonexistent/x.gguf");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  const auto directory = MappedFile::open(std::filesystem::temp_directory_path());
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().code, ErrorCode::kInvalidFile);
}

TEST(MappedFile, ReleasedPagesReadTheSameAndOtherMemoryIsLeftAlone) {
  const auto path = std::filesystem::path(testing::TempDir()) / "ondol_released";
  const std::string text(20000, 'x');
  std::ofstream(path) << text;
  const auto file = MappedFile::open(path).value();
  const auto* bytes = reinterpret_cast<const char*>(file->bytes().data());
  EXPECT_EQ(bytes[9000], 'x');
  MappedFile::release_pages(file->bytes().subspan(100, 15000));
  EXPECT_EQ(std::string(bytes, text.size()), text);
  // Anonymous memory would read as zeros afterwards.
  const std::vector<std::byte> own(1 << 20U, std::byte{7});
  MappedFile::release_pages(own);
  EXPECT_EQ(std::count(own.begin(), own.end(), std::byte{7}), std::ssize(own));
}

TEST(Checksum, EveryChangeOfABitIsSeen) {
  std::vector<std::byte> bytes(300);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 7);
  const std::uint64_t sum = checksum64(bytes);
  EXPECT_EQ(checksum64(bytes), sum);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    EXPECT_NE(checksum64(bytes), sum) << bit;
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
  }
  const std::vector<std::byte> zeros(200);
  std::vector<std::uint64_t> sums;
  for (std::size_t n = 0; n <= zeros.size(); ++n) sums.push_back(checksum64({zeros.data(), n}));
  std::sort(sums.begin(), sums.end());
  EXPECT_EQ(std::adjacent_find(sums.begin(), sums.end()), sums.end());
  std::swap(bytes[0], bytes[64]);  // two stripes of one lane
  EXPECT_NE(checksum64(bytes), sum);
}

TEST(MappedFile, HugeMappingsReadTheSame) {
  const auto path = std::filesystem::temp_directory_path() / "ondol_base_huge";
  std::string text(5'000'001, 'a');
  for (std::size_t i = 0; i < text.size(); i += 97) text[i] = static_cast<char>(i);
  for (const std::size_t n : {std::size_t{1}, std::size_t{4096}, text.size()}) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text.substr(0, n);
    const auto file = MappedFile::open_huge(path);
    ASSERT_TRUE(file.has_value()) << file.error().message();
    const auto bytes = (*file)->bytes();
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(bytes.data()) % (1U << 21U), 0U);
    EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()),
              std::string_view(text).substr(0, n));
  }
  EXPECT_EQ(MappedFile::open_huge("/no/such").error().code, ErrorCode::kNotFound);
  std::filesystem::remove(path);
}

TEST(MappedFile, MapsBytesAndEmptyFiles) {
  const auto path = std::filesystem::path(testing::TempDir()) / "ondol_mapped";
  std::ofstream(path) << "hello";
  EXPECT_EQ(read_text_file(path, 5).value(), "hello");
  EXPECT_EQ(read_text_file(path, 4).error().code, ErrorCode::kLimit);
  std::ofstream(path, std::ios::trunc).flush();
  EXPECT_TRUE(MappedFile::open(path).value()->bytes().empty());
}

}  // namespace
}  // namespace ondol
