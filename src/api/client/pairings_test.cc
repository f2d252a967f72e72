#include "api/client/pairings.h"

#include <gtest/gtest.h>

#include <cctype>
#include <set>

namespace ondol::api {
namespace {

using std::chrono::seconds;

class PairingsTest : public testing::Test {
 protected:
  Pairings::Started start(const std::string& peer = "10.0.0.1") {
    auto started = pairings_.start(peer, "TV");
    EXPECT_TRUE(started.has_value()) << (started ? "" : started.error().message);
    return started.value_or(Pairings::Started{});
  }
  int start_status(const std::string& peer) {
    const auto started = pairings_.start(peer, "");
    return started ? 200 : started.error().status;
  }
  int claim_status(const std::string& code, std::uint64_t tenant = 1) {
    const auto claimed = pairings_.claim(tenant, code);
    return claimed ? 200 : claimed.error().status;
  }

  Pairings::Clock::time_point now_{};
  Pairings pairings_{[this] { return now_; }};
};

TEST_F(PairingsTest, ACodeForPeopleAndATokenForTheDevice) {
  std::set<std::string> codes;
  std::set<std::string> tokens;
  for (std::size_t i = 0; i < kMaxPairings; ++i) {
    if (i % kMaxStartsPerMinuteOfPeer == 0) now_ += seconds(21);
    const auto started = start("10.0.1." + std::to_string(i / kMaxStartsPerMinuteOfPeer));
    EXPECT_EQ(started.code.size(), kPairingCodeLength);
    EXPECT_EQ(started.code.find_first_not_of(kPairingLetters), std::string::npos);
    EXPECT_EQ(started.token.size(), kPairingTokenLength);
    codes.insert(started.code);
    tokens.insert(started.token);
  }
  EXPECT_EQ(codes.size(), kMaxPairings);
  EXPECT_EQ(tokens.size(), kMaxPairings);
}

TEST_F(PairingsTest, TheKeyIsGivenOnce) {
  const auto started = start();
  EXPECT_FALSE(pairings_.collect(started.token)->is_approved);
  EXPECT_EQ(pairings_.claim(1, started.code), "TV");
  EXPECT_FALSE(pairings_.collect(started.token)->is_approved);
  pairings_.give(started.code, "key");
  const auto collected = pairings_.collect(started.token);
  ASSERT_TRUE(collected);
  EXPECT_TRUE(collected->is_approved);
  EXPECT_EQ(collected->key, "key");
  EXPECT_FALSE(pairings_.collect(started.token));
  EXPECT_EQ(claim_status(started.code), 404);
}

TEST_F(PairingsTest, OnePersonAtATime) {
  const auto started = start();
  EXPECT_EQ(claim_status(started.code, 1), 200);
  EXPECT_EQ(claim_status(started.code, 2), 404);
  pairings_.give_up(started.code);
  EXPECT_EQ(claim_status(started.code, 2), 200);
}

TEST_F(PairingsTest, CodesAsPeopleTypeThem) {
  auto started = start();
  std::string typed = " " + started.code.substr(0, 3) + "-" + started.code.substr(3);
  for (char& c : typed) c = static_cast<char>(std::tolower(c));
  EXPECT_EQ(claim_status(typed), 200);
  EXPECT_EQ(claim_status("", 2), 404);
  EXPECT_EQ(claim_status(std::string(10'000, ' '), 2), 404);
  EXPECT_EQ(claim_status(std::string("\0", 1), 2), 404);
}

TEST_F(PairingsTest, GoneAfterFiveMinutes) {
  const auto started = start();
  now_ += kPairingTime - seconds(1);
  EXPECT_TRUE(pairings_.collect(started.token));
  EXPECT_EQ(claim_status(started.code), 200);
  pairings_.give(started.code, "key");
  now_ += seconds(1);
  EXPECT_FALSE(pairings_.collect(started.token));
}

TEST_F(PairingsTest, WrongCodesAreFew) {
  const auto started = start();
  for (std::size_t i = 0; i < kMaxWrongCodesPerMinute; ++i) {
    EXPECT_EQ(claim_status("AAAAA" + std::to_string(i % 2)), 404);
    now_ += seconds(1);
  }
  // Not even with the right one, and another key is not held up.
  const auto refused = pairings_.claim(1, started.code);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, 429);
  EXPECT_EQ(refused.error().retry_after_s, 55);
  EXPECT_EQ(claim_status("AAAAA1", 2), 404);
  now_ += seconds(55);
  EXPECT_EQ(claim_status(started.code), 200);
}

TEST_F(PairingsTest, DevicesCannotFillTheServer) {
  for (std::size_t i = 0; i < kMaxStartsPerMinuteOfPeer; ++i) start("10.0.0.1");
  EXPECT_EQ(start_status("10.0.0.1"), 429);
  // Another address has its own, but all together are bounded, too.
  std::size_t n = kMaxStartsPerMinuteOfPeer;
  for (; n < kMaxStartsPerMinute; ++n) EXPECT_EQ(start_status("10.1.0." + std::to_string(n)), 200);
  EXPECT_EQ(start_status("10.2.0.1"), 429);
  now_ += seconds(60);
  for (std::size_t i = 0; i < kMaxStartsPerMinute; ++i) {
    EXPECT_EQ(start_status("10.3.0." + std::to_string(i)), 200);
  }
  now_ += seconds(60);
  for (n += kMaxStartsPerMinute; n < kMaxPairings; ++n) {
    EXPECT_EQ(start_status("10.4.0." + std::to_string(n)), 200);
  }
  const auto refused = pairings_.start("10.5.0.1", "");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, 429);
  EXPECT_EQ(refused.error().retry_after_s, 180);
  now_ += seconds(180);
  EXPECT_EQ(start_status("10.5.0.1"), 200);
}

TEST_F(PairingsTest, TokensThatAreNone) {
  const auto started = start();
  for (const std::string& token : {std::string(), std::string("x"), started.token.substr(1),
                                   started.token + "0", std::string(64, '0'), started.code}) {
    EXPECT_FALSE(pairings_.collect(token)) << token;
  }
}

}  // namespace
}  // namespace ondol::api
