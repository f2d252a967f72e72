// The table of architectures, and plan() and load(), which are the same for all.
//
// Not here, and refused by name, though kin: SolarForCausalLM (Solar Pro skips
// between blocks), MixtralForCausalLM (experts), Gemma 2.
#include <algorithm>
#include <array>

#include "device/weight_cache.h"
#include "model/families.h"
#include "model/model.h"

namespace ondol::model {
namespace {

using format::Layout;

struct Architecture {
  std::string_view name;  // as the file has it
  Layout layout;
  MakeFamily make;
  std::string_view hf_scope{};  // where config.json keeps the text model
};

constexpr std::array kArchitectures = {
    Architecture{"llama", Layout::kGguf, make_llama},
    Architecture{"qwen2", Layout::kGguf, make_llama},
    Architecture{"qwen3", Layout::kGguf, make_qwen3},
    Architecture{"gemma3", Layout::kGguf, make_gemma3},
    Architecture{"LlamaForCausalLM", Layout::kHuggingFace, make_llama},
    Architecture{"MistralForCausalLM", Layout::kHuggingFace, make_llama},
    Architecture{"Qwen2ForCausalLM", Layout::kHuggingFace, make_llama},
    Architecture{"HyperCLOVAXForCausalLM", Layout::kHuggingFace, make_llama},
    Architecture{"Qwen3ForCausalLM", Layout::kHuggingFace, make_qwen3},
    Architecture{"Gemma3ForCausalLM", Layout::kHuggingFace, make_gemma3},
    Architecture{"Gemma3ForConditionalGeneration", Layout::kHuggingFace, make_gemma3,
                 "text_config."},
};

Result<Architecture> find_architecture(const format::ModelFile& file) {
  std::string known;
  for (const Architecture& row : kArchitectures) {
    if (row.layout != file.layout()) continue;
    if (row.name == file.architecture()) return row;
    known += (known.empty() ? "" : ", ") + std::string(row.name);
  }
  return fail(ErrorCode::kUnsupported, file.metadata().where(), "architecture",
              "this build does not know the architecture", file.architecture(), known);
}

Result<void> check_options(const LoadOptions& options) {
  if (options.max_batch_tokens < 1 || options.max_batch_tokens > Decoder::kMaxBatchTokens) {
    return fail(ErrorCode::kInvalidArgument, "max_batch_tokens", "", "out of range",
                options.max_batch_tokens, Decoder::kMaxBatchTokens);
  }
  constexpr std::array kTargets = {DType::kQ8_0, DType::kQ4_0, DType::kQ4_K};
  if (options.quantize_to && std::ranges::find(kTargets, *options.quantize_to) == kTargets.end()) {
    return fail(ErrorCode::kInvalidArgument, "quantize_to", "", "cannot quantize on load to this",
                std::string(name(*options.quantize_to)), "q8_0, q4_0 or q4_k");
  }
  return {};
}

/// One pass over the file's weights; the model and what it counted.
struct Pass {
  std::unique_ptr<Decoder> model;
  WeightStore store;
};

Result<Pass> run(const Architecture& architecture, const format::ModelFile& file,
                 const LoadOptions& options, WeightLoader& weights) {
  ONDOL_TRY(auto model, architecture.make(file, architecture.hf_scope, weights));
  ONDOL_TRY_VOID(weights.status());
  WeightStore store = weights.take_store();
  if (options.quantize_to && store.n_quantized == 0) {
    return fail(ErrorCode::kInvalidArgument, file.metadata().where(), "quantize_to",
                "nothing to quantize: no matrix of this file is f32, f16 or bf16 in whole blocks",
                std::string(name(*options.quantize_to)), "");
  }
  model->set_counts(store);
  return Pass{std::move(model), std::move(store)};
}

}  // namespace

Result<Plan> plan(const format::ModelFile& file, const LoadOptions& options) {
  ONDOL_TRY_VOID(check_options(options));
  ONDOL_TRY(const Architecture architecture, find_architecture(file));
  WeightLoader weights(nullptr, file, options, nullptr, WeightLoader::Mode::kPlan);
  ONDOL_TRY(const Pass pass, run(architecture, file, options, weights));
  Plan out;
  out.info = pass.model->info();
  out.weight_bytes = pass.store.n_bytes;
  out.workspace_bytes = Decoder::workspace_bytes_for(out.info, options.max_batch_tokens);
  return out;
}

Result<std::unique_ptr<Model>> load(std::shared_ptr<const format::ModelFile> file,
                                    device::Device& device, const LoadOptions& options) {
  using Mode = WeightLoader::Mode;
  ONDOL_TRY_VOID(check_options(options));
  ONDOL_TRY(const Architecture architecture, find_architecture(*file));
  // Everything that can be wrong with the file is found before memory is taken.
  WeightLoader checker(nullptr, *file, options, &device, Mode::kCheck);
  ONDOL_TRY(const Pass checked, run(architecture, *file, options, checker));
  const auto load_all = [&](bool& cache_failed) -> Result<Pass> {
    WeightLoader loader(file, *file, options, &device, Mode::kLoad, checked.store.n_bytes);
    auto pass = run(architecture, *file, options, loader);
    cache_failed = loader.cache_failed();
    return pass;
  };
  bool cache_failed = false;
  auto pass = load_all(cache_failed);
  if (!pass && cache_failed) {
    options.weight_cache->reset(std::move(pass).error());
    pass = load_all(cache_failed);
  }
  ONDOL_TRY(Pass loaded, std::move(pass));
  ONDOL_TRY_VOID(loaded.model->attach(device, std::move(loaded.store), options.max_batch_tokens));
  return std::unique_ptr<Model>(std::move(loaded.model));
}

std::vector<std::string_view> known_architectures() {
  std::vector<std::string_view> names;
  for (const Architecture& row : kArchitectures) names.push_back(row.name);
  return names;
}

}  // namespace ondol::model
