// Which dtype each tensor of a file gets for a type that a user names: the
// mixtures that users of GGUF files know by these names.
//
//   q4_0 .. q6_k      every matrix; the output head in q6_k (q8_0 for q8_0)
//   q4_k_m, q5_k_m    and the value and down projections of half of the layers,
//                     where errors hurt most, in q6_k
//   f16, bf16, f32    every matrix
//
// The head is output.weight, or token_embd.weight when the two are tied. Norms,
// biases and all else of one dimension are f32; routers stay as they are. A row
// that is no multiple of 256 takes a dtype with blocks of 32 at the next higher
// quality: q4_k -> q5_0, q5_k -> q5_1, q6_k -> q8_0; one that is no multiple of
// 32 stays as it is.
//
// Threads: immutable values.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "format/model_file.h"
#include "tensor/dtype.h"

namespace ondol::model {

struct QuantizeType {
  std::string_view name;    // "q4_k_m"
  DType base;               // of most matrices
  bool is_mixture;          // some layers take q6_k
  std::uint32_t file_type;  // general.file_type
};

std::span<const QuantizeType> quantize_types();
/// nullptr for a name that is none.
const QuantizeType* find_quantize_type(std::string_view name);

struct TensorTarget {
  std::string_view name;  // lives in the file
  const format::Weight* weight;
  DType dtype;   // what it becomes
  DType wanted;  // what the mixture asks for; another dtype where the row does not fit
};

/// Every tensor of the file in the order of its bytes.
std::vector<TensorTarget> plan_quantization(const format::ModelFile& file,
                                            const QuantizeType& type);

}  // namespace ondol::model
