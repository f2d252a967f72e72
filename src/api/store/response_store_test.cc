// The store of responses: what it keeps, for whom and for how long; what it makes of
// files that are not its own; and that neither kill -9 nor a full disk takes what it
// has acknowledged.
#include "api/store/response_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <random>
#include <sstream>

#include "api/store/sqlite.h"
#include "api/testing/full_disk.h"

namespace ondol::api {
namespace {

namespace fs = std::filesystem;

class StoreTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "ondol-store-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    options_.path = (folder_ / "store" / "responses.sqlite").string();
    options_.now = [this] { return now_.load(); };
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::unique_ptr<ResponseStore> open() {
    auto store = ResponseStore::open(options_);
    EXPECT_TRUE(store.has_value()) << store.error().message();
    return store ? *std::move(store) : nullptr;
  }
  std::string refusal() {
    const auto store = ResponseStore::open(options_);
    EXPECT_FALSE(store.has_value());
    return store ? "" : store.error().message();
  }
  std::uintmax_t file_bytes() const { return fs::file_size(options_.path); }

  fs::path folder_;
  std::atomic<std::int64_t> now_ = 1'000'000;
  StoreOptions options_;
};

StoredResponse response(const std::string& id, std::uint64_t tenant = 1,
                        const std::string& previous = "", std::size_t n_bytes = 10) {
  StoredResponse out;
  out.id = id;
  out.tenant = tenant;
  out.previous_id = previous;
  out.body = "{\"id\":\"" + id + "\"}" + std::string(n_bytes, ' ');
  out.input = "[\"" + id + "\"]";
  out.n_shared = 3;
  out.tail = {1, -2, 300000};
  return out;
}

Result<void> put(ResponseStore& store, StoredResponse stored) {
  std::promise<Result<void>> done;
  store.put(std::move(stored), [&](Result<void> result) { done.set_value(std::move(result)); });
  return done.get_future().get();
}

bool has(ResponseStore& store, const std::string& id, std::uint64_t tenant = 1) {
  const auto found = store.find(tenant, id);
  EXPECT_TRUE(found.has_value()) << found.error().message();
  return found && found->has_value();
}

TEST_F(StoreTest, GivesBackWhatItWasGivenAfterReopening) {
  const std::uint64_t tenant = 0xfedcba9876543210U;
  ASSERT_TRUE(put(*open(), response("a", tenant)));
  const auto store = open();
  const auto found = store->find(tenant, "a");
  ASSERT_TRUE(found && *found);
  const StoredResponse expected = response("a", tenant);
  EXPECT_EQ((*found)->body, expected.body);
  EXPECT_EQ((*found)->input, expected.input);
  EXPECT_EQ((*found)->n_shared, expected.n_shared);
  EXPECT_EQ((*found)->tail, expected.tail);
  EXPECT_FALSE(has(*store, "b", tenant));
  EXPECT_FALSE(put(*store, response("a", tenant))) << "an id twice";
}

TEST_F(StoreTest, AnotherTenantSeesNothing) {
  const auto store = open();
  ASSERT_TRUE(put(*store, response("a", 1)));
  EXPECT_FALSE(has(*store, "a", 2));
  EXPECT_TRUE(store->conversation(2, "a")->empty());
  EXPECT_FALSE(store->erase(2, "a").value_or(true));
  // Nor does one go on with another's conversation.
  ASSERT_TRUE(put(*store, response("b", 2, "a")));
  EXPECT_TRUE(store->conversation(2, "b")->empty());
  EXPECT_TRUE(has(*store, "a", 1));
}

TEST_F(StoreTest, ConversationsAreChains) {
  const auto store = open();
  ASSERT_TRUE(put(*store, response("a")));
  ASSERT_TRUE(put(*store, response("b", 1, "a")));
  ASSERT_TRUE(put(*store, response("c", 1, "b")));
  ASSERT_TRUE(put(*store, response("other", 1, "a")));
  const auto ids = [&](const std::string& id) {
    const auto turns = store->conversation(1, id);
    std::string out;
    for (const StoredResponse& turn : turns.value()) out += turn.id + " ";
    return out;
  };
  EXPECT_EQ(ids("a"), "a ");
  EXPECT_EQ(ids("c"), "a b c ");
  EXPECT_EQ(ids("other"), "a other ");
  EXPECT_TRUE(store->erase(1, "b").value_or(false));
  EXPECT_FALSE(store->erase(1, "b").value_or(true));
  EXPECT_EQ(ids("c"), "");  // a link is gone
  EXPECT_EQ(ids("other"), "a other ");
  EXPECT_TRUE(has(*store, "c"));
}

TEST_F(StoreTest, DeletedTextIsOverwritten) {
  const auto store = open();
  StoredResponse secret = response("a");
  secret.body = "the-secret-words";
  ASSERT_TRUE(put(*store, secret));
  ASSERT_TRUE(put(*store, response("b", 1, "a")));
  const auto on_disk = [&] {
    std::stringstream all;
    for (const auto& entry : fs::directory_iterator(folder_ / "store")) {
      all << std::ifstream(entry.path(), std::ios::binary).rdbuf();
    }
    return all.str().find("the-secret-words") != std::string::npos;
  };
  EXPECT_TRUE(on_disk());
  EXPECT_TRUE(store->erase(1, "a").value_or(false));
  EXPECT_FALSE(on_disk());
}

TEST_F(StoreTest, OldConversationsGo) {
  options_.max_age_s = 100;
  const auto store = open();
  ASSERT_TRUE(put(*store, response("old")));
  ASSERT_TRUE(put(*store, response("used")));
  now_ += 90;
  ASSERT_TRUE(put(*store, response("used again", 1, "used")));
  now_ += 20;
  ASSERT_TRUE(put(*store, response("new")));
  EXPECT_FALSE(has(*store, "old"));
  EXPECT_EQ(store->conversation(1, "used again")->size(), 2U);
  now_ += 1000;
  EXPECT_FALSE(has(*open(), "new"));
}

TEST_F(StoreTest, TheFileIsBounded) {
  options_.max_bytes = kMinStoreBytes;
  const auto store = open();
  for (int i = 0; i < 60; ++i) {
    ++now_;
    ASSERT_TRUE(put(*store, response("r" + std::to_string(i), 1, "", 100'000))) << i;
  }
  EXPECT_FALSE(has(*store, "r40"));
  EXPECT_TRUE(has(*store, "r59"));
  EXPECT_TRUE(has(*store, "r53"));
  const auto large = put(*store, response("large", 1, "", 2'000'000));
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code, ErrorCode::kLimit);
  // A conversation does not push out its own beginning.
  ASSERT_TRUE(put(*store, response("c0", 1, "", 300'000)));
  ASSERT_TRUE(put(*store, response("c1", 1, "c0", 300'000)));
  ASSERT_TRUE(put(*store, response("c2", 1, "c1", 300'000)));
  EXPECT_FALSE(put(*store, response("c3", 1, "c2", 300'000)));
  EXPECT_FALSE(has(*store, "c3"));
  EXPECT_EQ(store->conversation(1, "c2")->size(), 3U);
  ASSERT_TRUE(put(*store, response("small")));
  EXPECT_LT(file_bytes(), 2 * static_cast<std::uintmax_t>(options_.max_bytes));
}

TEST_F(StoreTest, OnlyItsOwnerMayRead) {
  const auto store = open();
  ASSERT_TRUE(put(*store, response("a")));
  const auto mode = [](const fs::path& path) {
    struct stat status{};
    EXPECT_EQ(::stat(path.c_str(), &status), 0);
    return status.st_mode & 0777U;
  };
  EXPECT_EQ(mode(folder_ / "store"), 0700U);
  for (const auto& entry : fs::directory_iterator(folder_ / "store")) {
    EXPECT_EQ(mode(entry.path()), 0600U) << entry.path();
  }
}

TEST_F(StoreTest, ForeignAndBrokenFilesAreRefused) {
  fs::create_directories(folder_ / "store");
  const auto write = [&](const std::string& bytes) {
    std::ofstream(options_.path, std::ios::binary | std::ios::trunc) << bytes;
  };
  write(
      "these are no pages of a database, whatever they are; 0123456789 0123456789 0123456789"
      "0123456789 0123456789");
  EXPECT_NE(refusal().find("not a database"), std::string::npos) << refusal();
  write("");  // as after a crash right at its making
  {
    EXPECT_TRUE(open() != nullptr);
  }

  fs::remove_all(folder_ / "store");
  fs::create_directories(options_.path);
  EXPECT_NE(refusal().find("directory"), std::string::npos) << refusal();
  fs::remove_all(options_.path);
  {
    std::ofstream(options_.path).flush();
    auto other = Database::open(options_.path);
    ASSERT_TRUE(other && (*other)->run("CREATE TABLE notes(text)"));
  }
  EXPECT_NE(refusal().find("another program"), std::string::npos) << refusal();
  fs::remove(options_.path);
  {
    ASSERT_TRUE(put(*open(), response("a")));
  }
  {
    auto later = Database::open(options_.path);
    ASSERT_TRUE(later && (*later)->run("PRAGMA user_version=99"));
  }
  EXPECT_NE(refusal().find("later version"), std::string::npos) << refusal();
}

TEST_F(StoreTest, TornFilesAreRefused) {
  {
    const auto store = open();
    for (int i = 0; i < 20; ++i) {
      ASSERT_TRUE(put(*store, response("r" + std::to_string(i), 1, "", 20'000)));
    }
  }
  const std::uintmax_t whole = file_bytes();
  const fs::path copy = folder_ / "copy";
  fs::copy_file(options_.path, copy);
  for (const std::uintmax_t n : {whole - 1, whole / 2, std::uintmax_t{4096}, std::uintmax_t{50}}) {
    fs::copy_file(copy, options_.path, fs::copy_options::overwrite_existing);
    fs::resize_file(options_.path, n);
    EXPECT_NE(refusal(), "") << n;
  }
  // A page in its middle.
  fs::copy_file(copy, options_.path, fs::copy_options::overwrite_existing);
  std::fstream file(options_.path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(4096);
  file << std::string(4096, '\xee');
  file.close();
  EXPECT_NE(refusal().find("broken"), std::string::npos) << refusal();
  fs::copy_file(copy, options_.path, fs::copy_options::overwrite_existing);
  EXPECT_TRUE(has(*open(), "r7"));
}

TEST_F(StoreTest, AFolderThatCannotBeMadeIsNamed) {
  options_.path = "/proc/ondol/responses.sqlite";
  EXPECT_NE(refusal().find("/proc/ondol"), std::string::npos) << refusal();
}

TEST_F(StoreTest, AFullDiskTakesNothing) {
  const auto store = open();
  ASSERT_TRUE(put(*store, response("before", 1, "", 5000)));
  for (const int number : {ENOSPC, EDQUOT, EFBIG}) {
    const FullDisk full(number);
    for (int i = 0; i < 3; ++i) {
      const auto refused = put(*store, response("x", 1, "before", 50'000));
      ASSERT_FALSE(refused);
      EXPECT_EQ(refused.error().code, ErrorCode::kLimit) << refused.error().message();
    }
    EXPECT_TRUE(has(*store, "before"));
    EXPECT_FALSE(has(*store, "x"));
  }
  ASSERT_TRUE(put(*store, response("x", 1, "before", 50'000)));
  EXPECT_EQ(store->conversation(1, "x")->size(), 2U);
  const FullDisk full;
  fs::remove_all(folder_ / "elsewhere");
  options_.path = (folder_ / "elsewhere" / "responses.sqlite").string();
  EXPECT_NE(refusal().find("disk is full"), std::string::npos) << refusal();
}

TEST_F(StoreTest, ManyThreadsAtOnce) {
  const auto store = open();
  std::vector<std::thread> threads;
  std::atomic<int> n_good = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        const std::string id = std::to_string(t) + "-" + std::to_string(i);
        const bool good = put(*store, response(id)).has_value() && has(*store, id);
        const bool erased = i % 2 == 0 || store->erase(1, id).value_or(false);
        n_good += good && erased ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(n_good, 80);
  std::atomic<int> n_acknowledged = 0;
  for (int i = 0; i < 10; ++i) {
    store->put(response("late" + std::to_string(i)),
               [&](const Result<void>&) { ++n_acknowledged; });
  }
  store->flush();
  EXPECT_EQ(n_acknowledged, 10);
}

// What a response of this name holds, of a size that depends on it.
StoredResponse expected_of(const std::string& id) {
  return response(id, 1, "", 1 + std::hash<std::string>()(id) % 30'000);
}

// A process that puts responses until it is killed, and says which were acknowledged.
[[noreturn]] void put_for_ever(const StoreOptions& options, const std::string& prefix, int out) {
  auto store = ResponseStore::open(options);
  if (!store) std::_Exit(1);
  for (int i = 0;; ++i) {
    const std::string id = prefix + "-" + std::to_string(i);
    std::promise<void> done;
    (*store)->put(expected_of(id), [&](const Result<void>& result) {
      const std::string line = id + "\n";
      if (!result || ::write(out, line.data(), line.size()) < 0) std::_Exit(1);
      done.set_value();
    });
    done.get_future().wait();
  }
}

// Starts one, kills it when it has lived so long after acknowledging so many, and
// answers the ids that it has acknowledged by then.
std::vector<std::string> killed_run(const StoreOptions& options, const std::string& prefix,
                                    int n_least, std::chrono::microseconds life) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    put_for_ever(options, prefix, ends[1]);
  }
  ::close(ends[1]);
  std::string text;
  const auto read_more = [&] {
    char buffer[4096];
    const ssize_t n = ::read(ends[0], buffer, sizeof buffer);
    if (n > 0) text.append(buffer, static_cast<std::size_t>(n));
    return n > 0;
  };
  while (std::count(text.begin(), text.end(), '\n') < n_least && read_more()) {
  }
  std::this_thread::sleep_for(life);
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "it has ended by itself";
  while (read_more()) {
  }
  ::close(ends[0]);
  std::vector<std::string> ids;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) ids.push_back(line);
  return ids;
}

TEST_F(StoreTest, KillLosesNothingAcknowledged) {
  options_.now = nullptr;
  std::mt19937 random(7);
  std::vector<std::string> acknowledged;
  for (int round = 0; round < 20; ++round) {
    const std::chrono::microseconds life(random() % 8'000);
    const int n_least = 1 + static_cast<int>(random() % 5);
    for (std::string& id : killed_run(options_, "r" + std::to_string(round), n_least, life)) {
      acknowledged.push_back(std::move(id));
    }
    const auto store = open();
    ASSERT_TRUE(store);
    for (const std::string& id : acknowledged) {
      const auto found = store->find(1, id);
      ASSERT_TRUE(found && *found) << id << " in round " << round;
      EXPECT_EQ((*found)->body, expected_of(id).body);
    }
  }
  EXPECT_GE(acknowledged.size(), 20U);
}

TEST_F(StoreTest, KillWhileItIsMadeLeavesAStore) {
  options_.now = nullptr;
  std::mt19937 random(11);
  for (int round = 0; round < 15; ++round) {
    fs::remove_all(folder_ / "store");
    const auto ids = killed_run(options_, "r", 0, std::chrono::microseconds(random() % 15'000));
    const auto store = open();
    ASSERT_TRUE(store) << round;
    for (const std::string& id : ids) EXPECT_TRUE(has(*store, id));
    EXPECT_TRUE(put(*store, response("new")));
  }
}

}  // namespace
}  // namespace ondol::api
