// A fast 64-bit checksum against accidents (a bad disk, a torn write), not
// against people: whoever can choose the bytes can also choose the sum.
//
// Eight lanes of 64-bit words, each step of a lane a bijection of the word it
// takes, so that a change within any one word always changes the sum; other
// changes go unseen with a chance of about 2^-64. Runs near memory speed.
// The sum is of the machine's byte order: for files that stay on the machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace ondol {

std::uint64_t checksum64(std::span<const std::byte> bytes);

}  // namespace ondol
