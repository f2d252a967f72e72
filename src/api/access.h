// Who may ask, and how much: API keys, kept as SHA-256 digests, each with limits
// of its own. Without any key the server is open, and every caller is one tenant.
//
// Key file, JSON:
//   {"keys": [{"name": "lab", "sha256": "<64 hex digits>", "max_concurrent": 4,
//              "requests_per_minute": 60, "tokens_per_minute": 20000, "priority": 1}]}
// Only name and sha256 are needed; 0 is no limit; higher priority goes first.
//
// Owner: the Api. Threads: any. Time: all keys are looked at whatever is asked,
// and digests compare in constant time.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/errors.h"

namespace ondol::api {

using KeyDigest = std::array<std::uint8_t, 32>;

struct ApiKey {
  std::string name;  // for logs
  KeyDigest digest{};
  std::int64_t max_concurrent = 0;       // requests at a time
  std::int64_t requests_per_minute = 0;  // in bursts of as many
  std::int64_t tokens_per_minute = 0;    // prompt and answer
  std::int32_t priority = 0;             // of its requests in the engine
};

/// Something that was let in by the owner of a key (a TV that was paired), with a key
/// of its own. It is the same caller as its owner, and shares the owner's limits.
struct Device {
  std::string id;
  std::string name;  // for people
  KeyDigest owner{};
  KeyDigest digest{};
  std::int64_t created_at = 0;  // Unix time
};

/// The digest of a key as its owner has it.
KeyDigest digest_of(std::string_view key);

/// Errors: kInvalidFile names the field; `where` is the file.
Result<std::vector<ApiKey>> parse_key_file(std::string_view text, std::string_view where);

class Access;

/// One request that was let in. Holds its place among its key's concurrent
/// requests until it is destroyed.
class Admission {
 public:
  Admission(Access* access, std::size_t key) : access_(access), key_(key) {}
  ~Admission();
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  /// The same for the same key after a restart; 0 when the server is open.
  std::uint64_t tenant() const;
  std::int32_t priority() const;
  std::string_view key_name() const;  // empty when the server is open
  /// Of the configured key, also when a device of its owner asks; null when the server is open.
  const KeyDigest* owner() const;
  /// Tokens that the request took, counted against tokens_per_minute.
  void charge(std::int64_t n_tokens) const;

 private:
  Access* access_;  // outlives it; null: open
  std::size_t key_;
};

class Access {
 public:
  using Clock = std::chrono::steady_clock;
  explicit Access(std::vector<ApiKey> keys, std::function<Clock::time_point()> now = Clock::now);

  bool is_open() const { return keys_.empty(); }
  /// Errors: 401 (no such key), 429 with Retry-After (a limit of the key).
  OrRefusal<std::shared_ptr<const Admission>> admit(std::optional<std::string_view> key);

  /// From now on its key is good; not while its owner's is not among the keys.
  void add_device(const Device& device);
  void remove_device(std::string_view id);

 private:
  friend class Admission;

  // A bucket that holds a minute's worth and fills steadily; it may go below zero
  // when what was taken is known only afterwards.
  struct Bucket {
    double level = 0;
    Clock::time_point filled_at;

    void fill(double per_minute, Clock::time_point now);
    int seconds_until(double wanted, double per_minute) const;
  };
  struct State {
    std::int64_t n_running = 0;
    Bucket requests;
    Bucket tokens;
  };

  struct KnownDevice {
    std::string id;
    KeyDigest digest;
    std::size_t key;  // its owner's
  };

  std::optional<std::size_t> find_key(const KeyDigest& digest) const;
  std::optional<std::size_t> find_device(const KeyDigest& digest);

  const std::vector<ApiKey> keys_;
  const std::function<Clock::time_point()> now_;
  std::mutex mutex_;
  std::vector<State> states_;  // [n_keys]
  std::vector<KnownDevice> devices_;
};

/// The key of "Authorization: Bearer KEY" or "x-api-key: KEY"; nullopt when there is none.
std::optional<std::string_view> key_of(const http::Headers& headers);

}  // namespace ondol::api
