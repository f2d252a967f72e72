// For tests only: a golden model's Hugging Face folder rewritten as the GGUF file
// that converters make of it: other names, rows of q and k permuted for
// interleaved rotation (architecture "llama"), whole norm weights (gemma3),
// RoPE scaling as divisors or settings.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <numbers>
#include <string>
#include <string_view>
#include <vector>

#include "format/gguf_writer.h"
#include "format/model_file.h"
#include "tensor/quantize.h"

namespace ondol::model {

class GoldenGguf {
 public:
  struct Tensor {
    std::string name;
    DType dtype;
    Shape shape;
    std::vector<float> values;
  };

  /// Matrices are stored as `dtype`, vectors as f32.
  static Result<GoldenGguf> convert(const std::filesystem::path& hf_folder, DType dtype) {
    ONDOL_TRY(auto file, format::ModelFile::open(hf_folder));
    GoldenGguf out(std::move(file));
    ONDOL_TRY_VOID(out.convert_config());
    out.convert_weights(dtype);
    return out;
  }

  Result<void> write(const std::filesystem::path& path) const {
    format::GgufWriter writer;
    for (const auto& [key, value] : values) writer.set(key, value);
    for (const Tensor& t : tensors) writer.add_tensor(t.name, t.dtype, t.shape);
    ONDOL_TRY_VOID(writer.open(path));
    for (const Tensor& t : tensors) {
      const std::size_t n_cols = t.shape.n_cols();
      std::vector<std::byte> row(row_bytes(t.dtype, n_cols).value_or(0));
      for (std::size_t i = 0; i < t.values.size(); i += n_cols) {
        quantize_row(t.dtype, t.values.data() + i, row.data(), n_cols);
        ONDOL_TRY_VOID(writer.write(row));
      }
    }
    return writer.finish();
  }

  Tensor* find(std::string_view name) {
    for (Tensor& t : tensors) {
      if (t.name == name) return &t;
    }
    return nullptr;
  }

  // Open to tests, which break them.
  std::map<std::string, format::GgufValue> values;
  std::vector<Tensor> tensors;

 private:
  explicit GoldenGguf(std::shared_ptr<const format::ModelFile> file) : file_(std::move(file)) {
    const std::string& hf = file_->architecture();
    arch_ = hf.starts_with("Gemma3")  ? "gemma3"
            : hf.starts_with("Qwen3") ? "qwen3"
            : hf.starts_with("Qwen2") ? "qwen2"
                                      : "llama";
    if (hf == "Gemma3ForConditionalGeneration") scope_ = "text_config.";
  }

  const format::Metadata& config() const { return file_->metadata(); }
  Result<std::int64_t> integer(std::string_view key, std::int64_t fallback) const {
    return config().integer_or(scope_ + std::string(key), fallback, 0, 1 << 30);
  }
  void set_int(std::string_view key, std::int64_t value) {
    values[arch_ + "." + std::string(key)] = static_cast<std::uint32_t>(value);
  }
  void set_float(std::string_view key, double value) {
    values[arch_ + "." + std::string(key)] = static_cast<float>(value);
  }

  Result<void> convert_config() {
    values["general.architecture"] = arch_;
    struct Row {
      std::string_view gguf;
      std::string_view hf;
    };
    for (const Row row :
         {Row{"block_count", "num_hidden_layers"}, Row{"vocab_size", "vocab_size"},
          Row{"context_length", "max_position_embeddings"}, Row{"embedding_length", "hidden_size"},
          Row{"feed_forward_length", "intermediate_size"},
          Row{"attention.head_count", "num_attention_heads"},
          Row{"attention.head_count_kv", "num_key_value_heads"},
          Row{"attention.key_length", "head_dim"},
          Row{"attention.sliding_window", "sliding_window"},
          Row{"attention.sliding_window_pattern", "sliding_window_pattern"}}) {
      ONDOL_TRY(const std::int64_t value, integer(row.hf, 0));
      if (value != 0) set_int(row.gguf, value);
    }
    ONDOL_TRY(n_heads_, integer("num_attention_heads", 0));
    ONDOL_TRY(n_kv_heads_, integer("num_key_value_heads", 0));
    ONDOL_TRY(const std::int64_t d_model, integer("hidden_size", 0));
    ONDOL_TRY(d_head_, integer("head_dim", d_model / n_heads_));
    ONDOL_TRY(const double eps, config().number(scope_ + "rms_norm_eps", 0, 1));
    set_float("attention.layer_norm_rms_epsilon", eps);
    if (arch_ == "gemma3") ONDOL_TRY_VOID(convert_gemma());
    return convert_rope();
  }

  Result<void> convert_gemma() {
    ONDOL_TRY(const double scalar, config().number(scope_ + "query_pre_attn_scalar", 1, 1e6));
    set_float("attention.scale", 1 / std::sqrt(scalar));
    for (const std::string_view cap : {"attn_logit_softcapping", "final_logit_softcapping"}) {
      ONDOL_TRY(const double value, config().number_or(scope_ + std::string(cap), 0, 0, 1e6));
      if (value > 0) set_float(cap, value);
    }
    const std::string local = "rope_parameters.sliding_attention.rope_theta";
    ONDOL_TRY(const double older, config().number_or(scope_ + "rope_local_base_freq", 1e4, 1, 1e9));
    ONDOL_TRY(const double theta, config().number_or(scope_ + local, older, 1, 1e9));
    set_float("rope.freq_base_swa", theta);
    ONDOL_TRY(const auto* types, config().array<std::string_view>(scope_ + "layer_types"));
    for (std::size_t i = 0; types != nullptr && i < types->size(); ++i) {
      if ((*types)[i] != "full_attention") continue;
      set_int("attention.sliding_window_pattern", static_cast<std::int64_t>(i) + 1);
      break;
    }
    return {};
  }

  /// A setting of the (global) rope in whichever of three forms.
  Result<double> rope_number(std::string_view key, double fallback) const {
    for (const std::string_view scope :
         {"rope_parameters.full_attention.", "rope_parameters.", "rope_scaling.", ""}) {
      const std::string full = scope_ + std::string(scope) + std::string(key);
      if (config().has(full)) return config().number(full, 0, 1e12);
    }
    return fallback;
  }

  Result<void> convert_rope() {
    ONDOL_TRY(const double theta, rope_number("rope_theta", 10000));
    set_float("rope.freq_base", theta);
    set_int("rope.dimension_count", d_head_);
    std::string type = "none";
    for (const std::string_view key :
         {"rope_parameters.full_attention.rope_type", "rope_parameters.rope_type",
          "rope_scaling.rope_type", "rope_scaling.type"}) {
      ONDOL_TRY(type, config().string_or(scope_ + std::string(key), type));
    }
    if (type == "default" || type == "none") return {};
    if (type == "llama3") return add_divisors(theta);
    values[arch_ + ".rope.scaling.type"] = type;
    ONDOL_TRY(const double factor, rope_number("factor", 1));
    set_float("rope.scaling.factor", factor);
    ONDOL_TRY(const double original, rope_number("original_max_position_embeddings", 0));
    if (original > 0) {
      set_int("rope.scaling.original_context_length", static_cast<std::int64_t>(original));
    }
    return {};
  }

  Result<void> add_divisors(double theta) {
    ONDOL_TRY(const double factor, rope_number("factor", 0));
    ONDOL_TRY(const double low, rope_number("low_freq_factor", 0));
    ONDOL_TRY(const double high, rope_number("high_freq_factor", 0));
    ONDOL_TRY(const double original, rope_number("original_max_position_embeddings", 0));
    const auto n_pairs = static_cast<std::uint64_t>(d_head_ / 2);
    Tensor tensor = {"rope_freqs.weight", DType::kF32, {n_pairs}, {}};
    for (std::uint64_t i = 0; i < n_pairs; ++i) {
      const double frequency =
          std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(d_head_));
      const double turns = original * frequency / (2 * std::numbers::pi);
      const double smooth = (turns - low) / (high - low);
      const double divisor = turns > high  ? 1
                             : turns < low ? factor
                                           : 1 / ((1 - smooth) / factor + smooth);
      tensor.values.push_back(static_cast<float>(divisor));
    }
    tensors.push_back(std::move(tensor));
    return {};
  }

  /// "" for a weight that GGUF does not take.
  std::string gguf_name(std::string name) const {
    for (const std::string_view base : {"language_model.model.", "model."}) {
      if (name.starts_with(base)) name.erase(0, base.size());
    }
    if (name == "embed_tokens.weight") return "token_embd.weight";
    if (name == "norm.weight") return "output_norm.weight";
    if (name == "lm_head.weight") return "output.weight";
    if (!name.starts_with("layers.")) return "";
    name.replace(0, std::strlen("layers."), "blk.");
    const bool gemma = arch_ == "gemma3";
    const std::map<std::string_view, std::string_view> parts = {
        {"input_layernorm", "attn_norm"},
        {"self_attn.q_proj", "attn_q"},
        {"self_attn.k_proj", "attn_k"},
        {"self_attn.v_proj", "attn_v"},
        {"self_attn.q_norm", "attn_q_norm"},
        {"self_attn.k_norm", "attn_k_norm"},
        {"self_attn.o_proj", "attn_output"},
        {"post_attention_layernorm", gemma ? "post_attention_norm" : "ffn_norm"},
        {"pre_feedforward_layernorm", "ffn_norm"},
        {"mlp.gate_proj", "ffn_gate"},
        {"mlp.up_proj", "ffn_up"},
        {"mlp.down_proj", "ffn_down"},
        {"post_feedforward_layernorm", "post_ffw_norm"}};
    for (const auto& [hf, gguf] : parts) {
      const auto at = name.find(hf);
      if (at != std::string::npos) return name.replace(at, hf.size(), gguf);
    }
    return "";
  }

  void convert_weights(DType dtype) {
    for (const auto& [hf_name, weight] : file_->weights()) {
      Tensor t = {gguf_name(hf_name), dtype, weight.tensor.shape, {}};
      if (t.name.empty()) continue;
      t.values.resize(t.shape.n_elements());
      dequantize_row(weight.tensor.dtype, weight.tensor.bytes.data(), t.values.data(),
                     t.values.size());
      if (t.shape.rank() == 1) t.dtype = DType::kF32;
      if (arch_ == "gemma3" && t.name.ends_with("norm.weight")) {
        for (float& value : t.values) value += 1;
      }
      if (arch_ == "llama" && t.name.find("attn_q.") != std::string::npos) permute(t, n_heads_);
      if (arch_ == "llama" && t.name.find("attn_k.") != std::string::npos) permute(t, n_kv_heads_);
      tensors.push_back(std::move(t));
    }
  }

  /// Row (half, pair) of each head goes to row (pair, half).
  void permute(Tensor& t, std::int64_t n_heads) const {
    const auto n_pairs = static_cast<std::size_t>(d_head_ / 2);
    const std::size_t n_cols = t.shape.rank() == 1 ? 1 : t.shape.n_cols();
    std::vector<float> out(t.values.size());
    for (std::size_t head = 0; head < static_cast<std::size_t>(n_heads); ++head) {
      for (std::size_t half = 0; half < 2; ++half) {
        for (std::size_t pair = 0; pair < n_pairs; ++pair) {
          const float* from =
              t.values.data() + (head * 2 * n_pairs + half * n_pairs + pair) * n_cols;
          std::copy_n(from, n_cols, out.data() + (head * 2 * n_pairs + 2 * pair + half) * n_cols);
        }
      }
    }
    t.values = std::move(out);
  }

  std::shared_ptr<const format::ModelFile> file_;
  std::string arch_;
  std::string scope_;
  std::int64_t n_heads_ = 0;
  std::int64_t n_kv_heads_ = 0;
  std::int64_t d_head_ = 0;
};

}  // namespace ondol::model
