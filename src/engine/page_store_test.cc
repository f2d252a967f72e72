#include "engine/page_store.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <fstream>
#include <numeric>
#include <set>

#include "engine/testing/temp_folder.h"

namespace ondol::engine {
namespace {

constexpr std::size_t kKvBytes = 1000;

PageStoreOptions options_in(const TempFolder& folder, std::uint64_t max_bytes = 1 << 20) {
  return {folder.file("pages"), max_bytes, "model a, f16", kKvBytes};
}

std::unique_ptr<PageStore> open(const PageStoreOptions& options) {
  auto store = PageStore::open(options);
  EXPECT_TRUE(store) << store.error().message();
  return std::move(*store);
}

std::vector<std::byte> kv_of(std::uint64_t key) {
  std::vector<std::byte> kv(kKvBytes);
  for (std::size_t i = 0; i < kv.size(); ++i) kv[i] = static_cast<std::byte>(key * 31 + i);
  return kv;
}

const std::vector<std::int32_t> kTokens = {1, 2, 3, 4, 5, 6, 7, 8};

StoredPage page_of(std::uint64_t key) { return {key, 7, kTokens}; }

bool reads_back(PageStore& store, std::uint64_t key) {
  const auto page = store.read(page_of(key));
  const std::vector<std::byte> want = kv_of(key);
  return page && std::equal(page->kv().begin(), page->kv().end(), want.begin(), want.end());
}

TEST(PageStore, KeepsPagesAcrossProcesses) {
  const TempFolder folder;
  {
    const auto store = open(options_in(folder));
    for (std::uint64_t key = 1; key <= 3; ++key) {
      EXPECT_TRUE(store->write(page_of(key), kv_of(key)));
      EXPECT_TRUE(reads_back(*store, key));
    }
  }
  const auto store = open(options_in(folder));
  const std::vector<std::uint64_t> keys = {1, 2, 3, 4};
  EXPECT_EQ(store->count_first(keys), 3);
  EXPECT_EQ(store->count_first(std::vector<std::uint64_t>{4, 1}), 0);
  for (std::uint64_t key = 1; key <= 3; ++key) EXPECT_TRUE(reads_back(*store, key));
  EXPECT_EQ(store->read(page_of(4)).error().code, ErrorCode::kNotFound);
}

TEST(PageStore, OnlyTheUserMayLook) {
  const TempFolder folder;
  const auto store = open(options_in(folder));
  ASSERT_TRUE(store->write(page_of(1), kv_of(1)));
  struct stat status{};
  ASSERT_EQ(::stat(folder.file("pages").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0700U);
  ASSERT_EQ(::stat(folder.pages("pages")[0].c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  ASSERT_EQ(::mkdir(folder.file("shared").c_str(), 0755), 0);
  const auto refused = PageStore::open({folder.file("shared"), 1 << 20, "f", kKvBytes});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
}

TEST(PageStore, OneEngineAFolder) {
  const TempFolder folder;
  const auto first = open(options_in(folder));
  const auto second = PageStore::open(options_in(folder));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kIo);
}

// Every byte counts: whatever is changed, cut or added, the page is not used, and gone.
TEST(PageStore, BrokenPagesAreNeverUsed) {
  const TempFolder folder;
  const auto store = open(options_in(folder));
  ASSERT_TRUE(store->write(page_of(1), kv_of(1)));
  const std::filesystem::path path = folder.pages("pages")[0];
  std::ifstream in(path, std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), {});
  const auto try_with = [&](const std::string& content) {
    ASSERT_TRUE(store->write(page_of(1), kv_of(1)));  // if it is not there
    std::ofstream(path, std::ios::binary) << content;
    const auto page = store->read(page_of(1));
    ASSERT_FALSE(page);
    EXPECT_EQ(page.error().code, ErrorCode::kInvalidFile);
    EXPECT_FALSE(store->has(1));
    EXPECT_FALSE(std::filesystem::exists(path));
  };
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string content = whole;
    content[i] = static_cast<char>(content[i] ^ (1 << (i % 8)));
    try_with(content);
  }
  for (const std::size_t n : {std::size_t{0}, std::size_t{7}, whole.size() - 1}) {
    try_with(whole.substr(0, n));
  }
  try_with(whole + "x");
  EXPECT_EQ(store->n_bytes(), 0U);
  ASSERT_TRUE(store->write(page_of(1), kv_of(1)));
  std::filesystem::remove(path);
  EXPECT_EQ(store->read(page_of(1)).error().code, ErrorCode::kNotFound);
  EXPECT_FALSE(store->has(1));
}

// The same key does not make it the same page.
TEST(PageStore, ComparesAllThatTheKeyStandsFor) {
  const TempFolder folder;
  std::vector<std::int32_t> other = kTokens;
  other[0] = 9;
  for (const StoredPage& wrong : {StoredPage{1, 8, kTokens}, StoredPage{1, 7, other}}) {
    const auto store = open(options_in(folder));
    ASSERT_TRUE(store->write(page_of(1), kv_of(1)));
    EXPECT_EQ(store->read(wrong).error().code, ErrorCode::kInvalidFile);
  }
  {
    const auto store = open(options_in(folder));
    ASSERT_TRUE(store->write(page_of(1), kv_of(1)));
  }
  PageStoreOptions options = options_in(folder);
  options.fingerprint = "model b, f16";
  const auto store = open(options);
  EXPECT_FALSE(store->has(1));
  EXPECT_GT(store->n_bytes(), 0U);  // but it takes room
}

TEST(PageStore, UsedLongestAgoGoesFirst) {
  const TempFolder folder;
  std::uint64_t file_bytes = 0;
  {
    const auto store = open(options_in(folder));
    ASSERT_TRUE(store->write(page_of(1), kv_of(1)));
    file_bytes = store->n_bytes();
  }
  const PageStoreOptions options = options_in(folder, 4 * file_bytes);
  {
    const auto store = open(options);
    for (std::uint64_t key = 2; key <= 4; ++key) {
      ASSERT_TRUE(store->write(page_of(key), kv_of(key)));
    }
    store->touch(std::vector<std::uint64_t>{1, 2});  // a prefix: 2 goes before 1
    ASSERT_TRUE(store->write(page_of(5), kv_of(5)));
    EXPECT_FALSE(store->has(3));
    EXPECT_EQ(store->n_bytes(), 4 * file_bytes);
  }
  const auto store = open(options_in(folder, 3 * file_bytes));  // a smaller budget, the same order
  EXPECT_FALSE(store->has(4));
  ASSERT_TRUE(store->write(page_of(6), kv_of(6)));
  EXPECT_FALSE(store->has(2));
  EXPECT_TRUE(store->has(1));
  EXPECT_TRUE(store->has(5));
  EXPECT_EQ(folder.pages("pages").size(), 3U);
}

TEST(PageStore, RestsOfAKilledProcessAreRemovedAndOthersFilesStay) {
  const TempFolder folder;
  {
    const auto store = open(options_in(folder));
  }
  const std::string rest = folder.file("pages/" + std::string(32, 'a') + ".part");
  const std::string foreign = folder.file("pages/notes.kv");
  std::ofstream(rest) << "half";
  std::ofstream(foreign) << "mine";
  const auto store = open(options_in(folder, 1));  // no room for anything
  EXPECT_FALSE(std::filesystem::exists(rest));
  EXPECT_TRUE(std::filesystem::exists(foreign));
  EXPECT_EQ(store->write(page_of(1), kv_of(1)).error().code, ErrorCode::kLimit);
}

TEST(PageStore, AFullDiskLeavesNothingBehind) {
  const TempFolder folder;
  const auto store = open(options_in(folder));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit tight = before;
  tight.rlim_cur = 500;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  const auto written = store->write(page_of(1), kv_of(1));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::kIo);
  EXPECT_FALSE(store->has(1));
  for (const auto& entry : std::filesystem::directory_iterator(folder.file("pages"))) {
    EXPECT_EQ(entry.path().filename(), "lock");
  }
  EXPECT_TRUE(store->write(page_of(1), kv_of(1)));
}

}  // namespace
}  // namespace ondol::engine
