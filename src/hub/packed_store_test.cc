// Names, room and removal of the files of packed weights.
#include "hub/packed_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

namespace ondol::hub {
namespace {

namespace fs = std::filesystem;

class PackedStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "ondol_packed_XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    model_ = root_ / "model.gguf";
    write(model_, "weights");
  }
  void TearDown() override {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }

  static void write(const fs::path& path, const std::string& text) {
    std::ofstream(path, std::ios::trunc) << text;
  }
  static PackedKey key_of(const fs::path& model, std::string_view choice = "asis") {
    auto key = packed_key(model, {model}, choice);
    EXPECT_TRUE(key) << key.error().message();
    return *std::move(key);
  }
  PackedStore store(std::uint64_t max_bytes = 1000) const { return {root_, max_bytes}; }
  static Result<void> put(const PackedStore& store, const PackedKey& key, std::size_t n = 100) {
    return store.put(key, n, [n](const fs::path& path) -> Result<void> {
      write(path, std::string(n, 'x'));
      return {};
    });
  }
  /// Last used so many seconds ago.
  static void age(const PackedStore& store, const PackedKey& key, int seconds) {
    fs::last_write_time(store.path_of(key),
                        fs::file_time_type::clock::now() - std::chrono::seconds(seconds));
  }

  fs::path root_;
  fs::path model_;
};

TEST_F(PackedStoreTest, TheKeyFollowsTheFile) {
  const PackedKey key = key_of(model_);
  EXPECT_EQ(key_of(model_).digest, key.digest);
  EXPECT_EQ(key_of(root_ / "." / "model.gguf").digest, key.digest);
  EXPECT_NE(key_of(model_, "q4_0").digest, key.digest);
  EXPECT_EQ(key_of(model_, "q4_0").files, key.files);
  const auto time = fs::last_write_time(model_);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  write(model_, "Weights");  // the same size, and then the same date
  fs::last_write_time(model_, time);
  EXPECT_NE(key_of(model_).digest, key.digest);
  EXPECT_EQ(key_of(model_).model, key.model);
  EXPECT_FALSE(packed_key(model_, {root_ / "no"}, "asis"));
}

TEST_F(PackedStoreTest, PutGivesTheName) {
  const auto kept = store();
  const PackedKey key = key_of(model_);
  EXPECT_EQ(kept.usage().n_files, 0U);
  ASSERT_TRUE(put(kept, key));
  EXPECT_EQ(fs::file_size(kept.path_of(key)), 100U);
  EXPECT_EQ(kept.usage_of(model_).n_bytes, 100U);
  EXPECT_EQ(kept.usage_of(root_ / "other").n_files, 0U);
  ASSERT_TRUE(put(kept, key, 50));  // again: the file is replaced
  EXPECT_EQ(kept.usage().n_bytes, 50U);
  struct stat info{};
  ASSERT_EQ(::stat(kept.folder().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0700U);
}

TEST_F(PackedStoreTest, FailedWritesLeaveNothing) {
  const auto kept = store();
  const auto failed = kept.put(key_of(model_), 10, [](const fs::path& path) -> Result<void> {
    write(path, "half");
    return fail(ErrorCode::kCancelled, "", "", "stopped");
  });
  EXPECT_EQ(failed.error().code, ErrorCode::kCancelled);
  std::size_t n_files = 0;
  for (const auto& entry : fs::directory_iterator(kept.folder())) {
    n_files += entry.path().filename() != "lock";
  }
  EXPECT_EQ(n_files, 0U);
}

TEST_F(PackedStoreTest, TheLeastRecentlyUsedGoesFirst) {
  const auto kept = store(250);
  std::vector<PackedKey> keys;
  for (const char* name : {"a", "b", "c"}) {
    write(root_ / name, name);
    keys.push_back(key_of(root_ / name));
  }
  ASSERT_TRUE(put(kept, keys[0]));
  ASSERT_TRUE(put(kept, keys[1]));
  age(kept, keys[0], 500);
  age(kept, keys[1], 100);
  kept.touch(keys[0]);
  ASSERT_TRUE(put(kept, keys[2]));
  EXPECT_TRUE(fs::exists(kept.path_of(keys[0])));
  EXPECT_FALSE(fs::exists(kept.path_of(keys[1])));
  EXPECT_TRUE(fs::exists(kept.path_of(keys[2])));
  EXPECT_EQ(put(kept, keys[1], 251).error().code, ErrorCode::kLimit);
  EXPECT_EQ(kept.usage().n_files, 2U);  // for what cannot be kept nothing is removed
  EXPECT_EQ(put(store(~std::uint64_t{0}), keys[1], std::size_t{1} << 62U).error().code,
            ErrorCode::kLimit);
}

TEST_F(PackedStoreTest, FilesOfAChangedModelGo) {
  const auto kept = store();
  const PackedKey old = key_of(model_);
  ASSERT_TRUE(put(kept, old));
  ASSERT_TRUE(put(kept, key_of(model_, "q4_0")));
  EXPECT_EQ(kept.usage().n_files, 2U);
  write(model_, "others");
  const PackedKey now = key_of(model_);
  ASSERT_TRUE(put(kept, now));
  EXPECT_EQ(kept.usage().n_files, 1U);
  EXPECT_TRUE(fs::exists(kept.path_of(now)));
}

TEST_F(PackedStoreTest, RemovesOneModelOrAll) {
  const auto kept = store();
  write(root_ / "b", "b");
  ASSERT_TRUE(put(kept, key_of(model_)));
  ASSERT_TRUE(put(kept, key_of(root_ / "b")));
  EXPECT_EQ(kept.remove_of(model_).n_bytes, 100U);
  EXPECT_EQ(kept.remove_of(model_).n_files, 0U);
  EXPECT_EQ(kept.remove_all().n_files, 1U);
  // What is not ours stays.
  write(kept.folder() / "notes.txt", "mine");
  EXPECT_EQ(kept.remove_all().n_files, 0U);
  EXPECT_TRUE(fs::exists(kept.folder() / "notes.txt"));
}

TEST_F(PackedStoreTest, OneWriterAtATime) {
  const auto kept = store();
  const PackedKey key = key_of(model_);
  const auto outer = kept.put(key, 10, [&](const fs::path& path) -> Result<void> {
    EXPECT_EQ(put(kept, key).error().code, ErrorCode::kIo);
    write(path, "0123456789");
    return {};
  });
  EXPECT_TRUE(outer);
  EXPECT_EQ(fs::file_size(kept.path_of(key)), 10U);
  // What a process that died has left is in nobody's way.
  write(kept.folder() / "new.tmp", "left behind");
  EXPECT_TRUE(put(kept, key));
  EXPECT_FALSE(fs::exists(kept.folder() / "new.tmp"));
}

TEST_F(PackedStoreTest, AFolderThatCannotBeMadeIsAnError) {
  write(root_ / "packed", "a file");
  EXPECT_EQ(put(store(), key_of(model_)).error().code, ErrorCode::kIo);
  const PackedStore nowhere("/proc/no", 1000);
  EXPECT_EQ(put(nowhere, key_of(model_)).error().code, ErrorCode::kIo);
  EXPECT_EQ(nowhere.usage().n_files, 0U);
}

}  // namespace
}  // namespace ondol::hub
