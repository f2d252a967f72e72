#include "api/access.h"

#include <gtest/gtest.h>

namespace ondol::api {
namespace {

using Clock = Access::Clock;

ApiKey key(const std::string& name, const std::string& secret) {
  ApiKey out;
  out.name = name;
  out.digest = digest_of(secret);
  return out;
}

struct Setting {
  explicit Setting(std::vector<ApiKey> keys) : access(std::move(keys), [this] { return now; }) {}
  void pass(double seconds) {
    now += std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  }
  Clock::time_point now{};
  Access access;
};

TEST(Access, OpenWithoutKeys) {
  Setting setting({});
  const auto caller = setting.access.admit(std::nullopt);
  ASSERT_TRUE(caller.has_value());
  EXPECT_EQ((*caller)->tenant(), 0U);
  EXPECT_EQ((*caller)->key_name(), "");
  (*caller)->charge(1000);
}

TEST(Access, KnowsItsKeysOnly) {
  Setting setting({key("a", "secret-a"), key("b", "secret-b")});
  for (const auto& wrong : {"", "secret-", "secret-c", "SECRET-A", "secret-a "}) {
    const auto caller = setting.access.admit(wrong);
    ASSERT_FALSE(caller.has_value());
    EXPECT_EQ(caller.error().status, 401);
    EXPECT_EQ(caller.error().code, "invalid_api_key");
    EXPECT_EQ(http::find_header(caller.error().headers, "WWW-Authenticate"), "Bearer");
    EXPECT_EQ(caller.error().message.find("secret"), std::string::npos);
  }
  EXPECT_EQ(setting.access.admit(std::nullopt).error().status, 401);
  const auto a = setting.access.admit("secret-a");
  const auto b = setting.access.admit("secret-b");
  ASSERT_TRUE(a && b);
  EXPECT_EQ((*b)->key_name(), "b");
  EXPECT_NE((*a)->tenant(), (*b)->tenant());
  // The same after a restart.
  Setting again({key("z", "secret-b")});
  EXPECT_EQ((*again.access.admit("secret-b"))->tenant(), (*b)->tenant());
}

TEST(Access, ConcurrentRequests) {
  ApiKey limited = key("a", "secret-a");
  limited.max_concurrent = 2;
  Setting setting({limited});
  auto first = setting.access.admit("secret-a");
  auto second = setting.access.admit("secret-a");
  ASSERT_TRUE(first && second);
  const auto third = setting.access.admit("secret-a");
  ASSERT_FALSE(third.has_value());
  EXPECT_EQ(third.error().status, 429);
  EXPECT_GE(third.error().retry_after_s, 1);
  first->reset();
  EXPECT_TRUE(setting.access.admit("secret-a").has_value());
}

TEST(Access, RequestsPerMinute) {
  ApiKey limited = key("a", "secret-a");
  limited.requests_per_minute = 6;
  Setting setting({limited});
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(setting.access.admit("secret-a").has_value());
  const auto refused = setting.access.admit("secret-a");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().status, 429);
  EXPECT_EQ(refused.error().retry_after_s, 10);
  setting.pass(9.9);
  EXPECT_FALSE(setting.access.admit("secret-a").has_value());
  setting.pass(0.2);
  EXPECT_TRUE(setting.access.admit("secret-a").has_value());
}

TEST(Access, TokensPerMinute) {
  ApiKey limited = key("a", "secret-a");
  limited.tokens_per_minute = 60;
  Setting setting({limited});
  {
    const auto caller = setting.access.admit("secret-a");
    ASSERT_TRUE(caller.has_value());
    (*caller)->charge(90);  // known only afterwards: paid for by waiting
  }
  const auto refused = setting.access.admit("secret-a");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().retry_after_s, 31);
  setting.pass(31);
  EXPECT_TRUE(setting.access.admit("secret-a").has_value());
}

Device device(const std::string& id, const std::string& owner, const std::string& secret) {
  Device out;
  out.id = id;
  out.owner = digest_of(owner);
  out.digest = digest_of(secret);
  return out;
}

TEST(Access, ADeviceIsItsOwner) {
  ApiKey limited = key("a", "secret-a");
  limited.max_concurrent = 1;
  Setting setting({limited, key("b", "secret-b")});
  setting.access.add_device(device("tv", "secret-a", "secret-tv"));
  const auto as_owner = setting.access.admit("secret-a");
  ASSERT_TRUE(as_owner.has_value());
  // One place for both.
  EXPECT_EQ(setting.access.admit("secret-tv").error().status, 429);
}

TEST(Access, DevicesComeAndGo) {
  Setting setting({key("a", "secret-a")});
  EXPECT_EQ(setting.access.admit("secret-tv").error().status, 401);
  setting.access.add_device(device("tv", "secret-a", "secret-tv"));
  const auto caller = setting.access.admit("secret-tv");
  ASSERT_TRUE(caller.has_value());
  EXPECT_EQ((*caller)->tenant(), (*setting.access.admit("secret-a"))->tenant());
  EXPECT_EQ((*caller)->key_name(), "a");
  EXPECT_EQ(*(*caller)->owner(), digest_of("secret-a"));
  setting.access.remove_device("other");
  EXPECT_TRUE(setting.access.admit("secret-tv").has_value());
  setting.access.remove_device("tv");
  EXPECT_EQ(setting.access.admit("secret-tv").error().status, 401);
}

TEST(Access, ADeviceOfAKeyThatIsGoneIsOut) {
  Setting setting({key("a", "secret-a")});
  setting.access.add_device(device("tv", "secret-of-somebody-else", "secret-tv"));
  EXPECT_EQ(setting.access.admit("secret-tv").error().status, 401);
  Setting open({});
  open.access.add_device(device("tv", "secret-a", "secret-tv"));
  EXPECT_TRUE(open.access.is_open());
}

TEST(KeyOf, HeadersOfBothKinds) {
  EXPECT_EQ(key_of({{"Authorization", "Bearer abc"}}), "abc");
  EXPECT_EQ(key_of({{"authorization", "bearer  abc "}}), "abc");
  EXPECT_EQ(key_of({{"X-Api-Key", "abc"}}), "abc");
  EXPECT_EQ(key_of({{"Authorization", "Basic abc"}}), std::nullopt);
  EXPECT_EQ(key_of({{"Authorization", "Bearer"}}), std::nullopt);
  EXPECT_EQ(key_of({}), std::nullopt);
}

TEST(KeyFile, ReadsKeysWithTheirLimits) {
  const std::string digest(64, 'a');
  const auto keys = parse_key_file(
      R"({"keys":[{"name":"x","sha256":")" + digest + R"(","max_concurrent":2,"priority":-1}]})",
      "keys.json");
  ASSERT_TRUE(keys.has_value()) << keys.error().message();
  ASSERT_EQ(keys->size(), 1U);
  EXPECT_EQ(keys->front().digest[0], 0xaa);
  EXPECT_EQ(keys->front().max_concurrent, 2);
  EXPECT_EQ(keys->front().priority, -1);
}

TEST(KeyFile, NamesWhatIsWrong) {
  const std::string good = "\"sha256\":\"" + std::string(64, '0') + "\"";
  for (const auto& [text, field] : std::vector<std::pair<std::string, std::string>>{
           {"[]", ""},
           {"{}", "keys"},
           {R"({"keys":[]})", "keys"},
           {R"({"keys":[{"name":"x","sha256":"00"}]})", "keys[0].sha256"},
           {"{\"keys\":[{" + good + "}]}", "keys[0].name"},
           {"{\"keys\":[{\"name\":\"x\"," + good + ",\"max_concurrent\":-1}]}",
            "keys[0].max_concurrent"},
           {"{\"keys\":[{\"name\":\"x\"," + good + ",\"tokens\":1}]}", "keys[0].tokens"}}) {
    const auto keys = parse_key_file(text, "keys.json");
    ASSERT_FALSE(keys.has_value()) << text;
    EXPECT_EQ(keys.error().code, ErrorCode::kInvalidFile);
    EXPECT_EQ(keys.error().field, field) << text;
  }
}

}  // namespace
}  // namespace ondol::api
