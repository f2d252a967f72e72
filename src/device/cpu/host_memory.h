// Memory of the CPU device: aligned to 64 bytes, zeroed, and taken from the
// system page by page as it is touched, so that a large KV cache costs what has
// been written to it. Owner: whoever holds the object. Move only.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/error.h"

namespace ondol::device::cpu {

class HostMemory {
 public:
  HostMemory() = default;
  /// Errors: kOutOfMemory. Zero bytes are fine.
  static Result<HostMemory> make(std::size_t size_bytes);
  /// The same, from a multiple of 2 MiB and rounded up to one, in huge pages
  /// where the system has them. REQUIRES: size_bytes > 0.
  static Result<HostMemory> make_huge(std::size_t size_bytes);
  ~HostMemory();
  HostMemory(HostMemory&& other) noexcept;
  HostMemory& operator=(HostMemory&& other) noexcept;

  std::uint8_t* data() const { return data_; }
  std::size_t size() const { return size_; }
  float* floats() const { return reinterpret_cast<float*>(data_); }

 private:
  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace ondol::device::cpu
