#include "engine/engine.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "engine/draft_model.h"
#include "engine/engine_loop.h"
#include "engine/request_check.h"

namespace ondol::engine {
namespace {

// Null if none is asked for.
Result<std::unique_ptr<PageStore>> open_page_store(const EngineOptions& options,
                                                   const device::Device& device,
                                                   const device::KvCache& cache) {
  if (options.spill_path.empty() || !options.prefix_cache) return nullptr;
  const device::KvCacheShape& shape = cache.shape();
  PageStoreOptions store;
  store.folder = options.spill_path;
  store.max_bytes = options.spill_max_bytes;
  store.kv_bytes = device.kv_page_bytes(cache);
  store.fingerprint =
      fmt::format("{}\n{}\n{} layers, {} tokens, {} heads of {}, {}", options.fingerprint,
                  device.kv_page_format(), shape.n_layers, shape.page_tokens, shape.n_kv_heads,
                  shape.d_head, name(shape.dtype));
  return PageStore::open(store);
}

}  // namespace

Result<std::unique_ptr<Engine>> Engine::start(std::unique_ptr<model::Model> model,
                                              device::Device& device, const EngineOptions& options,
                                              std::unique_ptr<model::Model> draft_model) {
  const model::ModelInfo& info = model->info();
  ONDOL_TRY(const EngineOptions complete, complete_options(options, *model));
  const device::KvCacheShape shape = {
      info.n_layers,        complete.kv_tokens / complete.page_tokens,
      complete.page_tokens, info.n_kv_heads,
      info.d_head,          complete.kv_dtype};
  ONDOL_TRY(auto cache, make_kv_cache(device, shape));
  ONDOL_TRY(auto store, open_page_store(complete, device, *cache));
  ONDOL_TRY(std::uint64_t kv_bytes, kv_cache_bytes(shape));
  std::unique_ptr<DraftModel> drafter;
  if (draft_model) {
    // As much room as the model has: each sequence there may be guessed for.
    const DraftModel::Options draft = {info.n_vocab, complete.kv_tokens, complete.kv_dtype};
    ONDOL_TRY(drafter, DraftModel::create(std::move(draft_model), device, draft));
    kv_bytes += drafter->kv_bytes();
  }
  auto core =
      std::make_unique<EngineCore>(std::move(model), device, std::move(cache), std::move(store),
                                   complete, kv_bytes, std::move(drafter));
  return std::unique_ptr<Engine>(new Engine(std::move(core)));
}

Engine::Engine(std::unique_ptr<EngineCore> core) : core_(std::move(core)) {}
Engine::~Engine() = default;

Result<Stream> Engine::submit(GenerationRequest request) {
  ONDOL_TRY_VOID(check_request(request, model_info().n_vocab, options().max_context));
  ONDOL_TRY(auto events, core_->inbox().submit(std::move(request)));
  return Stream(std::move(events));
}

EngineStats Engine::stats() const { return core_->inbox().stats(); }
const model::ModelInfo& Engine::model_info() const { return core_->model_info(); }
const EngineOptions& Engine::options() const { return core_->options(); }

}  // namespace ondol::engine
