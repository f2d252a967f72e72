// Qwen 3, dense: llama's layer with RMS norms on each head of q and k in place
// of biases, and heads whose width the configuration states.
//
// Yang et al. 2025 ("Qwen3 Technical Report"), section 2.
#include <cmath>

#include "model/config.h"
#include "model/families.h"
#include "model/rope_scaling.h"

namespace ondol::model {
namespace {

using device::Weight;

// Q and K rows are in the half-split order in both layouts.
constexpr device::RopeStyle kRopeStyle = device::RopeStyle::kHalfSplit;

struct Qwen3Config {
  Hyperparameters hyper;
  Rope rope;
  std::vector<std::int32_t> windows;  // [n_layers], 0: all
  bool tied = false;
  Bias bias = Bias::kNone;  // of the four attention matrices
};

struct Layer {
  const Weight* attention_norm = nullptr;  // [d_model]
  Linear q;                                // [n_heads * d_head, d_model]
  Linear k, v;                             // [n_kv_heads * d_head, d_model]
  const Weight* q_norm = nullptr;          // [d_head]
  const Weight* k_norm = nullptr;          // [d_head]
  Linear output;                           // [d_model, n_heads * d_head]
  const Weight* mlp_norm = nullptr;        // [d_model]
  Linear gate, up;                         // [d_ff, d_model]
  Linear down;                             // [d_model, d_ff]
  device::AttentionParams attention;
};

Result<Qwen3Config> read_config(const Config& config) {
  Qwen3Config out;
  Defaults defaults;
  defaults.d_head = 128;
  ONDOL_TRY(out.hyper, read_hyperparameters(config, "qwen3", defaults));
  const std::int64_t n_layers = out.hyper.info.n_layers;
  ONDOL_TRY_VOID(config.require_string({"", "hidden_act"}, "silu"));
  ONDOL_TRY(out.rope, read_rope(config, out.hyper.info, {}));
  ONDOL_TRY(out.tied, read_tied(config, false));
  ONDOL_TRY(const bool has_bias, config.boolean_or({"", "attention_bias"}, false));
  if (has_bias) out.bias = Bias::kRequired;

  out.windows.assign(static_cast<std::size_t>(n_layers), 0);
  ONDOL_TRY(const bool slides, config.boolean_or({"", "use_sliding_window"}, false));
  if (slides) {
    ONDOL_TRY(const std::int64_t window,
              config.integer_or({"", "sliding_window"}, 4096, 1, 2147483647));
    ONDOL_TRY(const std::int64_t first,
              config.integer_or({"", "max_window_layers"}, 28, 0, 2147483647));
    ONDOL_TRY(out.windows,
              read_layer_windows(config, n_layers, static_cast<std::int32_t>(window), first));
  }
  return out;
}

Layer load_layer(WeightLoader& w, const Qwen3Config& config, std::int64_t i) {
  const ModelInfo& m = config.hyper.info;
  const std::int64_t d_q = m.n_heads * m.d_head;
  const std::int64_t d_kv = m.n_kv_heads * m.d_head;
  Layer layer;
  layer.attention_norm = w.vector(w.layer_name(i, {"attn_norm", "input_layernorm"}), m.d_model);
  layer.q = w.linear(i, {"attn_q", "self_attn.q_proj"}, d_q, m.d_model, config.bias);
  layer.k = w.linear(i, {"attn_k", "self_attn.k_proj"}, d_kv, m.d_model, config.bias);
  layer.v = w.linear(i, {"attn_v", "self_attn.v_proj"}, d_kv, m.d_model, config.bias);
  layer.q_norm = w.vector(w.layer_name(i, {"attn_q_norm", "self_attn.q_norm"}), m.d_head);
  layer.k_norm = w.vector(w.layer_name(i, {"attn_k_norm", "self_attn.k_norm"}), m.d_head);
  layer.output = w.linear(i, {"attn_output", "self_attn.o_proj"}, m.d_model, d_q, config.bias);
  layer.mlp_norm = w.vector(w.layer_name(i, {"ffn_norm", "post_attention_layernorm"}), m.d_model);
  layer.gate = w.linear(i, {"ffn_gate", "mlp.gate_proj"}, m.d_ff, m.d_model);
  layer.up = w.linear(i, {"ffn_up", "mlp.up_proj"}, m.d_ff, m.d_model);
  layer.down = w.linear(i, {"ffn_down", "mlp.down_proj"}, m.d_model, m.d_ff);
  layer.attention.scale = static_cast<float>(1 / std::sqrt(static_cast<double>(m.d_head)));
  layer.attention.window = config.windows[static_cast<std::size_t>(i)];
  return layer;
}

class Qwen3 final : public Decoder {
 public:
  Qwen3(Qwen3Config config, WeightLoader& w)
      : Decoder(config.hyper.info, config.hyper.rms_eps), config_(std::move(config)) {
    const ModelInfo& m = info();
    const auto embeddings = w.embeddings(m.n_vocab, m.d_model, config_.tied);
    embedding_ = embeddings.table;
    for (std::int64_t i = 0; i < m.n_layers; ++i) layers_.push_back(load_layer(w, config_, i));
    OutputHead head;
    head.norm = w.vector(w.top_name({"output_norm", "norm"}), m.d_model);
    head.weight = embeddings.head;
    set_head(head);
  }

 protected:
  bool run_layers(const Batch& batch, device::KvCache& cache, const Activations& a) override {
    device().embed(batch.tokens, *embedding_, 1, a.x);
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
    norm_heads(a.q, layer.q_norm, 0);
    norm_heads(a.k, layer.k_norm, 0);
    device().rope(a.q, info().d_head, angles, kRopeStyle);
    device().rope(a.k, info().d_head, angles, kRopeStyle);
    device().kv_append(cache, i, a.k, a.v, batch.slots);
    device().attention(a.q, cache, i, batch.sequences, layer.attention, a.attention);
    project(a.attention, {{layer.output, a.h}});
    device().add(a.x, a.h);
  }

  void feed_forward(const Layer& layer, const Activations& a) {
    norm(a.x, layer.mlp_norm, 0, a.h);
    project(a.h, {{layer.gate, a.gate}, {layer.up, a.up}});
    device().gated_act(a.gate, a.up, device::Activation::kSilu, a.gate);
    project(a.gate, {{layer.down, a.h}});
    device().add(a.x, a.h);
  }

  Qwen3Config config_;
  const Weight* embedding_ = nullptr;  // [n_vocab, d_model]
  std::vector<Layer> layers_;
};

}  // namespace

Result<std::unique_ptr<Decoder>> make_qwen3(const format::ModelFile& file,
                                            std::string_view hf_scope, WeightLoader& weights) {
  ONDOL_TRY(Qwen3Config config, read_config(Config(file, hf_scope)));
  return std::make_unique<Qwen3>(std::move(config), weights);
}

}  // namespace ondol::model
