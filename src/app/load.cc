#include "app/load.h"

#include <fmt/format.h>
#include <signal.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <fstream>

#include "app/console.h"
#include "app/model_text.h"
#include "app/progress.h"
#include "base/checked.h"
#include "hub/pull.h"

namespace ondol::app {
namespace {

constexpr int kMaxThreads = 1024;
constexpr std::int64_t kMaxContext = std::int64_t{1} << 24;
constexpr std::int64_t kDraftBatchTokens = 256;

// Threads inherit the mask of the one that starts them.
class BlockInterrupt {
 public:
  BlockInterrupt() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, &before_);
  }
  ~BlockInterrupt() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  BlockInterrupt(const BlockInterrupt&) = delete;
  BlockInterrupt& operator=(const BlockInterrupt&) = delete;

 private:
  sigset_t before_{};
};

// The number behind a name in a file of lines "name number [unit]".
std::optional<std::uint64_t> number_of(const char* path, std::string_view key) {
  std::ifstream in(path);
  std::string name;
  std::string unit;
  std::uint64_t value = 0;
  while (in >> name >> value) {
    std::getline(in, unit);
    if (name == key) return value;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> number_in(const char* path) {
  std::ifstream in(path);
  std::uint64_t value = 0;
  if (in >> value) return value;
  return std::nullopt;  // "max": no limit
}

// What commands need beside the weights, or why it does not fit. `n_promised` bytes
// will be taken by others.
Result<void> check_fit(const model::Plan& plan, std::int64_t n_context, DType kv_dtype,
                       const std::string& where, std::uint64_t n_promised = 0) {
  const auto available = available_memory_bytes();
  const auto kv =
      checked_mul(plan.info.kv_bytes_per_token(kv_dtype), static_cast<std::uint64_t>(n_context));
  const auto own = checked_add(plan.weight_bytes, plan.workspace_bytes);
  const auto held = own ? checked_add(*own, n_promised) : std::nullopt;
  const auto needed = kv && held ? checked_add(*kv, *held) : std::nullopt;
  if (!available || (needed && *needed <= *available)) return {};
  return fail(ErrorCode::kOutOfMemory, where, "memory",
              fmt::format("weights, workspace and a context of {} tokens do not fit; "
                          "see `ondol inspect`, choose a smaller --ctx or --kv-dtype q8_0",
                          n_context),
              needed ? human_bytes(*needed) : "more than 2^64 bytes", human_bytes(*available));
}

Result<std::int64_t> choose_context(const ModelOptions& options, const model::ModelInfo& info,
                                    std::int64_t least_context) {
  if (options.context > info.max_context) {
    return fail(ErrorCode::kInvalidArgument, "--ctx", "", "more than the model was trained for",
                options.context, info.max_context);
  }
  if (options.context > 0) return options.context;
  return std::min(info.max_context, std::max(kDefaultContext, least_context));
}

// The weights on the device, from the packed store if they lie there.
Result<std::unique_ptr<model::Model>> load_weights(
    const ModelOptions& options, const hub::Store& store,
    const std::shared_ptr<const format::ModelFile>& file, model::LoadOptions load,
    device::Device& device, std::unique_ptr<WeightKeeper>& keeper) {
  ONDOL_TRY(WeightCacheSettings keep, weight_cache_settings());
  keep.on = keep.on && !options.no_weight_cache;
  keeper = WeightKeeper::open(keep, store.root(), *file, options.dtype, device);
  load.weight_cache = keeper ? keeper->cache() : nullptr;
  ProgressBar bar;
  load.progress = [&](std::uint64_t done, std::uint64_t total) {
    bar.update("loading weights", done, total);
  };
  return model::load(file, device, load);
}

// Every id has to mean the same to both: the engine compares ids.
Result<void> check_same_tokens(const format::ModelFile& draft_file, std::int64_t n_draft_vocab,
                               const LoadedModel& loaded) {
  const std::string where = draft_file.path().string();
  const std::int64_t n_vocab = loaded.info().n_vocab;
  if (n_draft_vocab != n_vocab) {
    return fail(ErrorCode::kInvalidArgument, "--draft-model", where,
                "its vocabulary is not that of the model", fmt::format("{} tokens", n_draft_vocab),
                fmt::format("{} tokens", n_vocab));
  }
  ONDOL_TRY(const auto tokenizer, load_tokenizer(draft_file));
  for (std::int64_t i = 0; i < n_vocab; ++i) {
    const auto id = static_cast<text::TokenId>(i);
    if (tokenizer->piece(id) == loaded.tokenizer->piece(id)) continue;
    return fail(ErrorCode::kInvalidArgument, "--draft-model", where,
                fmt::format("token {} is another than the model's", id),
                fmt::format("'{}'", tokenizer->piece(id)),
                fmt::format("'{}'", loaded.tokenizer->piece(id)));
  }
  return {};
}

Result<std::unique_ptr<model::Model>> load_draft_model(LoadedModel& loaded,
                                                       const ModelOptions& options) {
  if (options.speculate != "auto") {
    return fail(ErrorCode::kInvalidArgument, "--draft-model", "", "is of use only with",
                "--speculate " + options.speculate, "--speculate auto");
  }
  ONDOL_TRY(const hub::Store store, hub::Store::from_environment());
  ONDOL_TRY(const auto path, hub::resolve(store, options.draft_model));
  ONDOL_TRY(const auto file, format::ModelFile::open(path));
  model::LoadOptions load;
  load.max_batch_tokens = kDraftBatchTokens;
  ONDOL_TRY(load.quantize_to, dtype_option(options.dtype));
  ONDOL_TRY(const model::Plan plan, model::plan(*file, load));
  ONDOL_TRY_VOID(check_same_tokens(*file, plan.info.n_vocab, loaded));
  const std::uint64_t own_kv_bytes = loaded.info().kv_bytes_per_token(loaded.kv_dtype) *
                                     static_cast<std::uint64_t>(loaded.n_context);
  ONDOL_TRY_VOID(check_fit(plan, loaded.n_context, loaded.kv_dtype, path.string(), own_kv_bytes));
  ONDOL_TRY(auto model,
            load_weights(options, store, file, load, *loaded.device, loaded.draft_keeper));
  if (loaded.draft_keeper) loaded.draft_keeper->start();
  return model;
}

engine::Speculation speculation_of(const std::string& name) {
  if (name == "off") return engine::Speculation::kOff;
  return name == "lookup" ? engine::Speculation::kAlways : engine::Speculation::kWhenItPays;
}

}  // namespace

void add_model_options(CLI::App& command, ModelOptions& options, bool model_required) {
  command
      .add_option("-m,--model", options.model,
                  "Path, catalogue name or hf:owner/repository[:file][@revision]")
      ->required(model_required);
  add_load_options(command, options);
}

void add_threads_option(CLI::App& command, int& threads) {
  command.add_option("--threads", threads, "Threads; 0 is one per core this process may use")
      ->envname("ONDOL_THREADS")
      ->check(CLI::Range(0, kMaxThreads))
      ->capture_default_str();
}

void add_load_options(CLI::App& command, ModelOptions& options) {
  command.add_option("--device", options.device, "Where the model runs: cpu, or reference (slow)")
      ->check(CLI::IsMember({"cpu", "reference"}))
      ->capture_default_str();
  add_threads_option(command, options.threads);
  command.add_option("--isa", options.isa, "Force an instruction set of the cpu device");
  command.add_option("--dtype", options.dtype, "Quantize an unquantized checkpoint while loading")
      ->check(CLI::IsMember({"q8_0", "q4_0", "q4_k"}));
  command
      .add_option("--ctx", options.context,
                  "Tokens of context; 0 is what the model was trained for, 8192 at most")
      ->check(CLI::Range(std::int64_t{0}, kMaxContext))
      ->capture_default_str();
  command.add_option("--kv-dtype", options.kv_dtype, "How keys and values are kept")
      ->check(CLI::IsMember({"f16", "f32", "q8_0"}))
      ->capture_default_str();
  command.add_flag("--no-weight-cache", options.no_weight_cache,
                   "Pack the weights anew and do not keep them for the next start");
}

void add_speculate_option(CLI::App& command, ModelOptions& options) {
  command
      .add_option("--speculate", options.speculate,
                  "Guess tokens ahead, which never changes the text: auto (as far as it is seen to "
                  "pay), lookup (whatever the text so far suggests) or off")
      ->check(CLI::IsMember({"auto", "lookup", "off"}))
      ->capture_default_str();
}

void add_speculation_options(CLI::App& command, ModelOptions& options) {
  add_speculate_option(command, options);
  command.add_option("--draft-model", options.draft_model,
                     "A smaller model of the same vocabulary that guesses too");
}

Result<std::optional<DType>> dtype_option(const std::string& name) {
  if (name.empty()) return std::nullopt;
  if (const auto dtype = dtype_from_name(name)) return dtype;
  return fail(ErrorCode::kInvalidArgument, "dtype", "", "no such dtype", name);
}

std::optional<std::uint64_t> available_memory_bytes() {
  std::optional<std::uint64_t> available;
  if (const auto kib = number_of("/proc/meminfo", "MemAvailable:")) available = *kib * 1024;
  const auto limit = number_in("/sys/fs/cgroup/memory.max");
  const auto used = number_in("/sys/fs/cgroup/memory.current");
  if (limit && used) {
    // The group's page cache counts as used but gives way.
    constexpr const char* kStat = "/sys/fs/cgroup/memory.stat";
    const std::uint64_t cache =
        number_of(kStat, "inactive_file").value_or(0) + number_of(kStat, "active_file").value_or(0);
    const std::uint64_t held = *used - std::min(cache, *used);
    const std::uint64_t left = *limit - std::min(held, *limit);
    available = available ? std::min(*available, left) : left;
  }
  return available;
}

Result<PlannedModel> plan_model(const ModelOptions& options, const format::ModelFile& file,
                                std::int64_t max_batch_tokens, std::int64_t least_context) {
  PlannedModel out;
  out.load.max_batch_tokens = max_batch_tokens;
  ONDOL_TRY(out.load.quantize_to, dtype_option(options.dtype));
  ONDOL_TRY(const auto kv_dtype, dtype_option(options.kv_dtype));
  out.kv_dtype = kv_dtype.value_or(DType::kF16);
  ONDOL_TRY(out.plan, model::plan(file, out.load));
  ONDOL_TRY(out.n_context, choose_context(options, out.plan.info, least_context));
  return out;
}

Result<LoadedModel> load_model(const ModelOptions& options, TokenizerUse use,
                               std::int64_t max_batch_tokens, std::int64_t least_context,
                               const WrapDevice& wrap) {
  const auto start = std::chrono::steady_clock::now();
  ONDOL_TRY(const hub::Store store, hub::Store::from_environment());
  ONDOL_TRY(const auto path, hub::resolve(store, options.model));
  LoadedModel loaded;
  ONDOL_TRY(loaded.file, format::ModelFile::open(path));

  ONDOL_TRY(PlannedModel planned,
            plan_model(options, *loaded.file, max_batch_tokens, least_context));
  model::LoadOptions& load = planned.load;
  loaded.n_context = planned.n_context;
  loaded.kv_dtype = planned.kv_dtype;
  ONDOL_TRY_VOID(check_fit(planned.plan, loaded.n_context, loaded.kv_dtype, path.string()));
  if (use == TokenizerUse::kNeeded) {
    ONDOL_TRY(loaded.tokenizer, load_tokenizer(*loaded.file));
  }

  const BlockInterrupt block;
  const std::string isa =
      options.isa.empty() && options.device == "cpu" ? environment("ONDOL_ISA") : options.isa;
  ONDOL_TRY(loaded.device, device::make_device({options.device, options.threads, isa}));
  if (wrap) loaded.device = wrap(std::move(loaded.device));
  ONDOL_TRY(loaded.model,
            load_weights(options, store, loaded.file, load, *loaded.device, loaded.keeper));
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  loaded.load_ms = took.count();
  spdlog::info("{} on {}, {} tokens of context, loaded in {:.0f} ms, weights {}", path.string(),
               loaded.device->description(), loaded.n_context, loaded.load_ms,
               loaded.keeper ? loaded.keeper->description() : "as they are");
  if (loaded.keeper) loaded.keeper->start();
  return loaded;
}

Result<void> start_engine(LoadedModel& loaded, engine::EngineOptions engine,
                          const ModelOptions& options) {
  const BlockInterrupt block;
  engine.speculation = speculation_of(options.speculate);
  std::unique_ptr<model::Model> draft;
  if (!options.draft_model.empty()) {
    ONDOL_TRY(draft, load_draft_model(loaded, options));
  }
  ONDOL_TRY(loaded.engine, engine::Engine::start(std::move(loaded.model), *loaded.device, engine,
                                                 std::move(draft)));
  return {};
}

Result<void> start_engine(LoadedModel& loaded, const ModelOptions& options) {
  engine::EngineOptions engine;
  engine.max_context = loaded.n_context;
  engine.kv_dtype = loaded.kv_dtype;
  engine.max_sequences = 1;
  return start_engine(loaded, std::move(engine), options);
}

}  // namespace ondol::app
