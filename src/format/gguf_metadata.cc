#include "format/gguf_metadata.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace ondol::format {
namespace {

// Key of one byte (8 + 1), type (4), value of one byte.
constexpr std::uint64_t kMinPairBytes = 14;

class MetadataReader {
 public:
  MetadataReader(std::string_view where, GgufCursor& cursor)
      : where_(where), cursor_(cursor), out_{Metadata(std::string(where)), {}} {}

  Result<GgufMetadata> read(std::uint64_t n_kv) {
    const std::uint64_t fit = std::min(kMaxKeys, cursor_.remaining() / kMinPairBytes);
    if (n_kv > fit) {
      return fail(ErrorCode::kInvalidFile, where_, "n_kv", "more than the file can hold", n_kv,
                  fit);
    }
    for (std::uint64_t i = 0; i < n_kv; ++i) {
      const std::string nth = fmt::format("key {}", i);
      const auto key = cursor_.take_string();
      if (!key) return truncated_string(where_, nth, cursor_);
      ONDOL_TRY_VOID(check_name(where_, nth, *key));
      const std::uint64_t start = cursor_.position();
      ONDOL_TRY(MetaValue value, read_value(*key));
      if (!out_.values.insert(std::string(*key), std::move(value))) {
        return fail(ErrorCode::kInvalidFile, where_, *key, "key appears twice");
      }
      out_.raw.push_back({*key, cursor_.taken_since(start)});
    }
    return std::move(out_);
  }

 private:
  Result<MetaValue> read_value(std::string_view key) {
    const auto type = cursor_.take<std::uint32_t>();
    if (!type) return truncated(where_, key, cursor_);
    switch (static_cast<GgufType>(*type)) {
      case GgufType::kU8:
        return integer<std::uint8_t>(key);
      case GgufType::kI8:
        return integer<std::int8_t>(key);
      case GgufType::kU16:
        return integer<std::uint16_t>(key);
      case GgufType::kI16:
        return integer<std::int16_t>(key);
      case GgufType::kU32:
        return integer<std::uint32_t>(key);
      case GgufType::kI32:
        return integer<std::int32_t>(key);
      case GgufType::kU64:
        return integer<std::uint64_t>(key);
      case GgufType::kI64:
        return integer<std::int64_t>(key);
      case GgufType::kF32:
        return real<float>(key);
      case GgufType::kF64:
        return real<double>(key);
      case GgufType::kBool:
        return boolean(key);
      case GgufType::kString:
        return string(key);
      case GgufType::kArray:
        return array(key);
    }
    return unknown_type(key, *type);
  }

  template <class T>
  Result<MetaValue> integer(std::string_view key) {
    const auto value = cursor_.take<T>();
    if (!value) return truncated(where_, key, cursor_);
    // Only what int64_t cannot hold stays unsigned.
    if (std::in_range<std::int64_t>(*value)) return MetaValue(static_cast<std::int64_t>(*value));
    return MetaValue(static_cast<std::uint64_t>(*value));
  }

  template <class T>
  Result<MetaValue> real(std::string_view key) {
    const auto value = cursor_.take<T>();
    if (!value) return truncated(where_, key, cursor_);
    return MetaValue(static_cast<double>(*value));
  }

  Result<MetaValue> boolean(std::string_view key) {
    const auto value = cursor_.take<std::uint8_t>();
    if (!value) return truncated(where_, key, cursor_);
    if (*value > 1) {
      return fail(ErrorCode::kInvalidFile, where_, key, "not a boolean", int{*value}, 1);
    }
    return MetaValue(*value == 1);
  }

  Result<MetaValue> string(std::string_view key) {
    const auto value = cursor_.take_string();
    if (!value) return truncated_string(where_, key, cursor_);
    if (value->size() > string_bytes_left_) {
      return fail(ErrorCode::kLimit, where_, key, "too many bytes in strings", value->size(),
                  string_bytes_left_);
    }
    string_bytes_left_ -= value->size();
    return MetaValue(std::string(*value));
  }

  Result<MetaValue> array(std::string_view key) {
    const auto type = cursor_.take<std::uint32_t>();
    const auto n = type ? cursor_.take<std::uint64_t>() : std::nullopt;
    if (!n) return truncated(where_, key, cursor_);
    switch (static_cast<GgufType>(*type)) {
      case GgufType::kU8:
        return integers<std::uint8_t>(key, *n);
      case GgufType::kI8:
        return integers<std::int8_t>(key, *n);
      case GgufType::kU16:
        return integers<std::uint16_t>(key, *n);
      case GgufType::kI16:
        return integers<std::int16_t>(key, *n);
      case GgufType::kU32:
        return integers<std::uint32_t>(key, *n);
      case GgufType::kI32:
        return integers<std::int32_t>(key, *n);
      case GgufType::kU64:
        return integers<std::uint64_t>(key, *n);
      case GgufType::kI64:
        return integers<std::int64_t>(key, *n);
      case GgufType::kF32:
        return reals<float>(key, *n);
      case GgufType::kF64:
        return reals<double>(key, *n);
      case GgufType::kBool:
        return booleans(key, *n);
      case GgufType::kString:
        return strings(key, *n);
      case GgufType::kArray:
        return fail(ErrorCode::kUnsupported, where_, key, "an array of arrays");
    }
    return unknown_type(key, *type);
  }

  // Called before anything is reserved: an array takes memory only for bytes
  // that the file really has.
  Result<void> check_length(std::string_view key, std::uint64_t n, std::uint64_t element_bytes) {
    const std::uint64_t fit = cursor_.remaining() / element_bytes;
    if (n > fit) {
      return fail(ErrorCode::kInvalidFile, where_, key, "array is longer than the rest of the file",
                  n, fit);
    }
    if (n > elements_left_) {
      return fail(ErrorCode::kLimit, where_, key, "too many elements in arrays", n, elements_left_);
    }
    elements_left_ -= n;
    return {};
  }

  template <class T>
  Result<MetaValue> integers(std::string_view key, std::uint64_t n) {
    ONDOL_TRY_VOID(check_length(key, n, sizeof(T)));
    std::vector<std::int64_t> items;
    items.reserve(n);
    for (std::uint64_t i = 0; i < n; ++i) {
      const T item = *cursor_.take<T>();
      if (!std::in_range<std::int64_t>(item)) {
        return fail(ErrorCode::kUnsupported, where_, fmt::format("{}[{}]", key, i),
                    "integer is too large", static_cast<std::uint64_t>(item),
                    std::numeric_limits<std::int64_t>::max());
      }
      items.push_back(static_cast<std::int64_t>(item));
    }
    return MetaValue(MetaArray(std::move(items)));
  }

  template <class T>
  Result<MetaValue> reals(std::string_view key, std::uint64_t n) {
    ONDOL_TRY_VOID(check_length(key, n, sizeof(T)));
    std::vector<double> items;
    items.reserve(n);
    for (std::uint64_t i = 0; i < n; ++i) {
      items.push_back(static_cast<double>(*cursor_.take<T>()));
    }
    return MetaValue(MetaArray(std::move(items)));
  }

  Result<MetaValue> booleans(std::string_view key, std::uint64_t n) {
    ONDOL_TRY_VOID(check_length(key, n, 1));
    std::vector<bool> items;
    items.reserve(n);
    for (std::uint64_t i = 0; i < n; ++i) {
      const std::uint8_t item = *cursor_.take<std::uint8_t>();
      if (item > 1) {
        return fail(ErrorCode::kInvalidFile, where_, fmt::format("{}[{}]", key, i), "not a boolean",
                    int{item}, 1);
      }
      items.push_back(item == 1);
    }
    return MetaValue(MetaArray(std::move(items)));
  }

  Result<MetaValue> strings(std::string_view key, std::uint64_t n) {
    ONDOL_TRY_VOID(check_length(key, n, sizeof(std::uint64_t)));  // an empty string's length
    std::vector<std::string_view> items;
    items.reserve(n);
    for (std::uint64_t i = 0; i < n; ++i) {
      const auto item = cursor_.take_string();
      if (!item) return truncated_string(where_, fmt::format("{}[{}]", key, i), cursor_);
      items.push_back(*item);
    }
    return MetaValue(MetaArray(std::move(items)));
  }

  tl::unexpected<Error> unknown_type(std::string_view key, std::uint32_t type) const {
    return fail(ErrorCode::kInvalidFile, where_, key, "unknown value type", type,
                static_cast<std::uint32_t>(GgufType::kF64));
  }

  std::string_view where_;
  GgufCursor& cursor_;
  GgufMetadata out_;
  std::uint64_t elements_left_ = kMaxArrayElements;
  std::uint64_t string_bytes_left_ = kMaxStringBytes;
};

}  // namespace

Result<GgufMetadata> read_gguf_metadata(std::string_view where, GgufCursor& cursor,
                                        std::uint64_t n_kv) {
  return MetadataReader(where, cursor).read(n_kv);
}

tl::unexpected<Error> truncated(std::string_view where, std::string_view field,
                                const GgufCursor& cursor) {
  return fail(ErrorCode::kInvalidFile, where, field, "the file ends inside it",
              fmt::format("{} bytes left", cursor.remaining()));
}

tl::unexpected<Error> truncated_string(std::string_view where, std::string_view field,
                                       const GgufCursor& cursor) {
  GgufCursor ahead = cursor;
  const auto length = ahead.take<std::uint64_t>();
  if (!length) return truncated(where, field, cursor);
  return fail(ErrorCode::kInvalidFile, where, field, "length is more than the rest of the file",
              *length, ahead.remaining());
}

}  // namespace ondol::format
