#include "tensor/dtype.h"

#include <array>

#include "base/check.h"
#include "base/checked.h"

namespace ondol {
namespace {

constexpr std::array<DTypeInfo, static_cast<std::size_t>(DType::kCount)> kTable = {{
    {"f32", 1, 4, 0},
    {"f16", 1, 2, 1},
    {"bf16", 1, 2, 30},
    {"q4_0", 32, 18, 2},
    {"q4_1", 32, 20, 3},
    {"q5_0", 32, 22, 6},
    {"q5_1", 32, 24, 7},
    {"q8_0", 32, 34, 8},
    {"q2_k", 256, 84, 10},
    {"q3_k", 256, 110, 11},
    {"q4_k", 256, 144, 12},
    {"q5_k", 256, 176, 13},
    {"q6_k", 256, 210, 14},
    {"iq4_nl", 32, 18, 20},
    {"iq4_xs", 256, 136, 23},
    {"mxfp4", 32, 17, 39},
}};

template <class Match>
std::optional<DType> find(Match match) {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (match(kTable[i])) return static_cast<DType>(i);
  }
  return std::nullopt;
}

}  // namespace

const DTypeInfo& info(DType dtype) {
  ONDOL_CHECK(dtype < DType::kCount);
  return kTable[static_cast<std::size_t>(dtype)];
}

std::optional<DType> dtype_from_gguf_id(std::uint32_t id) {
  return find([id](const DTypeInfo& row) { return row.gguf_id == id; });
}

std::optional<DType> dtype_from_name(std::string_view wanted) {
  return find([wanted](const DTypeInfo& row) { return row.name == wanted; });
}

std::optional<std::uint64_t> row_bytes(DType dtype, std::uint64_t n_elements) {
  const DTypeInfo& row = info(dtype);
  if (n_elements % row.block_elements != 0) return std::nullopt;
  return checked_mul<std::uint64_t>(n_elements / row.block_elements, row.block_bytes);
}

}  // namespace ondol
