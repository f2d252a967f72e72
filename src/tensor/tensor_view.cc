#include "tensor/tensor_view.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/check.h"

namespace ondol {

Shape::Shape(std::span<const std::uint64_t> dims) : rank_(static_cast<std::uint8_t>(dims.size())) {
  ONDOL_CHECK(dims.size() <= kMaxRank);
  std::copy(dims.begin(), dims.end(), dims_.begin());
}

std::uint64_t Shape::n_rows() const {
  std::uint64_t product = 1;
  for (std::size_t i = 0; i + 1 < rank_; ++i) product *= dims_[i];
  return product;
}

std::string Shape::to_string() const { return fmt::format("[{}]", fmt::join(dims(), ", ")); }

}  // namespace ondol
