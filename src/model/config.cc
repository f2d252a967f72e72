#include "model/config.h"

#include <limits>
#include <utility>

#include "base/checked.h"

namespace ondol::model {
namespace {

constexpr std::int64_t kMaxLayers = 1024;
constexpr std::int64_t kMaxHeads = 4096;
constexpr std::int64_t kMaxHeadSize = 4096;
constexpr std::int64_t kMaxModelSize = 1 << 20;
constexpr std::int64_t kMaxFeedForward = 1 << 22;
constexpr std::int64_t kMaxVocab = 1 << 24;
// Positions are int32 throughout the engine.
constexpr std::int64_t kMaxContext = std::numeric_limits<std::int32_t>::max();

constexpr Key kVocab = {"vocab_size", "vocab_size"};
constexpr Key kHeads = {"attention.head_count", "num_attention_heads"};
constexpr Key kKvHeads = {"attention.head_count_kv", "num_key_value_heads"};
constexpr Key kHeadSize = {"attention.key_length", "head_dim"};
constexpr Key kModelSize = {"embedding_length", "hidden_size"};

/// A fallback of 0 means that the key must be there.
Result<std::int64_t> size(const Config& config, Key key, std::int64_t fallback, std::int64_t high) {
  if (fallback == 0 || config.is_gguf()) return config.integer(key, 1, high);
  return config.integer_or(key, fallback, 1, high);
}

template <class Element>
Result<void> check_token_array(const Config& config, std::string_view key, std::int64_t n_vocab) {
  ONDOL_TRY(const std::vector<Element>* values, config.metadata().array<Element>(key));
  if (values == nullptr || std::cmp_equal(values->size(), n_vocab)) return {};
  return fail(ErrorCode::kInvalidFile, config.where(), key, "its length is not the vocabulary's",
              values->size(), n_vocab);
}

/// A GGUF file says its vocabulary by the token list, and sometimes by a key as
/// well; a checkpoint by config.json.
Result<std::int64_t> read_vocab(const Config& config, std::int64_t fallback) {
  if (!config.is_gguf()) return size(config, kVocab, fallback, kMaxVocab);
  ONDOL_TRY(const auto* tokens, config.metadata().array<std::string_view>("tokenizer.ggml.tokens"));
  if (tokens == nullptr) return config.integer(kVocab, 1, kMaxVocab);
  if (tokens->empty() || std::cmp_greater(tokens->size(), kMaxVocab)) {
    return fail(ErrorCode::kInvalidFile, config.where(), "tokenizer.ggml.tokens",
                "impossible number of tokens", tokens->size(), kMaxVocab);
  }
  const auto n_tokens = static_cast<std::int64_t>(tokens->size());
  ONDOL_TRY(const std::int64_t n_vocab, config.integer_or(kVocab, n_tokens, 1, kMaxVocab));
  ONDOL_TRY_VOID(check_token_array<std::string_view>(config, "tokenizer.ggml.tokens", n_vocab));
  ONDOL_TRY_VOID(check_token_array<std::int64_t>(config, "tokenizer.ggml.token_type", n_vocab));
  ONDOL_TRY_VOID(check_token_array<double>(config, "tokenizer.ggml.scores", n_vocab));
  return n_vocab;
}

Result<void> read_heads(const Config& config, const Defaults& defaults, ModelInfo& info) {
  ONDOL_TRY(info.n_heads, size(config, kHeads, defaults.n_heads, kMaxHeads));
  const std::int64_t kv_fallback = defaults.n_kv_heads != 0 ? defaults.n_kv_heads : info.n_heads;
  ONDOL_TRY(info.n_kv_heads, config.integer_or(kKvHeads, kv_fallback, 1, kMaxHeads));
  if (info.n_heads % info.n_kv_heads != 0) {
    return fail(ErrorCode::kInvalidFile, config.where(), config.name(kKvHeads),
                "key/value heads must divide the heads", info.n_kv_heads, info.n_heads);
  }
  if (config.has(kHeadSize) || (defaults.d_head != 0 && !config.is_gguf())) {
    ONDOL_TRY(info.d_head, config.integer_or(kHeadSize, defaults.d_head, 2, kMaxHeadSize));
  } else if (info.d_model % info.n_heads != 0) {
    return fail(ErrorCode::kInvalidFile, config.where(), config.name(kHeads),
                "heads must divide the model's width", info.n_heads, info.d_model);
  } else {
    info.d_head = info.d_model / info.n_heads;
  }
  if (info.d_head % 2 != 0 || info.d_head > kMaxHeadSize) {
    return fail(ErrorCode::kInvalidFile, config.where(), config.name(kHeadSize),
                "the width of a head must be even and within the limit", info.d_head, kMaxHeadSize);
  }
  constexpr Key kValueSize = {"attention.value_length", ""};
  ONDOL_TRY(const std::int64_t d_value,
            config.integer_or(kValueSize, info.d_head, 1, kMaxHeadSize));
  if (d_value != info.d_head) {
    return fail(ErrorCode::kUnsupported, config.where(), config.name(kValueSize),
                "values of another width than keys", d_value, info.d_head);
  }
  return {};
}

}  // namespace

Config::Config(const format::ModelFile& file, std::string_view hf_scope)
    : file_(file), prefix_(is_gguf() ? file.architecture() + "." : std::string(hf_scope)) {}

std::string Config::name(Key key) const {
  const std::string_view plain = is_gguf() ? key.gguf : key.hf;
  return plain.empty() ? std::string() : prefix_ + std::string(plain);
}

bool Config::has(Key key) const {
  const std::string full = name(key);
  return !full.empty() && metadata().has(full);
}

Result<std::int64_t> Config::integer(Key key, std::int64_t low, std::int64_t high) const {
  return metadata().integer(name(key), low, high);
}

Result<std::int64_t> Config::integer_or(Key key, std::int64_t fallback, std::int64_t low,
                                        std::int64_t high) const {
  const std::string full = name(key);
  if (full.empty()) return fallback;
  return metadata().integer_or(full, fallback, low, high);
}

Result<double> Config::number_or(Key key, double fallback, double low, double high) const {
  const std::string full = name(key);
  if (full.empty()) return fallback;
  return metadata().number_or(full, fallback, low, high);
}

Result<bool> Config::boolean_or(Key key, bool fallback) const {
  const std::string full = name(key);
  if (full.empty()) return fallback;
  return metadata().boolean_or(full, fallback);
}

Result<std::string> Config::string_or(Key key, std::string_view fallback) const {
  const std::string full = name(key);
  if (full.empty()) return std::string(fallback);
  return metadata().string_or(full, fallback);
}

Result<void> Config::require_string(Key key, std::string_view expected) const {
  ONDOL_TRY(const std::string found, string_or(key, expected));
  if (found == expected) return {};
  return fail(ErrorCode::kUnsupported, where(), name(key), "this setting is not supported", found,
              std::string(expected));
}

Result<void> Config::refuse_flag(Key key, std::string_view why) const {
  ONDOL_TRY(const bool set, boolean_or(key, false));
  if (!set) return {};
  return fail(ErrorCode::kUnsupported, where(), name(key), why, "true", "false");
}

Result<Hyperparameters> read_hyperparameters(const Config& config, std::string_view family,
                                             const Defaults& defaults) {
  Hyperparameters out;
  ModelInfo& info = out.info;
  info.family = family;
  ONDOL_TRY(info.n_vocab, read_vocab(config, defaults.n_vocab));
  ONDOL_TRY(info.n_layers, config.integer({"block_count", "num_hidden_layers"}, 1, kMaxLayers));
  ONDOL_TRY(info.d_model, config.integer(kModelSize, 1, kMaxModelSize));
  ONDOL_TRY(info.d_ff,
            config.integer({"feed_forward_length", "intermediate_size"}, 1, kMaxFeedForward));
  ONDOL_TRY(info.max_context, size(config, {"context_length", "max_position_embeddings"},
                                   defaults.max_context, kMaxContext));
  ONDOL_TRY_VOID(read_heads(config, defaults, info));
  // 1e-6 is what every class of transformers here assumes.
  ONDOL_TRY(const double eps, config.number_or({"attention.layer_norm_rms_epsilon", "rms_norm_eps"},
                                               1e-6, 1e-30, 1.0));
  out.rms_eps = static_cast<float>(eps);
  return out;
}

Result<bool> read_tied(const Config& config, bool fallback) {
  if (config.is_gguf()) return config.file().find("output.weight") == nullptr;
  return config.boolean_or({"", "tie_word_embeddings"}, fallback);
}

Result<std::vector<std::int32_t>> read_layer_windows(const Config& config, std::int64_t n_layers,
                                                     std::int32_t window,
                                                     std::int64_t first_sliding) {
  std::vector<std::int32_t> windows;
  const std::string key = config.name({"", "layer_types"});
  const std::vector<std::string_view>* types = nullptr;
  if (!key.empty()) {
    ONDOL_TRY(types, config.metadata().array<std::string_view>(key));
  }
  if (types == nullptr) {
    for (std::int64_t i = 0; i < n_layers; ++i) windows.push_back(i < first_sliding ? 0 : window);
    return windows;
  }
  if (!std::cmp_equal(types->size(), n_layers)) {
    return fail(ErrorCode::kInvalidFile, config.where(), key, "not one entry a layer",
                types->size(), n_layers);
  }
  for (const std::string_view type : *types) {
    if (type != "full_attention" && type != "sliding_attention") {
      return fail(ErrorCode::kUnsupported, config.where(), key, "unknown kind of attention",
                  std::string(type), "full_attention or sliding_attention");
    }
    windows.push_back(type == "sliding_attention" ? window : 0);
  }
  return windows;
}

std::uint64_t ModelInfo::kv_bytes_per_token(DType kv_dtype) const {
  const DTypeInfo& dtype = ondol::info(kv_dtype);
  // A head whose width is no multiple of the block is padded to one.
  const auto n_blocks =
      ceil_div(static_cast<std::uint64_t>(d_head), std::uint64_t{dtype.block_elements});
  return 2 * static_cast<std::uint64_t>(n_layers * n_kv_heads) * n_blocks * dtype.block_bytes;
}

}  // namespace ondol::model
