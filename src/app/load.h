// From a name on the command line to something that runs: the file, a device,
// the model on it, and its text side. One place for the options that all model
// commands share.
//
// Owner: the command. Threads: SIGINT is blocked while the device and the engine
// start their threads, so that only the main thread ever gets it.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "app/weight_keeper.h"
#include "base/error.h"
#include "device/device.h"
#include "engine/engine.h"
#include "format/model_file.h"
#include "model/model.h"
#include "text/tokenizer.h"

namespace ondol::app {

struct ModelOptions {
  std::string model;
  std::string device = "cpu";
  int threads = 0;
  std::string isa;
  std::string dtype;
  std::int64_t context = 0;  // 0: as trained, kDefaultContext at most
  std::string kv_dtype = "f16";
  bool no_weight_cache = false;
  std::string speculate = "auto";  // of the commands that start an engine
  std::string draft_model;         // empty: none
};

inline constexpr std::int64_t kDefaultContext = 8192;

/// --threads, or ONDOL_THREADS.
void add_threads_option(CLI::App& command, int& threads);
/// -m, and add_load_options.
void add_model_options(CLI::App& command, ModelOptions& options, bool model_required);
/// --device, --threads, --isa, --dtype, --ctx, --kv-dtype, --no-weight-cache.
void add_load_options(CLI::App& command, ModelOptions& options);

/// --speculate.
void add_speculate_option(CLI::App& command, ModelOptions& options);
/// The same and --draft-model.
void add_speculation_options(CLI::App& command, ModelOptions& options);

struct LoadedModel {
  std::shared_ptr<const format::ModelFile> file;
  std::shared_ptr<const text::Tokenizer> tokenizer;  // null when not asked for
  std::unique_ptr<device::Device> device;            // outlives the model
  std::unique_ptr<model::Model> model;               // null once the engine has it
  std::unique_ptr<engine::Engine> engine;            // null until start_engine
  std::unique_ptr<WeightKeeper> keeper;              // null when weights are not kept
  std::unique_ptr<WeightKeeper> draft_keeper;        // of the draft model's weights
  std::int64_t n_context = 0;
  DType kv_dtype = DType::kF16;
  double load_ms = 0;

  const model::ModelInfo& info() const { return engine ? engine->model_info() : model->info(); }
};

enum class TokenizerUse : std::uint8_t { kNeeded, kNotNeeded };

/// What loading would take and give, from the file's headers alone.
struct PlannedModel {
  model::Plan plan;
  model::LoadOptions load;  // as the options say
  std::int64_t n_context = 0;
  DType kv_dtype = DType::kF16;
};
Result<PlannedModel> plan_model(const ModelOptions& options, const format::ModelFile& file,
                                std::int64_t max_batch_tokens, std::int64_t least_context = 0);

/// Resolves the name in the store, checks that the plan fits this machine, then
/// loads. `least_context` is what the command cannot do without (0: nothing).
/// `wrap`, if given, is what the model gets instead of the device.
using WrapDevice = std::function<std::unique_ptr<device::Device>(std::unique_ptr<device::Device>)>;
Result<LoadedModel> load_model(const ModelOptions& options, TokenizerUse use,
                               std::int64_t max_batch_tokens, std::int64_t least_context = 0,
                               const WrapDevice& wrap = {});

/// Hands the model to an engine, beside the draft model if the options name one, which
/// is loaded here. Errors: kInvalidArgument for a draft model whose tokens are not
/// those of the model, or that nothing would use. REQUIRES: the tokenizer was asked for.
Result<void> start_engine(LoadedModel& loaded, engine::EngineOptions engine,
                          const ModelOptions& options);
/// To an engine for `n_context` tokens of one sequence.
Result<void> start_engine(LoadedModel& loaded, const ModelOptions& options);

/// nullopt for an empty name. Errors: kInvalidArgument.
Result<std::optional<DType>> dtype_option(const std::string& name);

/// Memory that a new process may take without swapping: MemAvailable, and what
/// the control group leaves. nullopt when the system does not say.
std::optional<std::uint64_t> available_memory_bytes();

}  // namespace ondol::app
