#include "format/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>

#include "base/checked.h"
#include "format/json_leaves.h"

namespace ondol::format {
namespace {

constexpr std::string_view kMetadataKey = "__metadata__";
constexpr JsonLimits kHeaderLimits = {
    .max_bytes = kMaxHeaderBytes, .max_depth = 4, .max_array_elements = 64};
constexpr JsonLimits kIndexLimits = {
    .max_bytes = 64 << 20, .max_depth = 8, .max_array_elements = 1024};

/// A row for every dtype of the reference implementation (tensor.rs, Dtype).
struct StoredType {
  std::string_view name;
  std::uint64_t bits;
  std::optional<DType> dtype;  // what a model can compute with
  bool is_packed_weight = false;
};
constexpr std::array kStoredTypes = {
    StoredType{"F32", 32, DType::kF32},
    StoredType{"F16", 16, DType::kF16},
    StoredType{"BF16", 16, DType::kBF16},
    StoredType{"F64", 64, {}},
    StoredType{"C64", 64, {}},
    StoredType{"I64", 64, {}},
    StoredType{"U64", 64, {}},
    StoredType{"I32", 32, {}},
    StoredType{"U32", 32, {}},
    StoredType{"I16", 16, {}},
    StoredType{"U16", 16, {}},
    StoredType{"I8", 8, {}},
    StoredType{"U8", 8, {}},
    StoredType{"BOOL", 8, {}},
    StoredType{"F8_E4M3", 8, {}, true},
    StoredType{"F8_E5M2", 8, {}, true},
    StoredType{"F8_E8M0", 8, {}, true},
    StoredType{"F8_E4M3FNUZ", 8, {}, true},
    StoredType{"F8_E5M2FNUZ", 8, {}, true},
    StoredType{"F6_E2M3", 6, {}, true},
    StoredType{"F6_E3M2", 6, {}, true},
    StoredType{"F4", 4, {}, true},
};

/// One entry of the header while its leaves come in.
struct Entry {
  std::string name;
  const StoredType* type = nullptr;
  std::optional<std::vector<std::uint64_t>> shape;
  std::optional<std::vector<std::uint64_t>> offsets;
};

class HeaderReader {
 public:
  HeaderReader(std::string_view where, std::span<const std::byte> data)
      : where_(where), data_(data) {}

  Result<TensorList> read(std::string_view header) {
    ONDOL_TRY_VOID(visit_json_leaves(where_, header, kHeaderLimits,
                                     [this](std::span<const std::string> path,
                                            const JsonLeaf& leaf) { return add(path, leaf); }));
    ONDOL_TRY_VOID(close_entry());
    ONDOL_TRY_VOID(check_coverage());
    return std::move(list_);
  }

 private:
  // Leaves of one tensor come together: another first key ends the entry.
  Result<void> add(std::span<const std::string> path, const JsonLeaf& leaf) {
    if (path[0] == kMetadataKey) return check_metadata(path, leaf);
    if (!entry_ || entry_->name != path[0]) {
      ONDOL_TRY_VOID(close_entry());
      ONDOL_TRY_VOID(open_entry(path[0]));
    }
    if (path.size() == 2 && path[1] == "dtype") return set_dtype(leaf);
    if (path.size() == 2 && path[1] == "shape") return set_numbers(path, leaf, entry_->shape);
    if (path.size() == 2 && path[1] == "data_offsets") {
      return set_numbers(path, leaf, entry_->offsets);
    }
    return fail(ErrorCode::kInvalidFile, where_, path[0],
                "entry is not an object of dtype, shape and data_offsets", join_path(path));
  }

  Result<void> check_metadata(std::span<const std::string> path, const JsonLeaf& leaf) const {
    const auto* scalar = std::get_if<JsonScalar>(&leaf);
    const bool is_string = scalar != nullptr && std::holds_alternative<std::string>(*scalar);
    if (path.size() == 2 && is_string) return {};
    if (path.size() == 1 && std::holds_alternative<JsonEmptyObject>(leaf)) return {};
    return fail(ErrorCode::kInvalidFile, where_, kMetadataKey, "not an object of strings",
                join_path(path));
  }

  Result<void> open_entry(const std::string& name) {
    ONDOL_TRY_VOID(check_name(where_, fmt::format("tensor {}", n_entries_), name));
    if (++n_entries_ > kMaxTensors) {
      return fail(ErrorCode::kLimit, where_, "n_tensors", "too many tensors", n_entries_,
                  kMaxTensors);
    }
    entry_.emplace();
    entry_->name = name;
    return {};
  }

  Result<void> set_dtype(const JsonLeaf& leaf) {
    const auto* scalar = std::get_if<JsonScalar>(&leaf);
    const auto* name = scalar != nullptr ? std::get_if<std::string>(scalar) : nullptr;
    const std::string field = fmt::format("dtype of {}", entry_->name);
    if (name == nullptr) return fail(ErrorCode::kInvalidFile, where_, field, "not a string");
    const auto* type = std::find_if(kStoredTypes.begin(), kStoredTypes.end(),
                                    [name](const StoredType& row) { return row.name == *name; });
    if (type == kStoredTypes.end()) {
      return fail(ErrorCode::kInvalidFile, where_, field, "unknown dtype", *name);
    }
    if (type->is_packed_weight) {
      return fail(ErrorCode::kUnsupported, where_, field, "this build does not read it", *name,
                  "F32, F16, BF16");
    }
    entry_->type = type;
    return {};
  }

  Result<void> set_numbers(std::span<const std::string> path, const JsonLeaf& leaf,
                           std::optional<std::vector<std::uint64_t>>& out) const {
    const std::string field = fmt::format("{} of {}", path[1], path[0]);
    const auto* items = std::get_if<std::vector<JsonScalar>>(&leaf);
    if (items == nullptr) {
      return fail(ErrorCode::kInvalidFile, where_, field, "not an array of integers");
    }
    out.emplace();
    for (const JsonScalar& item : *items) {
      const auto* small = std::get_if<std::int64_t>(&item);
      const auto* large = std::get_if<std::uint64_t>(&item);
      if (large == nullptr && (small == nullptr || *small < 0)) {
        const auto* real = std::get_if<double>(&item);
        return fail(ErrorCode::kInvalidFile, where_, field, "not an integer of 64 bits",
                    small  ? std::to_string(*small)
                    : real ? fmt::format("{}", *real)
                           : std::string("another type"),
                    "0 to 2^64 - 1");
      }
      out->push_back(large != nullptr ? *large : static_cast<std::uint64_t>(*small));
    }
    return {};
  }

  Result<void> close_entry() {
    if (!entry_) return {};
    const Entry entry = *std::exchange(entry_, std::nullopt);
    if (entry.type == nullptr || !entry.shape || !entry.offsets) {
      return fail(ErrorCode::kInvalidFile, where_, entry.name,
                  entry.type == nullptr ? "dtype is missing"
                  : !entry.shape        ? "shape is missing"
                                        : "data_offsets is missing");
    }
    ONDOL_TRY_VOID(check_offsets(entry));
    ONDOL_TRY_VOID(check_size(entry));
    const std::uint64_t begin = (*entry.offsets)[0];
    const std::uint64_t end = (*entry.offsets)[1];
    ranges_.push_back({begin, end, n_entries_ - 1});
    if (!entry.type->dtype) {
      list_.skipped.push_back({entry.name, fmt::format("dtype {}", entry.type->name)});
    } else if (entry.shape->size() > Shape::kMaxRank) {
      list_.skipped.push_back({entry.name, fmt::format("{} dimensions", entry.shape->size())});
    } else {
      list_.tensors.push_back({entry.name, TensorView{*entry.type->dtype, Shape(*entry.shape),
                                                      data_.subspan(begin, end - begin)}});
    }
    names_.push_back(entry.name);
    return {};
  }

  Result<void> check_offsets(const Entry& entry) const {
    const auto& offsets = *entry.offsets;
    const std::string field = fmt::format("data_offsets of {}", entry.name);
    if (offsets.size() != 2) {
      return fail(ErrorCode::kInvalidFile, where_, field, "not two numbers", offsets.size(), 2);
    }
    if (offsets[0] > offsets[1]) {
      return fail(ErrorCode::kInvalidFile, where_, field, "begin is after end", offsets[0],
                  offsets[1]);
    }
    if (offsets[1] > data_.size()) {
      return fail(ErrorCode::kInvalidFile, where_, field, "past the end of the file", offsets[1],
                  data_.size());
    }
    return {};
  }

  Result<void> check_size(const Entry& entry) const {
    ONDOL_TRY(const std::uint64_t n, count_elements(where_, entry.name, *entry.shape));
    const auto bits = checked_mul(n, entry.type->bits);
    const std::uint64_t n_bytes = (*entry.offsets)[1] - (*entry.offsets)[0];
    if (bits && *bits % 8 == 0 && *bits / 8 == n_bytes) return {};
    return fail(ErrorCode::kInvalidFile, where_, fmt::format("data_offsets of {}", entry.name),
                "number of bytes is not what shape and dtype ask for", std::to_string(n_bytes),
                bits ? std::to_string(*bits / 8) : "more than 2^61 bytes");
  }

  Result<void> check_coverage() {
    std::vector<Extent> extents;
    extents.reserve(ranges_.size());
    for (const Range& r : ranges_) extents.push_back({r.begin, r.end, names_[r.name]});
    ONDOL_TRY_VOID(check_disjoint(where_, extents));
    std::uint64_t covered = 0;
    for (const Extent& extent : extents) {
      if (extent.begin != covered) {
        return fail(ErrorCode::kInvalidFile, where_, fmt::format("data_offsets of {}", extent.name),
                    "a hole before the tensor", extent.begin, covered);
      }
      covered = extent.end;
    }
    if (covered != data_.size()) {
      return fail(ErrorCode::kInvalidFile, where_, "data", "bytes that belong to no tensor",
                  data_.size(), covered);
    }
    return {};
  }

  struct Range {
    std::uint64_t begin;
    std::uint64_t end;
    std::size_t name;  // index into names_
  };

  std::string_view where_;
  std::span<const std::byte> data_;
  std::optional<Entry> entry_;
  std::uint64_t n_entries_ = 0;
  std::vector<std::string> names_;
  std::vector<Range> ranges_;
  TensorList list_;
};

// No name that leads out of the directory. A symbolic link is no concern: the
// Hugging Face cache is made of them.
Result<void> check_shard_name(std::string_view where, std::string_view tensor,
                              std::string_view file) {
  constexpr std::string_view kSuffix = ".safetensors";
  ONDOL_TRY_VOID(check_name(where, fmt::format("weight_map of {}", tensor), file));
  const bool plain = file.find_first_of("/\\") == std::string_view::npos && file.front() != '.';
  if (plain && file.size() <= 255 && file.ends_with(kSuffix)) return {};
  return fail(ErrorCode::kInvalidFile, where, fmt::format("weight_map of {}", tensor),
              "not a plain file name that ends in .safetensors", std::string(file));
}

}  // namespace

Result<TensorList> parse_safetensors(std::string_view where, std::span<const std::byte> bytes) {
  static_assert(std::endian::native == std::endian::little);
  std::uint64_t n = 0;
  if (bytes.size() < sizeof(n)) {
    return fail(ErrorCode::kInvalidFile, where, "header length", "the file ends inside it",
                bytes.size(), sizeof(n));
  }
  std::memcpy(&n, bytes.data(), sizeof(n));
  const auto rest = bytes.subspan(sizeof(n));
  if (n > kMaxHeaderBytes || n > rest.size()) {
    return fail(ErrorCode::kInvalidFile, where, "header length",
                n > kMaxHeaderBytes ? "too large" : "past the end of the file", n,
                std::min<std::uint64_t>(kMaxHeaderBytes, rest.size()));
  }
  const std::string_view header(reinterpret_cast<const char*>(rest.data()), n);
  if (!header.starts_with('{')) {
    return fail(ErrorCode::kInvalidFile, where, "header", "does not begin with {");
  }
  return HeaderReader(where, rest.subspan(n)).read(header);
}

Result<ShardIndex> parse_safetensors_index(std::string_view where, std::string_view text) {
  ShardIndex index;
  const auto add = [&](std::span<const std::string> path, const JsonLeaf& leaf) -> Result<void> {
    if (path[0] != "weight_map") return {};
    const auto* scalar = std::get_if<JsonScalar>(&leaf);
    const auto* file = scalar != nullptr ? std::get_if<std::string>(scalar) : nullptr;
    if (path.size() != 2 || file == nullptr) {
      return fail(ErrorCode::kInvalidFile, where, "weight_map",
                  "not an object of tensor and file names", join_path(path));
    }
    ONDOL_TRY_VOID(check_name(where, "weight_map", path[1]));
    ONDOL_TRY_VOID(check_shard_name(where, path[1], *file));
    index.emplace(path[1], *file);
    if (index.size() > kMaxTensors) {
      return fail(ErrorCode::kLimit, where, "weight_map", "too many tensors", index.size(),
                  kMaxTensors);
    }
    return {};
  };
  ONDOL_TRY_VOID(visit_json_leaves(where, text, kIndexLimits, add));
  if (index.empty()) return fail(ErrorCode::kInvalidFile, where, "weight_map", "missing or empty");
  return index;
}

}  // namespace ondol::format
