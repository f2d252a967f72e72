// The file of packed weights: what was written is found again, bit by bit, and
// a file that is broken, cut, foreign, stale or hostile is never used.
#include "device/cpu/weight_cache.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "base/checksum.h"
#include "device/cpu/cpu_weight.h"
#include "device/cpu/packed_format.h"
#include "device/test_support.h"

namespace ondol::device::cpu {
namespace {

namespace fs = std::filesystem;
using test::must;

constexpr std::int64_t kColumns = 512;
constexpr std::size_t kHeaderBytes = 80;
constexpr std::size_t kHeaderSumAt = 72;

struct Source {
  std::string name;
  WeightUse use = WeightUse::kMatrix;
  bool is_made = false;
  test::HostWeight host;

  WantedWeight wanted() const { return {name, host.dtype, host.n_rows, host.n_cols, use, is_made}; }
  TensorView rows(std::int64_t first, std::int64_t n) const {
    const std::size_t row = *row_bytes(host.dtype, static_cast<std::uint64_t>(host.n_cols));
    return {host.dtype,
            {static_cast<std::uint64_t>(n), static_cast<std::uint64_t>(host.n_cols)},
            std::span(host.bytes)
                .subspan(static_cast<std::size_t>(first) * row, static_cast<std::size_t>(n) * row)};
  }
};

Source source(std::string name, DType dtype, std::int64_t n_rows, std::uint32_t seed) {
  Source out;
  out.name = std::move(name);
  std::mt19937 random(seed);
  const std::size_t n = *row_bytes(dtype, kColumns) * static_cast<std::size_t>(n_rows);
  out.host = {dtype, n_rows, kColumns, std::vector<std::byte>(n)};
  for (std::byte& b : out.host.bytes) b = static_cast<std::byte>(random());
  return out;
}

/// Every quantized dtype, with last panels that are full or not, and a table that
/// was quantized on load.
std::vector<Source> all_sources() {
  std::vector<Source> out;
  for (int i = 0; i < static_cast<int>(DType::kCount); ++i) {
    const auto dtype = static_cast<DType>(i);
    if (!is_quantized(dtype)) continue;
    out.push_back(
        source("w." + std::string(name(dtype)), dtype, 32 + 13 * (i % 5), 7U + out.size()));
  }
  out[1].use = WeightUse::kMatrixAndTable;
  Source table = source("table", DType::kQ6_K, 70, 99);
  table.use = WeightUse::kTable;
  table.is_made = true;
  out.push_back(std::move(table));
  return out;
}

class WeightCacheTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "ondol_weights_XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    path_ = folder_ / "w.packed";
    key_.fill(std::byte{5});
  }
  void TearDown() override {
    std::error_code ignored;
    fs::permissions(folder_, fs::perms::owner_all, ignored);
    fs::remove_all(folder_, ignored);
  }

  std::unique_ptr<CpuWeightCache> open(bool verify = false) {
    return std::make_unique<CpuWeightCache>(WeightCacheOptions{path_, key_, verify}, threads_);
  }

  /// As the model loads: out of the file, or packed and kept.
  Result<std::vector<std::unique_ptr<Weight>>> load(CpuWeightCache& cache,
                                                    const std::vector<Source>& sources) {
    std::vector<std::unique_ptr<Weight>> out;
    for (const Source& s : sources) {
      const auto rows = [&s](std::int64_t first, std::int64_t n) -> Result<TensorView> {
        return s.rows(first, n);
      };
      ONDOL_TRY(auto weight, cache.find(s.wanted(), rows));
      if (weight == nullptr) {
        const std::shared_ptr<const void> borrowed(std::shared_ptr<const void>(), &s);
        ONDOL_TRY(weight,
                  CpuWeight::load(s.rows(0, s.host.n_rows), s.use, borrowed, threads_, arena_));
        cache.keep(s.wanted(), *weight);
      }
      out.push_back(std::move(weight));
    }
    return out;
  }

  /// Makes the file of these sources.
  void make(const std::vector<Source>& sources) {
    fs::remove(path_);
    const auto cache = open();
    const auto weights = load(*cache, sources);
    ASSERT_TRUE(weights) << weights.error().message();
    const std::uint64_t expected = cache->bytes_to_write();
    const auto written = cache->write(path_, {});
    ASSERT_TRUE(written) << written.error().message();
    EXPECT_EQ(fs::file_size(path_), expected);
    bytes_ = read();
  }

  std::string read() const {
    std::ifstream in(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void write(const std::string& bytes) const {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes;
  }
  void expect_refused(std::string_view says, bool verify = false) {
    const auto cache = open(verify);
    EXPECT_FALSE(cache->is_open());
    ASSERT_TRUE(cache->refusal()) << says;
    EXPECT_NE(cache->refusal()->message().find(says), std::string::npos)
        << cache->refusal()->message();
  }

  /// Sums that agree with the rest, as a hostile file has.
  static void sum_again(std::string& bytes) {
    std::uint64_t table_bytes = 0;
    std::memcpy(&table_bytes, bytes.data() + 48, 8);
    const auto all = std::as_bytes(std::span(bytes));
    const std::uint64_t table =
        checksum64(all.subspan(kHeaderBytes, std::min(table_bytes, bytes.size() - kHeaderBytes)));
    std::memcpy(bytes.data() + 64, &table, 8);
    const std::uint64_t header = checksum64(all.first(kHeaderSumAt));
    std::memcpy(bytes.data() + kHeaderSumAt, &header, 8);
  }
  template <class T>
  std::string patched(std::size_t at, T value) const {
    std::string bytes = bytes_;
    std::memcpy(bytes.data() + at, &value, sizeof(value));
    sum_again(bytes);
    return bytes;
  }

  fs::path folder_;
  fs::path path_;
  WeightKey key_{};
  ThreadPool threads_{2};
  WeightArena arena_;
  std::string bytes_;
};

TEST_F(WeightCacheTest, WhatWasWrittenIsFoundBitByBit) {
  const auto sources = all_sources();
  make(sources);
  for (const bool verify : {false, true}) {
    const auto cache = open(verify);
    ASSERT_TRUE(cache->is_open());
    const auto kept = must(load(*cache, sources));
    EXPECT_EQ(cache->bytes_to_write(), 0U);
    for (std::size_t i = 0; i < sources.size(); ++i) {
      const Source& s = sources[i];
      const auto fresh =
          must(CpuWeight::load(s.rows(0, s.host.n_rows), s.use, nullptr, threads_, arena_));
      const auto& a = static_cast<const CpuWeight&>(*kept[i]);
      const auto& b = static_cast<const CpuWeight&>(*fresh);
      EXPECT_EQ(a.is_packed(), b.is_packed()) << s.name;
      EXPECT_TRUE(std::ranges::equal(a.kept_bytes(), b.kept_bytes())) << s.name;
      EXPECT_NE(a.kept_bytes().data(), b.kept_bytes().data());
      std::vector<float> of_a(kColumns);
      std::vector<float> of_b(kColumns);
      a.decode_row(s.host.n_rows - 1, of_a.data());
      b.decode_row(s.host.n_rows - 1, of_b.data());
      EXPECT_EQ(std::memcmp(of_a.data(), of_b.data(), kColumns * sizeof(float)), 0) << s.name;
    }
  }
}

TEST_F(WeightCacheTest, KeptWeightsOutliveCacheAndFile) {
  const auto sources = all_sources();
  make(sources);
  auto weights = must(load(*open(), sources));
  fs::remove(path_);
  std::vector<float> row(kColumns);
  for (const auto& weight : weights) static_cast<CpuWeight&>(*weight).decode_row(0, row.data());
}

TEST_F(WeightCacheTest, OnlyWhatTheDeviceMakesIsKept) {
  Source floats = source("f32", DType::kF32, 32, 1);
  Source table = source("table", DType::kQ4_0, 32, 2);
  table.use = WeightUse::kTable;
  const auto cache = open();
  ASSERT_TRUE(load(*cache, {floats, table}));
  EXPECT_EQ(cache->bytes_to_write(), 0U);
  EXPECT_EQ(cache->write(path_, {}).error().code, ErrorCode::kInvalidArgument);
  const Source packed = source("w", DType::kQ4_0, 32, 3);
  ASSERT_TRUE(load(*cache, {packed}));
  const std::uint64_t once = cache->bytes_to_write();
  ASSERT_TRUE(load(*cache, {packed}));
  EXPECT_EQ(cache->bytes_to_write(), once);
  // A file that lacks what is asked for is not a file of this model.
  make({packed});
  EXPECT_EQ(load(*open(), {source("other", DType::kQ4_0, 32, 3)}).error().code,
            ErrorCode::kInvalidFile);
  EXPECT_TRUE(load(*open(), {floats, table, packed}));
}

TEST_F(WeightCacheTest, AnyChangedByteOfHeaderOrTableIsSeen) {
  make({source("w", DType::kQ4_0, 40, 1), source("v.weight", DType::kQ6_K, 33, 2)});
  std::uint64_t table_bytes = 0;
  std::memcpy(&table_bytes, bytes_.data() + 48, 8);
  for (std::size_t at = 0; at < kHeaderBytes + table_bytes; ++at) {
    std::string bytes = bytes_;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << (at % 8)));
    write(bytes);
    EXPECT_FALSE(open()->is_open()) << at;
  }
}

TEST_F(WeightCacheTest, AnyChangedByteOfDataIsSeenWhenVerified) {
  const auto sources = all_sources();
  make(sources);
  for (const WeightEntry& entry :
       must(read_weight_table("", std::as_bytes(std::span(bytes_)), key_))) {
    for (const std::uint64_t at : {std::uint64_t{0}, entry.n_bytes / 2, entry.n_bytes - 1}) {
      std::string bytes = bytes_;
      bytes[entry.offset + at] = static_cast<char>(bytes[entry.offset + at] + 1);
      write(bytes);
      expect_refused(entry.name + ": its checksum differs", true);
    }
  }
}

TEST_F(WeightCacheTest, LostPagesAreSeenWithoutVerifying) {
  const auto sources = all_sources();
  make(sources);
  for (const WeightEntry& entry :
       must(read_weight_table("", std::as_bytes(std::span(bytes_)), key_))) {
    std::string bytes = bytes_;
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(entry.offset), entry.n_bytes, '\0');
    write(bytes);
    const auto cache = open();
    EXPECT_TRUE(cache->is_open());
    const auto loaded = load(*cache, sources);
    ASSERT_FALSE(loaded) << entry.name;
    EXPECT_NE(loaded.error().message().find("differs from the checkpoint"), std::string::npos);
  }
}

TEST_F(WeightCacheTest, AnotherCheckpointsWeightsAreSeen) {
  auto sources = all_sources();
  make(sources);
  sources[3] = source(sources[3].name, sources[3].host.dtype, sources[3].host.n_rows, 12345);
  EXPECT_FALSE(load(*open(), sources));
  sources = all_sources();
  sources[2] = source(sources[2].name, sources[2].host.dtype, sources[2].host.n_rows + 1, 9);
  EXPECT_FALSE(load(*open(), sources));
  sources = all_sources();
  sources[0] = source(sources[0].name, DType::kIQ4_NL, sources[0].host.n_rows, 7);
  EXPECT_FALSE(load(*open(), sources));
}

TEST_F(WeightCacheTest, ForeignFilesAreRefused) {
  make({source("w", DType::kQ4_K, 40, 1)});
  write("GGUF" + bytes_.substr(4));
  expect_refused("not a file of packed weights");
  write(patched(8, kPackedLayoutVersion + 1));
  expect_refused("of another build");
  key_[31] = std::byte{6};
  write(bytes_);
  expect_refused("of another checkpoint");
  fs::remove(path_);
  const auto absent = open();
  EXPECT_FALSE(absent->is_open());
  EXPECT_FALSE(absent->refusal());
  fs::create_directory(path_);
  EXPECT_TRUE(open()->refusal());
}

TEST_F(WeightCacheTest, OtherLengthsAreRefused) {
  make({source("w", DType::kQ4_0, 40, 1), source("v", DType::kQ8_0, 33, 2)});
  for (std::size_t n = 0; n < bytes_.size(); n += n < 400 ? 1 : 997) {
    write(bytes_.substr(0, n));
    EXPECT_FALSE(open()->is_open()) << n;
  }
  write(bytes_ + '\0');
  EXPECT_FALSE(open()->is_open());
}

TEST_F(WeightCacheTest, HostileTablesAreRefused) {
  make({source("w", DType::kQ4_0, 40, 1), source("v", DType::kQ8_0, 33, 2)});
  constexpr std::size_t kFirst = kHeaderBytes;        // entry "w": 56 bytes and its name
  constexpr std::size_t kSecond = kHeaderBytes + 57;  // entry "v"
  std::uint64_t offset = 0;
  std::memcpy(&offset, bytes_.data() + kFirst, 8);
  ASSERT_EQ(bytes_[kFirst + 56], 'w');
  constexpr std::uint64_t kHuge = ~std::uint64_t{0} - 63;
  const auto u64 = [this](std::size_t at, std::uint64_t v) { return patched(at, v); };
  const auto u32 = [this](std::size_t at, std::uint32_t v) { return patched(at, v); };
  std::string twice = bytes_;
  twice[kSecond + 56] = 'w';
  sum_again(twice);
  for (const std::string& bytes : {u32(12, 0),
                                   u32(12, 1),
                                   u32(12, 3),
                                   u32(12, ~0U),
                                   u64(48, 0),
                                   u64(48, kHuge),
                                   u64(48, bytes_.size()),
                                   u64(56, bytes_.size() + 64),
                                   u64(kFirst, offset + 1),
                                   u64(kFirst, 0),
                                   u64(kFirst, 64),
                                   u64(kFirst, kHuge),
                                   u64(kSecond, offset),
                                   u64(kSecond, bytes_.size() + 64),
                                   u64(kFirst + 8, 64),
                                   u64(kFirst + 8, kHuge),
                                   u64(kFirst + 24, kHuge),
                                   u64(kFirst + 24, 0),
                                   u64(kFirst + 32, kHuge),
                                   u64(kFirst + 32, kColumns + 1),
                                   u32(kFirst + 40, 0),
                                   u32(kFirst + 40, 250),
                                   u32(kFirst + 44, 2),
                                   u32(kFirst + 48, ~0U),
                                   u32(kFirst + 48, 0),
                                   twice}) {
    write(bytes);
    const auto cache = open();
    // A table of no entries is well formed, and has not what the model asks for.
    if (cache->is_open()) {
      EXPECT_FALSE(load(*cache, {source("w", DType::kQ4_0, 40, 1)}));
    }
  }
}

TEST_F(WeightCacheTest, ResetForgetsTheFileAndKeepsAnew) {
  const auto sources = all_sources();
  make(sources);
  auto changed = sources;
  changed.back() = source("table", DType::kQ6_K, 70, 100);
  changed.back().use = WeightUse::kTable;
  changed.back().is_made = true;
  const auto cache = open();
  const auto failed = load(*cache, changed);
  ASSERT_FALSE(failed);
  cache->reset(failed.error());
  EXPECT_FALSE(cache->is_open());
  EXPECT_TRUE(cache->refusal());
  const auto weights = load(*cache, changed);
  ASSERT_TRUE(weights);
  EXPECT_EQ(cache->bytes_to_write(), bytes_.size());
  ASSERT_TRUE(cache->write(path_, {}));
  EXPECT_TRUE(load(*open(true), changed));
}

TEST_F(WeightCacheTest, WritingThatCannotBeOrIsStoppedIsAnError) {
  const auto sources = all_sources();
  const auto cache = open();
  const auto weights = must(load(*cache, sources));
  EXPECT_EQ(cache->write(folder_ / "no" / "such", {}).error().code, ErrorCode::kIo);
  EXPECT_EQ(cache->write(folder_, {}).error().code, ErrorCode::kIo);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(cache->write(path_, stop.get_token()).error().code, ErrorCode::kCancelled);
}

// Larger than one call writes, with pieces that do not end where calls do.
TEST_F(WeightCacheTest, LargeFilesAreWrittenWhole) {
  std::vector<Source> sources;
  for (std::uint32_t i = 0; i < 300; ++i) {
    sources.push_back(source("s" + std::to_string(i), DType::kQ8_0, 1 + i % 3, i));
  }
  for (std::uint32_t i = 0; i < 5; ++i) {
    sources.push_back(source("l" + std::to_string(i), DType::kQ8_0, 7000 + 31 * i, 1000 + i));
  }
  make(sources);
  EXPECT_GT(bytes_.size(), std::size_t{18} << 20U);
  const auto cache = open(true);
  ASSERT_TRUE(cache->is_open());
  EXPECT_TRUE(load(*cache, sources));
}

TEST(WeightArena, PiecesAreZeroAlignedAndOutliveTheArena) {
  std::vector<SharedBytes> taken;
  {
    WeightArena arena;
    for (const std::size_t n : {std::size_t{1}, std::size_t{100'000}, std::size_t{300'001},
                                std::size_t{3'000'000}, std::size_t{300'000'000}}) {
      taken.push_back(must(arena.take(n)));
    }
    EXPECT_FALSE(arena.take(~std::size_t{0} - 70));
  }
  for (const SharedBytes& t : taken) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(t.bytes.data()) % 64, 0U);
    EXPECT_EQ(t.bytes.front(), 0);
    EXPECT_EQ(t.bytes.back(), 0);
    t.bytes.front() = t.bytes.back() = 7;
  }
  for (std::size_t i = 0; i + 1 < taken.size(); ++i) {
    EXPECT_EQ(taken[i].bytes.back(), 7) << i;  // none over another
  }
}

}  // namespace
}  // namespace ondol::device::cpu
