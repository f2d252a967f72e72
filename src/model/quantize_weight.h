// Quantizes one matrix of a checkpoint while it is loaded.
//
// Threads: uses all cores itself, for rows; returns when they are done.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "tensor/tensor_view.h"

namespace ondol::model {

struct QuantizedTensor {
  TensorView view;  // of *bytes
  std::shared_ptr<const std::vector<std::byte>> bytes;
};

/// REQUIRES: tensor is a matrix of f32, f16 or bf16; can_quantize(dtype); a row
/// is a multiple of its block. Errors: kInvalidFile for a value that is not
/// finite; kOutOfMemory.
Result<QuantizedTensor> quantize_tensor(std::string_view where, std::string_view name,
                                        const TensorView& tensor, DType dtype);

}  // namespace ondol::model
