// Letting in a device that cannot type a key, a TV: it shows a short code, somebody who
// has a key types it, and the device gets a key of its own.
//
//   device   start()  -> a code for people, a token for itself
//   person   claim(), then give() with the new key, or give_up()
//   device   collect() with its token -> the key, once
//
// All in memory, for five minutes. Anybody may start one, so their number is bounded, for
// each address and together; a token has 256 bits, and a key has few wrong codes a minute.
//
// Owner: the Api. Threads: any.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/errors.h"

namespace ondol::api {

/// What stands before a token or a code in paths; these are no text for a log.
inline constexpr std::string_view kPairingPath = "/v1/ondol/pairings/";

/// Capitals and digits of which none looks like another.
inline constexpr std::string_view kPairingLetters = "ACDEFGHJKMNPQRTUVWXY3479";
inline constexpr std::size_t kPairingCodeLength = 6;
inline constexpr std::size_t kPairingTokenLength = 64;  // hex digits
inline constexpr std::size_t kMaxPairings = 64;
inline constexpr std::size_t kMaxStartsPerMinute = 30;
inline constexpr std::size_t kMaxStartsPerMinuteOfPeer = 6;
inline constexpr std::size_t kMaxWrongCodesPerMinute = 5;
inline constexpr std::chrono::seconds kPairingTime{300};

/// 256 random bits as hex digits. Errors: kInternal, when the system has no entropy.
Result<std::string> random_secret();

class Pairings {
 public:
  using Clock = std::chrono::steady_clock;
  explicit Pairings(std::function<Clock::time_point()> now = Clock::now) : now_(std::move(now)) {}

  struct Started {
    std::string code;
    std::string token;
  };
  /// `peer`: the device's address. Errors: 429 with Retry-After.
  OrRefusal<Started> start(std::string_view peer, std::string name);

  /// The name of the device that shows the code, which is `tenant`'s now until give() or
  /// give_up(). Letters of either case, spaces and hyphens between them are ignored.
  /// Errors: 404; 429 with Retry-After after too many wrong codes.
  OrRefusal<std::string> claim(std::uint64_t tenant, std::string_view code);
  void give(std::string_view code, std::string key);
  void give_up(std::string_view code);

  struct Collected {
    bool is_approved = false;
    std::string key;  // of one that is approved, which is forgotten with this
  };
  /// nullopt: no such token, or it was too late.
  std::optional<Collected> collect(std::string_view token);

 private:
  enum class State : std::uint8_t { kOpen, kClaimed, kApproved };
  struct Pairing {
    std::string code;
    std::string token;
    std::string name;
    State state = State::kOpen;
    std::string key;
    Clock::time_point expires_at;
  };
  struct Start {
    std::string peer;
    Clock::time_point at;
  };

  // REQUIRES of all: mutex_ held.
  void forget_old(Clock::time_point now);
  Pairing* find(std::string Pairing::* field, std::string_view value);

  const std::function<Clock::time_point()> now_;
  std::mutex mutex_;
  std::vector<Pairing> pairings_;
  std::deque<Start> starts_;                                            // of the last minute
  std::map<std::uint64_t, std::deque<Clock::time_point>> wrong_codes_;  // by tenant, the same
};

}  // namespace ondol::api
