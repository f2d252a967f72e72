// Gemma 3, text: norms on both sides of each block and on each head of q and k,
// most layers with a sliding window and a rope of their own.
//
// Gemma Team 2025 ("Gemma 3 Technical Report"), section 2.
//
// Checkpoints store a norm's weight minus 1; GGUF files store it whole.
#include <cmath>

#include "model/config.h"
#include "model/families.h"
#include "model/rope_scaling.h"
#include "tensor/quantize.h"

namespace ondol::model {
namespace {

using device::Weight;

// Q and K rows are in the half-split order in both layouts.
constexpr device::RopeStyle kRopeStyle = device::RopeStyle::kHalfSplit;

struct Gemma3Config {
  Hyperparameters hyper;
  Rope global_rope;
  Rope local_rope;                    // of layers with a window
  std::vector<std::int32_t> windows;  // [n_layers], 0: all
  bool tied = true;
  float norm_offset = 0;
  float embedding_scale = 1;
  float attention_scale = 1;
  float attention_softcap = 0;
  float logit_softcap = 0;
};

struct Layer {
  const Weight* attention_norm = nullptr;       // [d_model]
  Linear q;                                     // [n_heads * d_head, d_model]
  Linear k, v;                                  // [n_kv_heads * d_head, d_model]
  const Weight* q_norm = nullptr;               // [d_head]
  const Weight* k_norm = nullptr;               // [d_head]
  Linear output;                                // [d_model, n_heads * d_head]
  const Weight* attention_post_norm = nullptr;  // [d_model]
  const Weight* mlp_norm = nullptr;             // [d_model]
  Linear gate, up;                              // [d_ff, d_model]
  Linear down;                                  // [d_model, d_ff]
  const Weight* mlp_post_norm = nullptr;        // [d_model]
  device::AttentionParams attention;
};

/// Every n-th layer sees all; the others have a window.
Result<void> read_windows(const Config& config, Gemma3Config& out) {
  const std::int64_t n_layers = out.hyper.info.n_layers;
  constexpr Key kWindow = {"attention.sliding_window", "sliding_window"};
  ONDOL_TRY(const std::int64_t size, config.integer_or(kWindow, 4096, 1, 2147483647));
  const auto window = static_cast<std::int32_t>(size);
  if (config.has({"", "layer_types"})) {
    ONDOL_TRY(out.windows, read_layer_windows(config, n_layers, window, 0));
    return {};
  }
  constexpr Key kPattern = {"attention.sliding_window_pattern", "sliding_window_pattern"};
  ONDOL_TRY(const std::int64_t period, config.integer_or(kPattern, 6, 1, 1024));
  for (std::int64_t i = 0; i < n_layers; ++i) {
    out.windows.push_back((i + 1) % period == 0 ? 0 : window);
  }
  return {};
}

Result<void> read_ropes(const Config& config, Gemma3Config& out) {
  const ModelInfo& m = out.hyper.info;
  RopeKeys global;
  global.parameters = "rope_parameters.full_attention";
  global.default_theta = 1e6;
  ONDOL_TRY(out.global_rope, read_rope(config, m, global));
  // Only the global rope is stretched. GGUF files name the local theta since 2025.
  RopeKeys local;
  local.parameters = "rope_parameters.sliding_attention";
  local.theta = "rope_local_base_freq";
  local.scaling = "";
  if (!config.is_gguf()) {
    ONDOL_TRY(out.local_rope, read_rope(config, m, local));
    return {};
  }
  ONDOL_TRY(const double theta,
            config.number_or({"rope.freq_base_swa", ""}, local.default_theta, 1.0 + 1e-6, 1e15));
  const auto n_rotated = static_cast<std::int64_t>(2 * out.global_rope.inv_freq.size());
  for (const double frequency : rope_frequencies(theta, n_rotated)) {
    out.local_rope.inv_freq.push_back(static_cast<float>(frequency));
  }
  return {};
}

/// q.k is divided by the root of query_pre_attn_scalar. GGUF files do not carry
/// it: it is the width of a head, but for the 27B model (62 layers), where it is
/// d_model / n_heads.
Result<float> read_attention_scale(const Config& config, const ModelInfo& m) {
  constexpr Key kScale = {"attention.scale", ""};
  if (config.has(kScale)) {
    ONDOL_TRY(const double scale, config.number_or(kScale, 1.0, 1e-6, 1e6));
    return static_cast<float>(scale);
  }
  double scalar = static_cast<double>(m.d_head);
  if (config.is_gguf()) {
    constexpr std::int64_t kLayersOf27B = 62;
    if (m.n_layers == kLayersOf27B) {
      scalar = static_cast<double>(m.d_model) / static_cast<double>(m.n_heads);
    }
  } else {
    ONDOL_TRY(scalar, config.number_or({"", "query_pre_attn_scalar"}, 256.0, 1e-6, 1e9));
  }
  return static_cast<float>(1 / std::sqrt(scalar));
}

/// sqrt(d_model); Gemma was trained in bfloat16 and rounded it so, which is
/// followed where the checkpoint itself is bfloat16 (as transformers does).
float read_embedding_scale(const Config& config, const ModelInfo& m, const std::string& table) {
  const float scale = std::sqrt(static_cast<float>(m.d_model));
  const format::Weight* weight = config.file().find(table);
  const bool is_bf16 = weight != nullptr && weight->tensor.dtype == DType::kBF16;
  return is_bf16 ? bf16_to_f32(f32_to_bf16(scale)) : scale;
}

Result<Gemma3Config> read_config(const Config& config, const std::string& embedding_name) {
  Gemma3Config out;
  // Published checkpoints leave out what Gemma3TextConfig assumes.
  Defaults defaults;
  defaults.n_vocab = 262208;
  defaults.n_heads = 8;
  defaults.n_kv_heads = 4;
  defaults.d_head = 256;
  defaults.max_context = 131072;
  ONDOL_TRY(out.hyper, read_hyperparameters(config, "gemma3", defaults));
  const ModelInfo& m = out.hyper.info;
  ONDOL_TRY_VOID(config.require_string({"", "hidden_activation"}, "gelu_pytorch_tanh"));
  ONDOL_TRY_VOID(
      config.refuse_flag({"", "use_bidirectional_attention"}, "attention to later tokens"));
  ONDOL_TRY_VOID(config.refuse_flag({"", "attention_bias"}, "biases in attention"));
  ONDOL_TRY(out.tied, read_tied(config, true));
  ONDOL_TRY_VOID(read_windows(config, out));
  out.hyper.info.windows = out.windows;
  ONDOL_TRY_VOID(read_ropes(config, out));
  ONDOL_TRY(out.attention_scale, read_attention_scale(config, m));
  constexpr Key kAttentionCap = {"attn_logit_softcapping", "attn_logit_softcapping"};
  constexpr Key kLogitCap = {"final_logit_softcapping", "final_logit_softcapping"};
  ONDOL_TRY(const double attention_cap, config.number_or(kAttentionCap, 0.0, 0.0, 1e6));
  ONDOL_TRY(const double logit_cap, config.number_or(kLogitCap, 0.0, 0.0, 1e6));
  out.attention_softcap = static_cast<float>(attention_cap);
  out.logit_softcap = static_cast<float>(logit_cap);
  out.norm_offset = config.is_gguf() ? 0.0F : 1.0F;
  out.embedding_scale = read_embedding_scale(config, m, embedding_name);
  return out;
}

Layer load_layer(WeightLoader& w, const Gemma3Config& config, std::int64_t i) {
  const ModelInfo& m = config.hyper.info;
  const std::int64_t d_q = m.n_heads * m.d_head;
  const std::int64_t d_kv = m.n_kv_heads * m.d_head;
  const auto norm = [&](WeightName name, std::int64_t n) {
    return w.vector(w.layer_name(i, name), n);
  };
  Layer layer;
  layer.attention_norm = norm({"attn_norm", "input_layernorm"}, m.d_model);
  layer.q = w.linear(i, {"attn_q", "self_attn.q_proj"}, d_q, m.d_model);
  layer.k = w.linear(i, {"attn_k", "self_attn.k_proj"}, d_kv, m.d_model);
  layer.v = w.linear(i, {"attn_v", "self_attn.v_proj"}, d_kv, m.d_model);
  layer.q_norm = norm({"attn_q_norm", "self_attn.q_norm"}, m.d_head);
  layer.k_norm = norm({"attn_k_norm", "self_attn.k_norm"}, m.d_head);
  layer.output = w.linear(i, {"attn_output", "self_attn.o_proj"}, m.d_model, d_q);
  layer.attention_post_norm = norm({"post_attention_norm", "post_attention_layernorm"}, m.d_model);
  layer.mlp_norm = norm({"ffn_norm", "pre_feedforward_layernorm"}, m.d_model);
  layer.gate = w.linear(i, {"ffn_gate", "mlp.gate_proj"}, m.d_ff, m.d_model);
  layer.up = w.linear(i, {"ffn_up", "mlp.up_proj"}, m.d_ff, m.d_model);
  layer.down = w.linear(i, {"ffn_down", "mlp.down_proj"}, m.d_model, m.d_ff);
  layer.mlp_post_norm = norm({"post_ffw_norm", "post_feedforward_layernorm"}, m.d_model);
  layer.attention.scale = config.attention_scale;
  layer.attention.softcap = config.attention_softcap;
  layer.attention.window = config.windows[static_cast<std::size_t>(i)];
  return layer;
}

class Gemma3 final : public Decoder {
 public:
  Gemma3(Gemma3Config config, WeightLoader& w)
      : Decoder(config.hyper.info, config.hyper.rms_eps), config_(std::move(config)) {
    const ModelInfo& m = info();
    const auto embeddings = w.embeddings(m.n_vocab, m.d_model, config_.tied);
    embedding_ = embeddings.table;
    for (std::int64_t i = 0; i < m.n_layers; ++i) layers_.push_back(load_layer(w, config_, i));
    OutputHead head;
    head.norm = w.vector(w.top_name({"output_norm", "norm"}), m.d_model);
    head.weight = embeddings.head;
    head.norm_offset = config_.norm_offset;
    head.softcap = config_.logit_softcap;
    set_head(head);
  }

 protected:
  bool run_layers(const Batch& batch, device::KvCache& cache, const Activations& a) override {
    device().embed(batch.tokens, *embedding_, config_.embedding_scale, a.x);
    const device::Tensor global = compute_angles(batch, config_.global_rope, a.angles);
    const device::Tensor local = compute_angles(batch, config_.local_rope, a.local_angles);
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      if (!goes_on(batch)) return false;
      const bool slides = layers_[i].attention.window > 0;
      attend(layers_[i], static_cast<std::int64_t>(i), batch, cache, a, slides ? local : global);
      feed_forward(layers_[i], a);
    }
    return true;
  }

 private:
  void attend(const Layer& layer, std::int64_t i, const Batch& batch, device::KvCache& cache,
              const Activations& a, device::Tensor angles) {
    const float offset = config_.norm_offset;
    norm(a.x, layer.attention_norm, offset, a.h);
    project(a.h, {{layer.q, a.q}, {layer.k, a.k}, {layer.v, a.v}});
    norm_heads(a.q, layer.q_norm, offset);
    norm_heads(a.k, layer.k_norm, offset);
    device().rope(a.q, info().d_head, angles, kRopeStyle);
    device().rope(a.k, info().d_head, angles, kRopeStyle);
    device().kv_append(cache, i, a.k, a.v, batch.slots);
    device().attention(a.q, cache, i, batch.sequences, layer.attention, a.attention);
    project(a.attention, {{layer.output, a.h}});
    norm(a.h, layer.attention_post_norm, offset, a.h);
    device().add(a.x, a.h);
  }

  void feed_forward(const Layer& layer, const Activations& a) {
    const float offset = config_.norm_offset;
    norm(a.x, layer.mlp_norm, offset, a.h);
    project(a.h, {{layer.gate, a.gate}, {layer.up, a.up}});
    device().gated_act(a.gate, a.up, device::Activation::kGeluTanh, a.gate);
    project(a.gate, {{layer.down, a.h}});
    norm(a.h, layer.mlp_post_norm, offset, a.h);
    device().add(a.x, a.h);
  }

  Gemma3Config config_;
  const Weight* embedding_ = nullptr;  // [n_vocab, d_model]
  std::vector<Layer> layers_;
};

}  // namespace

Result<std::unique_ptr<Decoder>> make_gemma3(const format::ModelFile& file,
                                             std::string_view hf_scope, WeightLoader& weights) {
  ONDOL_TRY(Gemma3Config config, read_config(Config(file, hf_scope), weights.embedding_name()));
  return std::make_unique<Gemma3>(std::move(config), weights);
}

}  // namespace ondol::model
