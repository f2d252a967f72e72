#include "base/checksum.h"

#include <array>
#include <bit>
#include <cstring>

namespace ondol {
namespace {

constexpr std::size_t kLanes = 8;
constexpr std::size_t kStripe = kLanes * sizeof(std::uint64_t);
constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15ULL;  // 2^64 / the golden ratio

// A bijection of `word` for any `state`, and of `state` for any `word`.
std::uint64_t mixed(std::uint64_t state, std::uint64_t word) {
  return std::rotl((state ^ word) * kOdd, 29);
}

void take_stripe(std::array<std::uint64_t, kLanes>& lanes, const std::byte* from) {
  for (std::size_t i = 0; i < kLanes; ++i) {
    std::uint64_t word;
    std::memcpy(&word, from + i * sizeof(word), sizeof(word));
    lanes[i] = mixed(lanes[i], word);
  }
}

}  // namespace

std::uint64_t checksum64(std::span<const std::byte> bytes) {
  std::array<std::uint64_t, kLanes> lanes;
  for (std::size_t i = 0; i < kLanes; ++i) lanes[i] = (i + 1) * kOdd;
  std::size_t at = 0;
  for (; at + kStripe <= bytes.size(); at += kStripe) take_stripe(lanes, bytes.data() + at);
  if (at < bytes.size()) {
    std::array<std::byte, kStripe> last{};
    std::memcpy(last.data(), bytes.data() + at, bytes.size() - at);
    take_stripe(lanes, last.data());
  }
  std::uint64_t sum = bytes.size();  // tells the padding of the last stripe from bytes of zero
  for (const std::uint64_t lane : lanes) sum = mixed(sum, lane ^ (lane >> 32U));
  return sum ^ (sum >> 31U);
}

}  // namespace ondol
