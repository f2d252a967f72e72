#include "make_model/shapes.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace ondol::tools {
namespace {

constexpr std::array kShapes = {
    ModelShape{"llama-3.2-1b", "llama", "llama-bpe", 2048, 16, 32, 8, 64, 8192, 128256, 131072,
               500000, 32, 1e-5, true},
    ModelShape{"llama-3-8b", "llama", "llama-bpe", 4096, 32, 32, 8, 128, 14336, 128256, 8192,
               500000, 1, 1e-5, false},
    ModelShape{"smollm2-135m", "llama", "smollm", 576, 30, 9, 3, 64, 1536, 49152, 8192, 100000, 1,
               1e-5, true},
    ModelShape{"qwen3-0.6b", "qwen3", "qwen2", 1024, 28, 16, 8, 128, 3072, 151936, 40960, 1000000,
               1, 1e-6, true},
    // Of no real model: for tests of all that is not the model.
    ModelShape{"tiny", "llama", "smollm", 64, 2, 4, 2, 16, 128, 49152, 8192, 100000, 1, 1e-5, true},
};

constexpr std::array kKinds = {
    FileKind{"f32", DType::kF32, 0},
    FileKind{"f16", DType::kF16, 1},
    FileKind{"bf16", DType::kBF16, 32},
    FileKind{"q4_0", DType::kQ4_0, 2},
    FileKind{"q4_1", DType::kQ4_1, 3},
    FileKind{"q5_0", DType::kQ5_0, 8},
    FileKind{"q5_1", DType::kQ5_1, 9},
    FileKind{"q8_0", DType::kQ8_0, 7},
    FileKind{"q4_k", DType::kQ4_K, 14},
    FileKind{"q5_k", DType::kQ5_K, 16},
    FileKind{"q6_k", DType::kQ6_K, 18},
    FileKind{"q4_k_m", DType::kQ4_K, 15, true},
    FileKind{"q5_k_m", DType::kQ5_K, 17, true},
};

/// The dtype for rows of this length: blocks of 32 where 256 does not divide it.
DType fitting(DType dtype, std::int64_t n_cols) {
  if (n_cols % info(dtype).block_elements == 0) return dtype;
  switch (dtype) {
    case DType::kQ4_K:
      return DType::kQ5_0;
    case DType::kQ5_K:
      return DType::kQ5_1;
    default:
      return DType::kQ8_0;
  }
}

/// The first and last eighth of the layers, and every third between, get more.
bool has_more_bits(std::int64_t layer, std::int64_t n_layers) {
  const std::int64_t eighth = n_layers / 8;
  return layer < eighth || layer >= 7 * n_layers / 8 || (layer - eighth) % 3 == 2;
}

class Planner {
 public:
  Planner(const ModelShape& shape, const FileKind& kind) : shape_(shape), kind_(kind) {}

  void matrix(std::string name, DType dtype, std::int64_t n_rows, std::int64_t n_cols,
              double deviation) {
    out.push_back({std::move(name),
                   fitting(dtype, n_cols),
                   {static_cast<std::uint64_t>(n_rows), static_cast<std::uint64_t>(n_cols)},
                   0.0F,
                   static_cast<float>(deviation)});
  }
  void norm(std::string name, std::int64_t n) {
    out.push_back({std::move(name), DType::kF32, {static_cast<std::uint64_t>(n)}, 1.0F, 0.1F});
  }

  /// The head matters most: q6_k beside 4 and 5 bits, q8_0 beside q8_0.
  DType head_dtype() const {
    const bool keeps = !is_quantized(kind_.dtype) || kind_.dtype == DType::kQ8_0;
    return keeps ? kind_.dtype : DType::kQ6_K;
  }

  void embeddings() {
    // Logits of a normed row then have a standard deviation of about 3.
    const double deviation = 3 / std::sqrt(static_cast<double>(shape_.d_model));
    matrix("token_embd.weight", shape_.tied ? head_dtype() : kind_.dtype, shape_.n_vocab,
           shape_.d_model, deviation);
    norm("output_norm.weight", shape_.d_model);
    if (!shape_.tied) {
      matrix("output.weight", head_dtype(), shape_.n_vocab, shape_.d_model, deviation);
    }
  }

  void layer(std::int64_t i) {
    const std::string blk = "blk." + std::to_string(i) + ".";
    const std::int64_t d_q = shape_.n_heads * shape_.d_head;
    const std::int64_t d_kv = shape_.n_kv_heads * shape_.d_head;
    const DType dtype = kind_.dtype;
    const DType more = kind_.more_bits && has_more_bits(i, shape_.n_layers) ? DType::kQ6_K : dtype;
    const auto root = [](std::int64_t n) { return 1 / std::sqrt(static_cast<double>(n)); };
    // What is added to the residual stream shrinks with the depth (GPT-2's rule).
    const double residual = root(2 * shape_.n_layers);
    norm(blk + "attn_norm.weight", shape_.d_model);
    matrix(blk + "attn_q.weight", dtype, d_q, shape_.d_model, root(shape_.d_model));
    matrix(blk + "attn_k.weight", dtype, d_kv, shape_.d_model, root(shape_.d_model));
    matrix(blk + "attn_v.weight", more, d_kv, shape_.d_model, root(shape_.d_model));
    if (shape_.architecture == "qwen3") {
      norm(blk + "attn_q_norm.weight", shape_.d_head);
      norm(blk + "attn_k_norm.weight", shape_.d_head);
    }
    matrix(blk + "attn_output.weight", dtype, shape_.d_model, d_q, root(d_q) * residual);
    norm(blk + "ffn_norm.weight", shape_.d_model);
    matrix(blk + "ffn_gate.weight", dtype, shape_.d_ff, shape_.d_model, root(shape_.d_model));
    matrix(blk + "ffn_up.weight", dtype, shape_.d_ff, shape_.d_model, root(shape_.d_model));
    matrix(blk + "ffn_down.weight", more, shape_.d_model, shape_.d_ff,
           root(shape_.d_ff) * residual);
  }

  std::vector<TensorPlan> out;

 private:
  const ModelShape& shape_;
  const FileKind& kind_;
};

}  // namespace

std::span<const ModelShape> shapes() { return kShapes; }
std::span<const FileKind> file_kinds() { return kKinds; }

const ModelShape* find_shape(std::string_view name) {
  const auto* it = std::ranges::find(kShapes, name, &ModelShape::name);
  return it == kShapes.end() ? nullptr : it;
}

const FileKind* find_kind(std::string_view name) {
  const auto* it = std::ranges::find(kKinds, name, &FileKind::name);
  return it == kKinds.end() ? nullptr : it;
}

std::vector<TensorPlan> plan_tensors(const ModelShape& shape, const FileKind& kind) {
  Planner planner(shape, kind);
  planner.embeddings();
  for (std::int64_t i = 0; i < shape.n_layers; ++i) planner.layer(i);
  return std::move(planner.out);
}

void set_metadata(format::GgufWriter& writer, const ModelShape& shape, const FileKind& kind) {
  const std::string arch(shape.architecture);
  const auto integer = [&](std::string_view key, std::int64_t value) {
    writer.set(arch + "." + std::string(key), static_cast<std::uint32_t>(value));
  };
  const auto number = [&](std::string_view key, double value) {
    writer.set(arch + "." + std::string(key), static_cast<float>(value));
  };
  writer.set("general.architecture", arch);
  writer.set("general.type", std::string("model"));
  writer.set("general.name", "synthetic " + std::string(shape.name));
  writer.set("general.file_type", kind.gguf_file_type);
  writer.set("general.quantization_version", std::uint32_t{2});
  integer("block_count", shape.n_layers);
  integer("context_length", shape.max_context);
  integer("embedding_length", shape.d_model);
  integer("feed_forward_length", shape.d_ff);
  integer("attention.head_count", shape.n_heads);
  integer("attention.head_count_kv", shape.n_kv_heads);
  integer("attention.key_length", shape.d_head);
  integer("attention.value_length", shape.d_head);
  number("attention.layer_norm_rms_epsilon", shape.rms_eps);
  number("rope.freq_base", shape.rope_theta);
  integer("rope.dimension_count", shape.d_head);
  integer("vocab_size", shape.n_vocab);
}

}  // namespace ondol::tools
