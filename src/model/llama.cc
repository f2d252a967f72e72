// Llama 1 to 3.2 and what is built alike: Mistral (sliding window), SmolLM2,
// Qwen 2 (biases on q, k, v), SOLAR, Kanana, HyperCLOVA X SEED (multipliers and,
// in some, norms behind each block).
//
// Touvron et al. 2023 ("LLaMA"), section 2.2; grouped heads: Ainslie et al. 2023;
// the multipliers: Yang et al. 2022 (muP), as HyperCLOVAX's config.json names them.
#include <cmath>

#include "model/config.h"
#include "model/families.h"
#include "model/rope_scaling.h"

namespace ondol::model {
namespace {

using device::Weight;

struct LlamaConfig {
  Hyperparameters hyper;
  Rope rope;
  device::RopeStyle rope_style = device::RopeStyle::kHalfSplit;
  std::vector<std::int32_t> windows;  // [n_layers], 0: all
  bool tied = false;
  Bias qkv_bias = Bias::kNone;
  Bias output_bias = Bias::kNone;
  Bias mlp_bias = Bias::kNone;
  bool has_post_norms = false;
  float embedding_scale = 1;
  float attention_scale = 1;
  float residual_scale = 1;
  float logit_scale = 1;
};

struct Layer {
  const Weight* attention_norm = nullptr;       // [d_model]
  Linear q;                                     // [n_heads * d_head, d_model]
  Linear k, v;                                  // [n_kv_heads * d_head, d_model]
  Linear output;                                // [d_model, n_heads * d_head]
  const Weight* attention_post_norm = nullptr;  // [d_model], HyperCLOVA X only
  const Weight* mlp_norm = nullptr;             // [d_model]
  Linear gate, up;                              // [d_ff, d_model]
  Linear down;                                  // [d_model, d_ff]
  const Weight* mlp_post_norm = nullptr;        // [d_model], HyperCLOVA X only
  device::AttentionParams attention;
};

Result<void> read_biases(const Config& config, LlamaConfig& out) {
  if (config.is_gguf()) {
    out.qkv_bias = out.output_bias = out.mlp_bias = Bias::kIfPresent;
    return {};
  }
  const bool is_qwen2 = config.file().architecture() == "Qwen2ForCausalLM";
  ONDOL_TRY(const bool attention, config.boolean_or({"", "attention_bias"}, false));
  ONDOL_TRY(const bool mlp, config.boolean_or({"", "mlp_bias"}, false));
  out.qkv_bias = attention || is_qwen2 ? Bias::kRequired : Bias::kNone;
  out.output_bias = attention && !is_qwen2 ? Bias::kRequired : Bias::kNone;
  out.mlp_bias = mlp ? Bias::kRequired : Bias::kNone;
  return {};
}

/// Mistral slides in every layer; Qwen 2, if at all, from max_window_layers on.
Result<void> read_windows(const Config& config, LlamaConfig& out) {
  const std::int64_t n_layers = out.hyper.info.n_layers;
  out.windows.assign(static_cast<std::size_t>(n_layers), 0);
  const std::string& architecture = config.file().architecture();
  const bool is_qwen2 = architecture == "Qwen2ForCausalLM";
  if (!config.is_gguf() && !is_qwen2 && architecture != "MistralForCausalLM") return {};
  ONDOL_TRY(const bool used, config.boolean_or({"", "use_sliding_window"}, !is_qwen2));
  constexpr Key kWindow = {"attention.sliding_window", "sliding_window"};
  ONDOL_TRY(const std::int64_t window, config.integer_or(kWindow, 0, 0, 2147483647));
  if (!used || window == 0) return {};
  ONDOL_TRY(const std::int64_t first,
            config.integer_or({"", "max_window_layers"}, 28, 0, 2147483647));
  ONDOL_TRY(out.windows, read_layer_windows(config, n_layers, static_cast<std::int32_t>(window),
                                            is_qwen2 ? first : 0));
  return {};
}

Result<void> read_multipliers(const Config& config, LlamaConfig& out) {
  const double d_head = static_cast<double>(out.hyper.info.d_head);
  double attention = 1 / std::sqrt(d_head);
  if (config.file().architecture() == "HyperCLOVAXForCausalLM") {
    constexpr double kMax = 1e6;
    ONDOL_TRY(const double embedding,
              config.number_or({"", "embedding_multiplier"}, 1.0, -kMax, kMax));
    ONDOL_TRY(const double residual,
              config.number_or({"", "residual_multiplier"}, 1.0, -kMax, kMax));
    ONDOL_TRY(const double logit, config.number_or({"", "logits_scaling"}, 1.0, -kMax, kMax));
    ONDOL_TRY(attention, config.number_or({"", "attention_multiplier"}, attention, 0.0, kMax));
    out.embedding_scale = static_cast<float>(embedding);
    out.residual_scale = static_cast<float>(residual);
    out.logit_scale = static_cast<float>(logit);
    // Releases differ in what they assume when config.json is silent.
    const bool fallback = config.file().find("model.layers.0.post_norm1.weight") != nullptr;
    ONDOL_TRY(out.has_post_norms, config.boolean_or({"", "use_post_norm"}, fallback));
  }
  out.attention_scale = static_cast<float>(attention);
  return {};
}

Result<LlamaConfig> read_config(const Config& config) {
  LlamaConfig out;
  ONDOL_TRY(out.hyper, read_hyperparameters(config, "llama", {}));
  ONDOL_TRY_VOID(config.require_string({"", "hidden_act"}, "silu"));
  ONDOL_TRY(const std::int64_t n_experts, config.integer_or({"expert_count", ""}, 0, 0, 1 << 20));
  if (n_experts > 0) {
    return fail(ErrorCode::kUnsupported, config.where(), config.name({"expert_count", ""}),
                "mixtures of experts are not supported", n_experts, 0);
  }
  ONDOL_TRY(out.rope, read_rope(config, out.hyper.info, {}));
  // GGUF files of "llama" have the rows of q and k permuted; those of "qwen2" have not.
  if (config.is_gguf() && config.file().architecture() == "llama") {
    out.rope_style = device::RopeStyle::kInterleaved;
  }
  ONDOL_TRY(out.tied, read_tied(config, false));
  ONDOL_TRY_VOID(read_biases(config, out));
  ONDOL_TRY_VOID(read_windows(config, out));
  out.hyper.info.windows = out.windows;
  ONDOL_TRY_VOID(read_multipliers(config, out));
  return out;
}

Layer load_layer(WeightLoader& w, const LlamaConfig& config, std::int64_t i) {
  const ModelInfo& m = config.hyper.info;
  const std::int64_t d_q = m.n_heads * m.d_head;
  const std::int64_t d_kv = m.n_kv_heads * m.d_head;
  Layer layer;
  layer.attention_norm = w.vector(w.layer_name(i, {"attn_norm", "input_layernorm"}), m.d_model);
  layer.q = w.linear(i, {"attn_q", "self_attn.q_proj"}, d_q, m.d_model, config.qkv_bias);
  layer.k = w.linear(i, {"attn_k", "self_attn.k_proj"}, d_kv, m.d_model, config.qkv_bias);
  layer.v = w.linear(i, {"attn_v", "self_attn.v_proj"}, d_kv, m.d_model, config.qkv_bias);
  layer.output =
      w.linear(i, {"attn_output", "self_attn.o_proj"}, m.d_model, d_q, config.output_bias);
  layer.mlp_norm = w.vector(w.layer_name(i, {"ffn_norm", "post_attention_layernorm"}), m.d_model);
  layer.gate = w.linear(i, {"ffn_gate", "mlp.gate_proj"}, m.d_ff, m.d_model, config.mlp_bias);
  layer.up = w.linear(i, {"ffn_up", "mlp.up_proj"}, m.d_ff, m.d_model, config.mlp_bias);
  layer.down = w.linear(i, {"ffn_down", "mlp.down_proj"}, m.d_model, m.d_ff, config.mlp_bias);
  if (config.has_post_norms) {
    layer.attention_post_norm = w.vector(w.layer_name(i, {"", "post_norm1"}), m.d_model);
    layer.mlp_post_norm = w.vector(w.layer_name(i, {"", "post_norm2"}), m.d_model);
  }
  layer.attention.scale = config.attention_scale;
  layer.attention.window = config.windows[static_cast<std::size_t>(i)];
  return layer;
}

class Llama final : public Decoder {
 public:
  Llama(LlamaConfig config, WeightLoader& w)
      : Decoder(config.hyper.info, config.hyper.rms_eps), config_(std::move(config)) {
    const ModelInfo& m = info();
    const auto embeddings = w.embeddings(m.n_vocab, m.d_model, config_.tied);
    embedding_ = embeddings.table;
    for (std::int64_t i = 0; i < m.n_layers; ++i) layers_.push_back(load_layer(w, config_, i));
    OutputHead head;
    head.norm = w.vector(w.top_name({"output_norm", "norm"}), m.d_model);
    head.weight = embeddings.head;
    head.scale = config_.logit_scale;
    set_head(head);
  }

 protected:
  bool run_layers(const Batch& batch, device::KvCache& cache, const Activations& a) override {
    device().embed(batch.tokens, *embedding_, config_.embedding_scale, a.x);
    const device::Tensor angles = compute_angles(batch, config_.rope, a.angles);
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      if (!goes_on(batch)) return false;
      attend(layers_[i], static_cast<std::int64_t>(i), batch, cache, a, angles);
      feed_forward(layers_[i], a);
    }
    return true;
  }

 private:
  void attend(const Layer& layer, std::int64_t i, const Batch& batch, device::KvCache& cache,
              const Activations& a, device::Tensor angles) {
    norm(a.x, layer.attention_norm, 0, a.h);
    project(a.h, {{layer.q, a.q}, {layer.k, a.k}, {layer.v, a.v}});
    device().rope(a.q, info().d_head, angles, config_.rope_style);
    device().rope(a.k, info().d_head, angles, config_.rope_style);
    device().kv_append(cache, i, a.k, a.v, batch.slots);
    device().attention(a.q, cache, i, batch.sequences, layer.attention, a.attention);
    project(a.attention, {{layer.output, a.h}});
    add_to_stream(layer.attention_post_norm, a);
  }

  void feed_forward(const Layer& layer, const Activations& a) {
    norm(a.x, layer.mlp_norm, 0, a.h);
    project(a.h, {{layer.gate, a.gate}, {layer.up, a.up}});
    device().gated_act(a.gate, a.up, device::Activation::kSilu, a.gate);
    project(a.gate, {{layer.down, a.h}});
    add_to_stream(layer.mlp_post_norm, a);
  }

  void add_to_stream(const Weight* post_norm, const Activations& a) {
    if (post_norm != nullptr) norm(a.h, post_norm, 0, a.h);
    if (config_.residual_scale != 1) device().scale(a.h, config_.residual_scale);
    device().add(a.x, a.h);
  }

  LlamaConfig config_;
  const Weight* embedding_ = nullptr;  // [n_vocab, d_model]
  std::vector<Layer> layers_;
};

}  // namespace

Result<std::unique_ptr<Decoder>> make_llama(const format::ModelFile& file,
                                            std::string_view hf_scope, WeightLoader& weights) {
  ONDOL_TRY(LlamaConfig config, read_config(Config(file, hf_scope)));
  return std::make_unique<Llama>(std::move(config), weights);
}

}  // namespace ondol::model
