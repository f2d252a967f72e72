// Reads little-endian values off the front of a span; the one place where GGUF
// parsing touches raw bytes. Every take either fits in what is left or is
// nullopt and moves nothing. Private to gguf*.cc.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

namespace ondol::format {

static_assert(std::endian::native == std::endian::little, "GGUF values are read as they lie");

class GgufCursor {
 public:
  explicit GgufCursor(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::uint64_t position() const { return position_; }
  std::uint64_t remaining() const { return bytes_.size() - position_; }
  /// What has been taken since position() was `start`.
  std::span<const std::byte> taken_since(std::uint64_t start) const {
    return bytes_.subspan(start, position_ - start);
  }

  template <class T>
  std::optional<T> take() {
    if (remaining() < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes_.data() + position_, sizeof(T));
    position_ += sizeof(T);
    return value;
  }

  std::optional<std::string_view> take_bytes(std::uint64_t n) {
    if (remaining() < n) return std::nullopt;
    const char* start = reinterpret_cast<const char*>(bytes_.data() + position_);
    position_ += n;
    return std::string_view(start, n);
  }

  /// A u64 length and that many bytes.
  std::optional<std::string_view> take_string() {
    const std::uint64_t before = position_;
    const auto length = take<std::uint64_t>();
    if (!length) return std::nullopt;
    const auto text = take_bytes(*length);
    if (!text) position_ = before;
    return text;
  }

 private:
  std::span<const std::byte> bytes_;
  std::uint64_t position_ = 0;
};

}  // namespace ondol::format
