#include "format/gguf.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <optional>
#include <unordered_set>

#include "base/checked.h"
#include "format/gguf_cursor.h"
#include "format/gguf_metadata.h"

namespace ondol::format {
namespace {

constexpr std::uint64_t kMinInfoBytes = 33;  // name of one byte, one dimension
constexpr std::uint32_t kMinAlignment = 8;   // docs/gguf.md: a multiple of 8
constexpr std::uint32_t kMaxAlignment = 1 << 21;

/// Types that ggml defines and DType lacks.
struct ForeignType {
  std::uint32_t id;
  std::string_view name;
  std::uint8_t element_bytes;  // 0: packed weights, which cannot be passed over
};
constexpr std::array kForeignTypes = {
    ForeignType{9, "q8_1", 0},    ForeignType{15, "q8_k", 0},    ForeignType{16, "iq2_xxs", 0},
    ForeignType{17, "iq2_xs", 0}, ForeignType{18, "iq3_xxs", 0}, ForeignType{19, "iq1_s", 0},
    ForeignType{21, "iq3_s", 0},  ForeignType{22, "iq2_s", 0},   ForeignType{24, "i8", 1},
    ForeignType{25, "i16", 2},    ForeignType{26, "i32", 4},     ForeignType{27, "i64", 8},
    ForeignType{28, "f64", 8},    ForeignType{29, "iq1_m", 0},   ForeignType{34, "tq1_0", 0},
    ForeignType{35, "tq2_0", 0},  ForeignType{40, "nvfp4", 0},   ForeignType{41, "q1_0", 0},
};
// Once Q4_2, Q4_3, and layouts repacked for one CPU; ggml took them back.
constexpr std::array<std::uint32_t, 8> kRemovedTypes = {4, 5, 31, 32, 33, 36, 37, 38};

struct TensorInfo {
  std::string name;
  Shape shape;
  std::optional<DType> dtype;  // nullopt: to be skipped
  std::string_view foreign_name;
  std::uint64_t offset = 0;  // into the data section
  std::uint64_t n_bytes = 0;
};

class GgufReader {
 public:
  GgufReader(std::string_view where, std::span<const std::byte> bytes)
      : where_(where), bytes_(bytes), cursor_(bytes) {}

  Result<Gguf> read() {
    ONDOL_TRY_VOID(read_version());
    const auto n_tensors = cursor_.take<std::uint64_t>();
    if (!n_tensors) return truncated(where_, "n_tensors", cursor_);
    const auto n_kv = cursor_.take<std::uint64_t>();
    if (!n_kv) return truncated(where_, "n_kv", cursor_);
    ONDOL_TRY_VOID(check_n_tensors(*n_tensors));
    ONDOL_TRY(GgufMetadata metadata, read_gguf_metadata(where_, cursor_, *n_kv));
    ONDOL_TRY_VOID(read_alignment(metadata.values));
    ONDOL_TRY_VOID(check_n_tensors(*n_tensors));
    ONDOL_TRY(std::vector<TensorInfo> infos, read_infos(*n_tensors));
    ONDOL_TRY(TensorList list, locate(std::move(infos)));
    return Gguf{std::move(metadata.values), std::move(metadata.raw), std::move(list)};
  }

 private:
  Result<void> read_version() {
    const auto magic = cursor_.take_bytes(kGgufMagic.size());
    if (!magic || *magic != kGgufMagic) {
      return fail(ErrorCode::kInvalidFile, where_, "magic", "not a GGUF file", hex(magic),
                  "47 47 55 46");
    }
    const auto version = cursor_.take<std::uint32_t>();
    if (!version) return truncated(where_, "version", cursor_);
    if (*version == 2 || *version == 3) return {};
    if (*version == 1) {
      return fail(ErrorCode::kUnsupported, where_, "version",
                  "GGUF version 1 was never in wide use; convert the model again", 1, 3);
    }
    if (*version != 0 && (*version & 0xFFFF) == 0) {
      return fail(ErrorCode::kUnsupported, where_, "version", "a big-endian GGUF file",
                  __builtin_bswap32(*version), 3);
    }
    return fail(ErrorCode::kUnsupported, where_, "version", "unknown GGUF version", *version, 3);
  }

  // What is not there as magic may be a web page: show its first bytes.
  std::string hex(const std::optional<std::string_view>& magic) const {
    std::string out;
    for (const std::byte b : bytes_.first(magic ? magic->size() : bytes_.size())) {
      out += fmt::format("{}{:02x}", out.empty() ? "" : " ", static_cast<unsigned>(b));
    }
    return out.empty() ? "an empty file" : out;
  }

  Result<void> check_n_tensors(std::uint64_t n_tensors) const {
    const std::uint64_t fit = std::min(kMaxTensors, cursor_.remaining() / kMinInfoBytes);
    if (n_tensors <= fit) return {};
    return fail(ErrorCode::kInvalidFile, where_, "n_tensors", "more than the file can hold",
                n_tensors, fit);
  }

  Result<void> read_alignment(const Metadata& metadata) {
    ONDOL_TRY(const std::int64_t value,
              metadata.integer_or(kAlignmentKey, kDefaultAlignment, kMinAlignment, kMaxAlignment));
    alignment_ = static_cast<std::uint64_t>(value);
    if (std::has_single_bit(alignment_)) return {};
    return fail(ErrorCode::kInvalidFile, where_, kAlignmentKey, "not a power of two",
                std::to_string(alignment_));
  }

  Result<std::vector<TensorInfo>> read_infos(std::uint64_t n_tensors) {
    std::vector<TensorInfo> infos;
    infos.reserve(n_tensors);
    std::unordered_set<std::string_view> names;
    for (std::uint64_t i = 0; i < n_tensors; ++i) {
      const std::string nth = fmt::format("tensor {}", i);
      const auto name = cursor_.take_string();
      if (!name) return truncated_string(where_, nth, cursor_);
      ONDOL_TRY_VOID(check_name(where_, nth, *name));
      if (!names.insert(*name).second) {
        return fail(ErrorCode::kInvalidFile, where_, *name, "tensor appears twice");
      }
      ONDOL_TRY(TensorInfo info, read_info(*name));
      infos.push_back(std::move(info));
    }
    return infos;
  }

  Result<TensorInfo> read_info(std::string_view name) {
    TensorInfo tensor;
    tensor.name = name;
    ONDOL_TRY(tensor.shape, read_shape(name));
    const auto type = cursor_.take<std::uint32_t>();
    const auto offset = type ? cursor_.take<std::uint64_t>() : std::nullopt;
    if (!offset) return truncated(where_, name, cursor_);
    tensor.offset = *offset;
    ONDOL_TRY_VOID(resolve_type(*type, tensor));
    return tensor;
  }

  Result<Shape> read_shape(std::string_view name) {
    const auto n_dims = cursor_.take<std::uint32_t>();
    if (!n_dims) return truncated(where_, name, cursor_);
    if (*n_dims == 0 || *n_dims > Shape::kMaxRank) {
      return fail(ErrorCode::kInvalidFile, where_, fmt::format("n_dims of {}", name),
                  "out of range", std::to_string(*n_dims), fmt::format("1 to {}", Shape::kMaxRank));
    }
    std::array<std::uint64_t, Shape::kMaxRank> dims{};
    for (std::uint32_t i = 0; i < *n_dims; ++i) {
      const auto dim = cursor_.take<std::uint64_t>();
      if (!dim) return truncated(where_, name, cursor_);
      dims[*n_dims - 1 - i] = *dim;
    }
    const std::span<const std::uint64_t> used(dims.data(), *n_dims);
    ONDOL_TRY([[maybe_unused]] const std::uint64_t n, count_elements(where_, name, used));
    return Shape(used);
  }

  /// Sets dtype (or foreign_name) and n_bytes.
  Result<void> resolve_type(std::uint32_t id, TensorInfo& tensor) const {
    const std::string field = fmt::format("dtype of {}", tensor.name);
    tensor.dtype = dtype_from_gguf_id(id);
    std::optional<std::uint64_t> bytes;
    if (tensor.dtype) {
      const DTypeInfo& row = info(*tensor.dtype);
      if (tensor.shape.n_cols() % row.block_elements != 0) {
        return fail(ErrorCode::kInvalidFile, where_, fmt::format("shape of {}", tensor.name),
                    fmt::format("a row is no multiple of the {} block", row.name),
                    tensor.shape.to_string(), std::to_string(row.block_elements));
      }
      const auto one_row = row_bytes(*tensor.dtype, tensor.shape.n_cols());
      if (one_row) bytes = checked_mul(*one_row, tensor.shape.n_rows());
    } else {
      const auto* foreign = std::find_if(kForeignTypes.begin(), kForeignTypes.end(),
                                         [id](const ForeignType& t) { return t.id == id; });
      if (foreign == kForeignTypes.end()) {
        const bool removed = std::count(kRemovedTypes.begin(), kRemovedTypes.end(), id) > 0;
        return fail(ErrorCode::kInvalidFile, where_, field,
                    removed ? "type was removed from GGUF" : "unknown type", std::to_string(id));
      }
      if (foreign->element_bytes == 0) {
        return fail(ErrorCode::kUnsupported, where_, field, "this build does not read it",
                    std::string(foreign->name));
      }
      tensor.foreign_name = foreign->name;
      bytes = checked_mul<std::uint64_t>(tensor.shape.n_elements(), foreign->element_bytes);
    }
    if (!bytes) {
      return fail(ErrorCode::kInvalidFile, where_, fmt::format("shape of {}", tensor.name),
                  "number of bytes overflows 64 bits", tensor.shape.to_string(), "2^64 - 1");
    }
    tensor.n_bytes = *bytes;
    return {};
  }

  /// From offsets to views; after this every byte of every tensor is known to
  /// lie in the file and to belong to it alone.
  Result<TensorList> locate(std::vector<TensorInfo> infos) const {
    TensorList list;
    if (infos.empty()) return list;
    const auto start = checked_align_up(cursor_.position(), alignment_);
    if (!start || *start > bytes_.size()) {
      return fail(ErrorCode::kInvalidFile, where_, "data section",
                  "starts past the end of the file", start.value_or(~std::uint64_t{0}),
                  bytes_.size());
    }
    const auto data = bytes_.subspan(*start);
    std::vector<Extent> extents;
    extents.reserve(infos.size());
    for (const TensorInfo& tensor : infos) {
      ONDOL_TRY_VOID(check_extent(tensor, data.size()));
      extents.push_back({tensor.offset, tensor.offset + tensor.n_bytes, tensor.name});
    }
    ONDOL_TRY_VOID(check_disjoint(where_, extents));
    for (TensorInfo& tensor : infos) {
      if (tensor.dtype) {
        const auto view = data.subspan(tensor.offset, tensor.n_bytes);
        list.tensors.push_back(
            {std::move(tensor.name), TensorView{*tensor.dtype, tensor.shape, view}});
      } else {
        list.skipped.push_back(
            {std::move(tensor.name), fmt::format("dtype {}", tensor.foreign_name)});
      }
    }
    return list;
  }

  Result<void> check_extent(const TensorInfo& tensor, std::uint64_t data_bytes) const {
    const std::string field = fmt::format("offset of {}", tensor.name);
    if (tensor.offset % alignment_ != 0) {
      return fail(ErrorCode::kInvalidFile, where_, field, "not a multiple of the alignment",
                  tensor.offset, alignment_);
    }
    const auto end = checked_add(tensor.offset, tensor.n_bytes);
    if (end && *end <= data_bytes) return {};
    return fail(ErrorCode::kInvalidFile, where_, field, "tensor ends past the end of the file",
                fmt::format("{} + {} bytes", tensor.offset, tensor.n_bytes),
                fmt::format("{} bytes of data", data_bytes));
  }

  std::string_view where_;
  std::span<const std::byte> bytes_;
  GgufCursor cursor_;
  std::uint64_t alignment_ = kDefaultAlignment;
};

}  // namespace

Result<Gguf> parse_gguf(std::string_view where, std::span<const std::byte> bytes) {
  return GgufReader(where, bytes).read();
}

}  // namespace ondol::format
