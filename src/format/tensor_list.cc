#include "format/tensor_list.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/checked.h"
#include "base/utf8.h"

namespace ondol::format {
namespace {

// C0, DEL and C1: what a terminal might obey.
bool is_control(char32_t c) { return c < 0x20 || (c >= 0x7F && c < 0xA0); }

}  // namespace

Result<void> check_name(std::string_view where, std::string_view field, std::string_view name) {
  if (name.empty() || name.size() > kMaxNameBytes) {
    return fail(ErrorCode::kInvalidFile, where, field, "length out of range",
                fmt::format("{} bytes", name.size()), fmt::format("1 to {}", kMaxNameBytes));
  }
  for (std::size_t i = 0; i < name.size();) {
    const Utf8Char c = decode_utf8(name.substr(i));
    if (!c.valid || is_control(c.code_point)) {
      return fail(ErrorCode::kInvalidFile, where, field, "not printable UTF-8",
                  replace_invalid_utf8(name));
    }
    i += c.n_bytes;
  }
  return {};
}

Result<void> check_disjoint(std::string_view where, std::vector<Extent>& extents) {
  std::sort(extents.begin(), extents.end(), [](const Extent& a, const Extent& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
  for (std::size_t i = 1; i < extents.size(); ++i) {
    const Extent& before = extents[i - 1];
    const Extent& after = extents[i];
    if (after.begin < before.end) {
      return fail(ErrorCode::kInvalidFile, where, fmt::format("offset of {}", after.name),
                  fmt::format("overlaps tensor {}", before.name.substr(0, 100)),
                  std::to_string(after.begin), fmt::format("at least {}", before.end));
    }
  }
  return {};
}

Result<std::uint64_t> count_elements(std::string_view where, std::string_view name,
                                     std::span<const std::uint64_t> dims) {
  std::uint64_t product = 1;
  for (const std::uint64_t dim : dims) {
    const auto next = checked_mul(product, dim);
    if (dim == 0 || !next) {
      return fail(ErrorCode::kInvalidFile, where, fmt::format("shape of {}", name),
                  dim == 0 ? "a dimension is zero" : "number of elements overflows 64 bits",
                  fmt::format("[{}]", fmt::join(dims, ", ")), dim == 0 ? "at least 1" : "2^64 - 1");
    }
    product = *next;
  }
  return product;
}

}  // namespace ondol::format
