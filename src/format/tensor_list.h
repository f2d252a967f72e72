// What a weight file's parser hands on: tensors as views of the file's bytes,
// and the checks that GGUF and safetensors share.
//
// Owner: the caller keeps the bytes alive. Threads: plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "tensor/tensor_view.h"

namespace ondol::format {

/// Above the 90,000 of the largest mixture-of-experts checkpoints; bounds the
/// time that a hostile header can take.
inline constexpr std::uint64_t kMaxTensors = std::uint64_t{1} << 18;
inline constexpr std::size_t kMaxNameBytes = 1024;

struct NamedTensor {
  std::string name;
  TensorView tensor;
};

/// Well formed, but nothing a model can compute with: an I64 index buffer, a
/// five-dimensional convolution. An error only if a model asks for it.
struct SkippedTensor {
  std::string name;
  std::string reason;  // "dtype I64"
};

struct TensorList {
  std::vector<NamedTensor> tensors;
  std::vector<SkippedTensor> skipped;
};

/// Where one tensor's bytes lie in the data section.
struct Extent {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::string_view name;
};

/// Keys and tensor names are printed and compared everywhere: 1 to
/// kMaxNameBytes bytes of UTF-8 without control characters.
Result<void> check_name(std::string_view where, std::string_view field, std::string_view name);

/// Two tensors that share bytes are refused by name. `extents` is left sorted
/// by begin.
Result<void> check_disjoint(std::string_view where, std::vector<Extent>& extents);

/// The product of the dimensions. Errors: a zero dimension, a product above
/// 2^64 - 1.
Result<std::uint64_t> count_elements(std::string_view where, std::string_view name,
                                     std::span<const std::uint64_t> dims);

}  // namespace ondol::format
