#include "api/access.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace ondol::api {
namespace {

Refusal unauthorized(std::string message, std::string code) {
  Refusal out;
  out.status = 401;
  out.type = "authentication_error";
  out.code = std::move(code);
  out.message = std::move(message);
  out.headers.emplace_back("WWW-Authenticate", "Bearer");
  return out;
}

Refusal too_many(std::string message, int retry_after_s) {
  Refusal out;
  out.status = 429;
  out.type = "rate_limit_error";
  out.code = "rate_limit_exceeded";
  out.message = std::move(message);
  out.retry_after_s = retry_after_s;
  return out;
}

bool equals_ignoring_case(std::string_view a, std::string_view lower) {
  return a.size() == lower.size() &&
         std::equal(a.begin(), a.end(), lower.begin(), [](char x, char y) {
           return (x >= 'A' && x <= 'Z' ? static_cast<char>(x - 'A' + 'a') : x) == y;
         });
}

bool are_equal(const KeyDigest& a, const KeyDigest& b) {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

KeyDigest digest_of(std::string_view key) {
  KeyDigest out{};
  SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), out.data());
  return out;
}

std::optional<std::string_view> key_of(const http::Headers& headers) {
  if (const auto key = http::find_header(headers, "x-api-key")) return key;
  const auto value = http::find_header(headers, "authorization");
  constexpr std::string_view kScheme = "bearer ";
  if (!value || !equals_ignoring_case(value->substr(0, kScheme.size()), kScheme)) {
    return std::nullopt;
  }
  std::string_view key = value->substr(kScheme.size());
  while (!key.empty() && key.front() == ' ') key.remove_prefix(1);
  while (!key.empty() && key.back() == ' ') key.remove_suffix(1);
  return key;
}

Admission::~Admission() {
  if (access_ == nullptr) return;
  const std::lock_guard lock(access_->mutex_);
  --access_->states_[key_].n_running;
}

std::uint64_t Admission::tenant() const {
  if (access_ == nullptr) return 0;
  std::uint64_t out = 0;
  std::memcpy(&out, access_->keys_[key_].digest.data(), sizeof out);
  return out;
}

std::int32_t Admission::priority() const {
  return access_ == nullptr ? 0 : access_->keys_[key_].priority;
}

std::string_view Admission::key_name() const {
  return access_ == nullptr ? std::string_view() : std::string_view(access_->keys_[key_].name);
}

const KeyDigest* Admission::owner() const {
  return access_ == nullptr ? nullptr : &access_->keys_[key_].digest;
}

void Admission::charge(std::int64_t n_tokens) const {
  if (access_ == nullptr) return;
  const std::lock_guard lock(access_->mutex_);
  access_->states_[key_].tokens.level -= static_cast<double>(n_tokens);
}

void Access::Bucket::fill(double per_minute, Clock::time_point now) {
  const std::chrono::duration<double, std::ratio<60>> passed = now - filled_at;
  level = std::min(per_minute, level + passed.count() * per_minute);
  filled_at = now;
}

int Access::Bucket::seconds_until(double wanted, double per_minute) const {
  const double seconds = std::ceil((wanted - level) * 60 / per_minute);
  return static_cast<int>(std::clamp(seconds, 1.0, 3600.0));
}

Access::Access(std::vector<ApiKey> keys, std::function<Clock::time_point()> now)
    : keys_(std::move(keys)), now_(std::move(now)), states_(keys_.size()) {
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    states_[i].requests = {static_cast<double>(keys_[i].requests_per_minute), now_()};
    states_[i].tokens = {static_cast<double>(keys_[i].tokens_per_minute), now_()};
  }
}

std::optional<std::size_t> Access::find_key(const KeyDigest& digest) const {
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    if (are_equal(digest, keys_[i].digest)) found = i;
  }
  return found;
}

std::optional<std::size_t> Access::find_device(const KeyDigest& digest) {
  const std::lock_guard lock(mutex_);
  std::optional<std::size_t> found;
  for (const KnownDevice& device : devices_) {
    if (are_equal(digest, device.digest)) found = device.key;
  }
  return found;
}

void Access::add_device(const Device& device) {
  const auto key = find_key(device.owner);
  if (!key) return;
  const std::lock_guard lock(mutex_);
  devices_.push_back({device.id, device.digest, *key});
}

void Access::remove_device(std::string_view id) {
  const std::lock_guard lock(mutex_);
  std::erase_if(devices_, [&](const KnownDevice& device) { return device.id == id; });
}

OrRefusal<std::shared_ptr<const Admission>> Access::admit(std::optional<std::string_view> key) {
  if (is_open()) return std::make_shared<const Admission>(nullptr, 0);
  if (!key) {
    return tl::unexpected(
        unauthorized("no API key: send it as 'Authorization: Bearer KEY' or 'x-api-key: KEY'",
                     "missing_api_key"));
  }
  const KeyDigest digest = digest_of(*key);
  const auto of_key = find_key(digest);
  const auto of_device = find_device(digest);
  const auto found = of_key ? of_key : of_device;
  if (!found) return tl::unexpected(unauthorized("the API key is not known", "invalid_api_key"));

  const ApiKey& limits = keys_[*found];
  const std::lock_guard lock(mutex_);
  State& state = states_[*found];
  const auto now = now_();
  if (limits.max_concurrent > 0 && state.n_running >= limits.max_concurrent) {
    return tl::unexpected(
        too_many(fmt::format("this key may have {} requests at a time", limits.max_concurrent), 1));
  }
  if (limits.tokens_per_minute > 0) {
    const auto rate = static_cast<double>(limits.tokens_per_minute);
    state.tokens.fill(rate, now);
    if (state.tokens.level < 1) {
      return tl::unexpected(
          too_many(fmt::format("this key may use {} tokens a minute", limits.tokens_per_minute),
                   state.tokens.seconds_until(1, rate)));
    }
  }
  if (limits.requests_per_minute > 0) {
    const auto rate = static_cast<double>(limits.requests_per_minute);
    state.requests.fill(rate, now);
    if (state.requests.level < 1) {
      return tl::unexpected(too_many(
          fmt::format("this key may make {} requests a minute", limits.requests_per_minute),
          state.requests.seconds_until(1, rate)));
    }
    state.requests.level -= 1;
  }
  ++state.n_running;
  return std::make_shared<const Admission>(this, *found);
}

}  // namespace ondol::api
