#include "api/store/client_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>
#include <vector>

#include "api/testing/full_disk.h"

namespace ondol::api {
namespace {

namespace fs = std::filesystem;

bool always(std::optional<std::string_view> /*tag*/) { return true; }
bool if_new(std::optional<std::string_view> tag) { return !tag; }

class ClientStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "ondol-client-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    options_.path = (folder_ / "client" / "client.sqlite").string();
    options_.now = [this] { return now_; };
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::unique_ptr<ClientStore> open() {
    auto store = ClientStore::open(options_);
    EXPECT_TRUE(store.has_value()) << (store ? "" : store.error().message());
    return store ? *std::move(store) : nullptr;
  }
  static std::string document(ClientStore& store, const std::string& id, std::uint64_t tenant = 1) {
    const auto found = store.find(tenant, id);
    EXPECT_TRUE(found.has_value());
    return found && *found ? (*found)->document : "(none)";
  }
  static void put(ClientStore& store, const std::string& id, const std::string& text,
                  std::uint64_t tenant = 1) {
    const auto change = store.put(tenant, id, "title of " + id, text, always);
    ASSERT_TRUE(change.has_value()) << change.error().message();
    EXPECT_TRUE(change->is_done);
  }
  static std::string ids(ClientStore& store, std::int64_t limit, const std::string& after = "",
                         std::uint64_t tenant = 1) {
    const auto page = store.list(tenant, limit, after);
    if (!page) return page.error().detail;
    std::string out;
    for (const Conversation& one : page->conversations) out += one.id + " ";
    return out + (page->has_more ? "..." : ".");
  }
  static Device device(const std::string& id, const std::string& owner) {
    return {.id = id, .name = "TV", .owner = digest_of(owner), .digest = digest_of(id)};
  }

  fs::path folder_;
  std::int64_t now_ = 1'000'000;
  ClientStoreOptions options_;
};

TEST_F(ClientStoreTest, KeepsWhatWasPut) {
  {
    const auto store = open();
    put(*store, "a", R"({"x":1})");
    put(*store, "b", "{}");
    ASSERT_TRUE(store->add_device(device("tv", "key")));
  }
  const auto store = open();
  const auto found = store->find(1, "a");
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->document, R"({"x":1})");
  EXPECT_EQ((*found)->conversation.title, "title of a");
  EXPECT_EQ((*found)->conversation.updated_at, 1'000'000);
  EXPECT_EQ((*found)->conversation.n_bytes, 7);
  ASSERT_EQ(store->devices()->size(), 1U);
  EXPECT_EQ(store->devices()->front().digest, digest_of("tv"));
  struct stat status{};
  ASSERT_EQ(::stat(options_.path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(ClientStoreTest, AConditionIsAskedFirst) {
  const auto store = open();
  ASSERT_TRUE(store->put(1, "a", "", "1", if_new)->is_done);
  const auto refused = store->put(1, "a", "", "2", if_new);
  ASSERT_TRUE(refused.has_value());
  EXPECT_FALSE(refused->is_done);
  EXPECT_EQ(refused->tag, store->find(1, "a")->value().conversation.tag);
  EXPECT_EQ(document(*store, "a"), "1");
  EXPECT_FALSE(store->erase(1, "a", if_new)->is_done);
  EXPECT_TRUE(store->erase(1, "a", always)->is_done);
  EXPECT_FALSE(store->erase(1, "a", always)->is_done);
  EXPECT_EQ(document(*store, "a"), "(none)");
}

TEST_F(ClientStoreTest, OthersSeeNothing) {
  const auto store = open();
  put(*store, "a", "mine", 1);
  put(*store, "a", "yours", 2);
  EXPECT_EQ(document(*store, "a", 1), "mine");
  EXPECT_EQ(document(*store, "a", 2), "yours");
  EXPECT_EQ(document(*store, "a", UINT64_MAX), "(none)");
  EXPECT_FALSE(store->erase(3, "a", always)->is_done);
  EXPECT_EQ(ids(*store, 10, "", 3), ".");
  ASSERT_TRUE(store->add_device(device("tv", "key")));
  EXPECT_EQ(*store->erase_device(digest_of("other"), "tv"), false);
  EXPECT_TRUE(store->devices_of(digest_of("other"))->empty());
  EXPECT_EQ(*store->erase_device(digest_of("key"), "tv"), true);
  EXPECT_TRUE(store->devices()->empty());
}

TEST_F(ClientStoreTest, PagesWithWhatWasWrittenLastFirst) {
  const auto store = open();
  for (const auto* id : {"a", "b", "c", "d"}) put(*store, id, "{}");
  put(*store, "b", "{\"again\":1}");
  EXPECT_EQ(ids(*store, 2), "b d ...");
  EXPECT_EQ(ids(*store, 2, "d"), "c a .");
  EXPECT_EQ(ids(*store, 4), "b d c a .");
  EXPECT_EQ(ids(*store, 10, "a"), ".");
  EXPECT_EQ(ids(*store, 10, "x"), "there is no such conversation");
}

TEST_F(ClientStoreTest, BoundsOfATenant) {
  options_.max_conversations = 2;
  options_.max_conversation_bytes = 100;
  options_.max_devices = 1;
  const auto store = open();
  put(*store, "a", std::string(60, 'a'));
  put(*store, "b", std::string(40, 'b'));
  const auto more = store->put(1, "c", "", "c", always);
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, ErrorCode::kLimit);
  EXPECT_EQ(more.error().field, "conversations");
  const auto larger = store->put(1, "b", "", std::string(41, 'b'), always);
  ASSERT_FALSE(larger);
  EXPECT_EQ(larger.error().field, "bytes");
  EXPECT_EQ(larger.error().value, "101");
  EXPECT_EQ(document(*store, "b"), std::string(40, 'b'));
  put(*store, "b", "smaller");
  put(*store, "c", "of another", 2);
  ASSERT_TRUE(store->add_device(device("tv", "key")));
  EXPECT_EQ(store->add_device(device("tv2", "key")).error().field, "devices");
  EXPECT_TRUE(store->add_device(device("tv3", "other key")));
}

TEST_F(ClientStoreTest, TheFileIsBounded) {
  options_.max_bytes = 1 << 20;
  const auto store = open();
  Result<ClientStore::Change> change = ClientStore::Change{};
  int n = 0;
  for (; change && n < 100; ++n) {
    change = store->put(1, std::to_string(n), "", std::string(100'000, 'x'), always);
  }
  ASSERT_FALSE(change);
  EXPECT_EQ(change.error().code, ErrorCode::kLimit);
  EXPECT_TRUE(change.error().field.empty());
  EXPECT_GT(n, 5);
  EXPECT_LE(fs::file_size(options_.path), std::uintmax_t{1} << 20);
  EXPECT_TRUE(store->erase(1, "0", always)->is_done);
  put(*store, "new", std::string(50'000, 'x'));
}

TEST_F(ClientStoreTest, AFullDiskTakesNothing) {
  const auto store = open();
  put(*store, "a", "before");
  {
    const FullDisk full;
    const auto change = store->put(1, "a", "", std::string(100'000, 'x'), always);
    ASSERT_FALSE(change);
    EXPECT_EQ(change.error().code, ErrorCode::kLimit) << change.error().message();
    EXPECT_FALSE(store->add_device(device("tv", "key")));
    EXPECT_EQ(document(*store, "a"), "before");
  }
  put(*store, "a", "after");
  EXPECT_EQ(document(*store, "a"), "after");
  EXPECT_TRUE(store->devices()->empty());
}

TEST_F(ClientStoreTest, WhatIsErasedIsNotInTheFiles) {
  const auto store = open();
  put(*store, "a", "a-very-secret-word");
  ASSERT_TRUE(store->erase(1, "a", always)->is_done);
  for (const auto& file : fs::directory_iterator(folder_ / "client")) {
    std::ifstream in(file.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    EXPECT_EQ(bytes.find("a-very-secret-word"), std::string::npos) << file.path();
  }
}

TEST_F(ClientStoreTest, OneWriterWinsEachRound) {
  const auto store = open();
  std::atomic<int> n_won = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int round = 0; round < 10; ++round) {
        const auto change = store->put(1, std::to_string(round), "", std::to_string(t), if_new);
        n_won += change && change->is_done ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(n_won, 10);
}

TEST_F(ClientStoreTest, AFileThatIsNoDatabase) {
  fs::create_directories(folder_ / "client");
  {
    std::ofstream(options_.path) << "notes, and no database. " << std::string(200, 'x');
  }
  const auto refused = ClientStore::open(options_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidFile);
}

}  // namespace
}  // namespace ondol::api
