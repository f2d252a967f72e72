#include "api/client/pairings.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <iterator>

namespace ondol::api {
namespace {

using std::chrono::minutes;

constexpr std::size_t kSecretBytes = kPairingTokenLength / 2;

Result<void> fill_random(unsigned char* bytes, std::size_t n_bytes) {
  if (RAND_bytes(bytes, static_cast<int>(n_bytes)) == 1) return {};
  return fail(ErrorCode::kInternal, "", "", "the system gives no random bytes");
}

Result<std::string> random_code() {
  // Bytes beyond the last multiple are thrown away, so that each letter is as likely.
  constexpr unsigned kEnd = 256 / kPairingLetters.size() * kPairingLetters.size();
  std::string out;
  while (out.size() < kPairingCodeLength) {
    unsigned char byte = 0;
    ONDOL_TRY_VOID(fill_random(&byte, 1));
    if (byte < kEnd) out += kPairingLetters[byte % kPairingLetters.size()];
  }
  return out;
}

// As people type it: "ack-3 4y".
std::string normal_code(std::string_view typed) {
  std::string out;
  for (const char c : typed.substr(0, 4 * kPairingCodeLength)) {
    if (c == ' ' || c == '-') continue;
    out += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return out;
}

Refusal too_many(std::string message, std::chrono::steady_clock::duration wait) {
  Refusal out;
  out.status = 429;
  out.type = "rate_limit_error";
  out.code = "rate_limit_exceeded";
  out.message = std::move(message);
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait).count();
  out.retry_after_s = static_cast<int>(std::max<std::int64_t>(seconds, 1));
  return out;
}

}  // namespace

Result<std::string> random_secret() {
  std::array<unsigned char, kSecretBytes> bytes{};
  ONDOL_TRY_VOID(fill_random(bytes.data(), bytes.size()));
  std::string out;
  for (const unsigned char byte : bytes) out += fmt::format("{:02x}", byte);
  return out;
}

void Pairings::forget_old(Clock::time_point now) {
  std::erase_if(pairings_, [&](Pairing& pairing) {
    if (pairing.expires_at > now) return false;
    OPENSSL_cleanse(pairing.key.data(), pairing.key.size());
    return true;
  });
  while (!starts_.empty() && now - starts_.front().at >= minutes(1)) starts_.pop_front();
  for (auto entry = wrong_codes_.begin(); entry != wrong_codes_.end();) {
    auto& times = entry->second;
    while (!times.empty() && now - times.front() >= minutes(1)) times.pop_front();
    entry = times.empty() ? wrong_codes_.erase(entry) : std::next(entry);
  }
}

// All are compared, and each wholly: the time tells nothing of how near a guess was.
Pairings::Pairing* Pairings::find(std::string Pairing::* field, std::string_view value) {
  Pairing* found = nullptr;
  for (Pairing& pairing : pairings_) {
    const std::string& own = pairing.*field;
    if (own.size() == value.size() && CRYPTO_memcmp(own.data(), value.data(), own.size()) == 0) {
      found = &pairing;
    }
  }
  return found;
}

OrRefusal<Pairings::Started> Pairings::start(std::string_view peer, std::string name) {
  const auto now = now_();
  const std::lock_guard lock(mutex_);
  forget_old(now);
  const auto is_of_peer = [&](const Start& start) { return start.peer == peer; };
  const auto n_of_peer = std::count_if(starts_.begin(), starts_.end(), is_of_peer);
  if (n_of_peer >= static_cast<std::ptrdiff_t>(kMaxStartsPerMinuteOfPeer)) {
    const auto first = std::find_if(starts_.begin(), starts_.end(), is_of_peer);
    return tl::unexpected(
        too_many(fmt::format("a device may ask for {} codes a minute", kMaxStartsPerMinuteOfPeer),
                 first->at + minutes(1) - now));
  }
  if (starts_.size() >= kMaxStartsPerMinute) {
    return tl::unexpected(
        too_many(fmt::format("all devices may ask for {} codes a minute", kMaxStartsPerMinute),
                 starts_.front().at + minutes(1) - now));
  }
  if (pairings_.size() >= kMaxPairings) {
    return tl::unexpected(too_many(fmt::format("{} codes are waiting already", kMaxPairings),
                                   pairings_.front().expires_at - now));
  }
  Pairing pairing;
  do {
    ONDOL_TRY(pairing.code, random_code());
  } while (find(&Pairing::code, pairing.code) != nullptr);
  ONDOL_TRY(pairing.token, random_secret());
  pairing.name = std::move(name);
  pairing.expires_at = now + kPairingTime;
  Started out{pairing.code, pairing.token};
  pairings_.push_back(std::move(pairing));
  starts_.push_back({std::string(peer), now});
  return out;
}

OrRefusal<std::string> Pairings::claim(std::uint64_t tenant, std::string_view code) {
  const auto now = now_();
  const std::lock_guard lock(mutex_);
  forget_old(now);
  if (const auto wrong = wrong_codes_.find(tenant);
      wrong != wrong_codes_.end() && wrong->second.size() >= kMaxWrongCodesPerMinute) {
    return tl::unexpected(
        too_many(fmt::format("{} wrong codes within a minute", kMaxWrongCodesPerMinute),
                 wrong->second.front() + minutes(1) - now));
  }
  Pairing* const pairing = find(&Pairing::code, normal_code(code));
  if (pairing == nullptr || pairing->state != State::kOpen) {
    wrong_codes_[tenant].push_back(now);
    return tl::unexpected(not_found("no device shows this code now", "pairing_not_found", "code"));
  }
  pairing->state = State::kClaimed;
  return pairing->name;
}

void Pairings::give(std::string_view code, std::string key) {
  const std::lock_guard lock(mutex_);
  Pairing* const pairing = find(&Pairing::code, normal_code(code));
  if (pairing == nullptr) return;
  pairing->state = State::kApproved;
  pairing->key = std::move(key);
}

void Pairings::give_up(std::string_view code) {
  const std::lock_guard lock(mutex_);
  if (Pairing* const pairing = find(&Pairing::code, normal_code(code))) {
    pairing->state = State::kOpen;
  }
}

std::optional<Pairings::Collected> Pairings::collect(std::string_view token) {
  const auto now = now_();
  const std::lock_guard lock(mutex_);
  forget_old(now);
  Pairing* const pairing = find(&Pairing::token, token);
  if (pairing == nullptr) return std::nullopt;
  if (pairing->state != State::kApproved) return Collected{};
  Collected out{true, std::move(pairing->key)};
  pairings_.erase(pairings_.begin() + (pairing - pairings_.data()));
  return out;
}

}  // namespace ondol::api
