#include "model/quantize_recipe.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "tensor/quantize.h"

namespace ondol::model {
namespace {

using format::ModelFile;
using format::Weight;

// File types as ggml's docs/gguf.md numbers them.
constexpr std::array kTypes = {
    QuantizeType{"q4_0", DType::kQ4_0, false, 2},   QuantizeType{"q4_1", DType::kQ4_1, false, 3},
    QuantizeType{"q5_0", DType::kQ5_0, false, 8},   QuantizeType{"q5_1", DType::kQ5_1, false, 9},
    QuantizeType{"q8_0", DType::kQ8_0, false, 7},   QuantizeType{"q4_k", DType::kQ4_K, false, 14},
    QuantizeType{"q4_k_m", DType::kQ4_K, true, 15}, QuantizeType{"q5_k", DType::kQ5_K, false, 16},
    QuantizeType{"q5_k_m", DType::kQ5_K, true, 17}, QuantizeType{"q6_k", DType::kQ6_K, false, 18},
    QuantizeType{"f16", DType::kF16, false, 1},     QuantizeType{"bf16", DType::kBF16, false, 32},
    QuantizeType{"f32", DType::kF32, false, 0},
};

/// 3 for "blk.3.attn_v.weight".
std::optional<std::uint64_t> layer_of(std::string_view name) {
  constexpr std::string_view kPrefix = "blk.";
  if (!name.starts_with(kPrefix)) return std::nullopt;
  std::uint64_t layer = 0;
  const char* begin = name.data() + kPrefix.size();
  const auto [end, error] = std::from_chars(begin, name.data() + name.size(), layer);
  if (error != std::errc{} || end == name.data() + name.size() || *end != '.') return std::nullopt;
  return layer;
}

bool is_part(std::string_view name, std::string_view part) {
  return name.find(part) != std::string_view::npos;
}

/// Layers that a mixture favours: the first and the last eighth, and every third
/// between.
bool takes_more_bits(std::uint64_t layer, std::uint64_t n_layers) {
  const std::uint64_t eighth = n_layers / 8;
  return layer < eighth || layer >= 7 * n_layers / 8 || (layer - eighth) % 3 == 2;
}

class Recipe {
 public:
  Recipe(const ModelFile& file, const QuantizeType& type) : type_(type) {
    std::uint64_t last = 0;
    for (const auto& [name, weight] : file.weights()) {
      last = std::max(last, layer_of(name).value_or(0));
    }
    // A hostile number only makes the mixture favour other layers.
    n_layers_ = std::min<std::uint64_t>(last, file.weights().size()) + 1;
    head_ = file.find("output.weight") != nullptr ? "output.weight" : "token_embd.weight";
  }

  TensorTarget target(std::string_view name, const Weight& weight) const {
    const TensorView& tensor = weight.tensor;
    if (!is_matrix(name, tensor)) {
      const bool widens = !is_quantized(tensor.dtype) && tensor.shape.rank() < 2;
      const DType dtype = widens ? DType::kF32 : tensor.dtype;
      return {name, &weight, dtype, dtype};
    }
    const DType wanted = wanted_dtype(name);
    return {name, &weight, that_fits(wanted, tensor), wanted};
  }

 private:
  static bool is_matrix(std::string_view name, const TensorView& tensor) {
    return tensor.shape.rank() >= 2 && name.ends_with(".weight") && !is_part(name, "_norm") &&
           !is_part(name, "ffn_gate_inp");
  }

  DType wanted_dtype(std::string_view name) const {
    if (!is_quantized(type_.base) || type_.base == DType::kQ8_0) return type_.base;
    if (name == head_) return DType::kQ6_K;
    const bool is_sensitive = is_part(name, ".attn_v.") || is_part(name, ".ffn_down.");
    const auto layer = layer_of(name);
    if (type_.is_mixture && is_sensitive && layer && takes_more_bits(*layer, n_layers_)) {
      return DType::kQ6_K;
    }
    return type_.base;
  }

  static DType that_fits(DType wanted, const TensorView& tensor) {
    const auto fits = [&tensor](DType dtype) {
      return tensor.shape.n_cols() % info(dtype).block_elements == 0;
    };
    if (fits(wanted)) return wanted;
    const DType smaller_block = wanted == DType::kQ4_K   ? DType::kQ5_0
                                : wanted == DType::kQ5_K ? DType::kQ5_1
                                                         : DType::kQ8_0;
    return fits(smaller_block) ? smaller_block : tensor.dtype;
  }

  const QuantizeType& type_;
  std::uint64_t n_layers_ = 0;
  std::string_view head_;
};

}  // namespace

std::span<const QuantizeType> quantize_types() { return kTypes; }

const QuantizeType* find_quantize_type(std::string_view name) {
  const auto* it = std::ranges::find(kTypes, name, &QuantizeType::name);
  return it == kTypes.end() ? nullptr : it;
}

std::vector<TensorTarget> plan_quantization(const ModelFile& file, const QuantizeType& type) {
  const Recipe recipe(file, type);
  std::vector<TensorTarget> out;
  for (const auto& [name, weight] : file.weights()) out.push_back(recipe.target(name, weight));
  const auto place = [](const TensorTarget& t) {
    return std::pair(t.weight->file->path().native(), t.weight->tensor.bytes.data());
  };
  std::ranges::sort(out, {}, place);
  return out;
}

}  // namespace ondol::model
