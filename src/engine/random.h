// Random numbers that are the same on every platform: SplitMix64 (Steele, Lea
// and Flood 2014, "Fast Splittable Pseudorandom Number Generators") read as a
// function of seed and counter, so that a draw depends on nothing but the two.
#pragma once

#include <cstdint>

namespace ondol::engine {

constexpr std::uint64_t kGoldenGamma = 0x9E3779B97F4A7C15ULL;

constexpr std::uint64_t mix64(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

/// The counter-th number of the stream that belongs to seed. Every seed,
/// zero included, is good; neighbours have unrelated streams.
constexpr std::uint64_t random_u64(std::uint64_t seed, std::uint64_t counter) {
  return mix64(mix64(seed + kGoldenGamma) + (counter + 1) * kGoldenGamma);
}

/// In [0, 1), a multiple of 2^-53.
constexpr double random_unit(std::uint64_t seed, std::uint64_t counter) {
  return static_cast<double>(random_u64(seed, counter) >> 11) * 0x1.0p-53;
}

}  // namespace ondol::engine
