#include "app/model_pool.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <filesystem>
#include <future>
#include <map>

#include "app/console.h"
#include "app/served_model.h"
#include "base/checked.h"
#include "hub/model_name.h"
#include "hub/pull.h"

namespace ondol::app {
namespace {

// The rest is for the program itself, prompts on their way, and the page cache.
constexpr double kDefaultShareOfFreeMemory = 0.9;

// A burst of short prompts holds up answers for a step: not longer than a reader takes
// for a pause.
constexpr double kMaxStepMs = 1000;

std::string most_used_dtype(const format::ModelFile& file) {
  std::map<std::string_view, std::uint64_t> bytes;
  for (const auto& [name, weight] : file.weights()) {
    bytes[ondol::name(weight.tensor.dtype)] += weight.tensor.bytes.size();
  }
  const auto most = std::max_element(
      bytes.begin(), bytes.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == bytes.end() ? "" : std::string(most->first);
}

std::int64_t unix_time_of(const std::filesystem::path& path) {
  std::error_code error;
  const auto written = std::filesystem::last_write_time(path, error);
  if (error) return 0;
  const auto time = std::chrono::file_clock::to_sys(written).time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(time).count();
}

tl::unexpected<Error> too_large(const api::ModelCard& card, std::uint64_t budget_bytes) {
  return fail(ErrorCode::kOutOfMemory, card.id, "memory",
              "weights, workspace and keys and values exceed the server's budget",
              human_bytes(card.memory_bytes), human_bytes(budget_bytes));
}

}  // namespace

std::string model_id(const std::string& name) {
  const auto parsed = hub::parse_model_name(name);
  if (!parsed || !std::holds_alternative<std::filesystem::path>(*parsed)) return name;
  std::filesystem::path path = std::get<std::filesystem::path>(*parsed).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();  // "models/llama/"
  return path.extension() == ".gguf" ? path.stem().string() : path.filename().string();
}

Result<std::unique_ptr<ModelPool>> ModelPool::create(const PoolOptions& options) {
  std::uint64_t budget = options.budget_bytes;
  if (budget == 0) {
    const auto free = available_memory_bytes();
    budget =
        free ? static_cast<std::uint64_t>(kDefaultShareOfFreeMemory * static_cast<double>(*free))
             : UINT64_MAX;
  }
  std::unique_ptr<ModelPool> pool(new ModelPool(options, budget));
  for (const std::string& name : options.models) {
    ONDOL_TRY(Entry entry, pool->plan(name));
    if (pool->find(entry.card.id) != nullptr) {
      return fail(ErrorCode::kInvalidArgument, "--model", "", "two models have the same id",
                  entry.card.id);
    }
    pool->entries_.push_back(std::move(entry));
  }
  pool->loader_ = std::jthread([&pool = *pool](const std::stop_token& stop) { pool.run(stop); });
  return pool;
}

ModelPool::~ModelPool() {
  loader_.request_stop();
  if (loader_.joinable()) loader_.join();
  for (Entry& entry : entries_) {
    for (const OnModel& on_model : entry.waiting) {
      on_model(fail(ErrorCode::kCancelled, entry.card.id, "", "the server is shutting down"));
    }
  }
}

Result<ModelPool::Entry> ModelPool::plan(const std::string& name) const {
  Entry entry;
  entry.options = options_.model;
  entry.options.model = name;
  ONDOL_TRY(const hub::Store store, hub::Store::from_environment());
  ONDOL_TRY(const auto path, hub::resolve(store, name));
  ONDOL_TRY(const auto file, format::ModelFile::open(path));
  ONDOL_TRY(const PlannedModel planned, plan_model(entry.options, *file, kServeBatchTokens));
  const std::int64_t n_context = planned.n_context;
  std::int64_t kv_tokens = options_.kv_tokens;
  if (kv_tokens == 0) {
    kv_tokens = std::max(n_context,
                         options_.max_sequences * std::min(n_context, kDefaultKvTokensPerSequence));
  }
  entry.engine.max_context = n_context;
  entry.engine.kv_tokens = std::max(kv_tokens, n_context);
  entry.engine.kv_dtype = planned.kv_dtype;
  entry.engine.max_batch_tokens = kServeBatchTokens;
  entry.engine.max_sequences = options_.max_sequences;
  entry.engine.max_waiting = options_.max_waiting;
  entry.engine.spill_max_bytes = options_.disk_bytes;
  entry.engine.max_step_ms = kMaxStepMs;

  const model::Plan& plan = planned.plan;
  api::ModelCard& card = entry.card;
  card.id = model_id(name);
  card.created = unix_time_of(path);
  for (const auto& [weight_name, weight] : file->weights()) {
    card.file_bytes += weight.tensor.bytes.size();
  }
  const auto kv_bytes = checked_mul(plan.info.kv_bytes_per_token(planned.kv_dtype),
                                    static_cast<std::uint64_t>(entry.engine.kv_tokens));
  const auto held = checked_add(plan.weight_bytes, plan.workspace_bytes);
  card.memory_bytes =
      kv_bytes && held ? checked_add(*kv_bytes, *held).value_or(UINT64_MAX) : UINT64_MAX;
  card.max_context = n_context;
  card.n_parameters = static_cast<std::int64_t>(plan.info.n_parameters);
  card.family = plan.info.family;
  card.dtype = most_used_dtype(*file);
  return entry;
}

ModelPool::Entry* ModelPool::find(std::string_view id) {
  for (Entry& entry : entries_) {
    if (id.empty() || entry.card.id == id) return &entry;
  }
  return nullptr;
}

std::vector<api::ModelCard> ModelPool::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<api::ModelCard> out;
  for (const Entry& entry : entries_) {
    out.push_back(entry.card);
    out.back().is_loaded = entry.model != nullptr;
  }
  return out;
}

std::vector<std::shared_ptr<const api::ServedModel>> ModelPool::loaded() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<const api::ServedModel>> out;
  for (const Entry& entry : entries_) {
    if (entry.model) out.push_back(entry.model);
  }
  return out;
}

void ModelPool::acquire(std::string_view id, OnModel on_model) {
  std::shared_ptr<const api::ServedModel> model;
  {
    const std::lock_guard lock(mutex_);
    Entry* entry = find(id);
    if (entry != nullptr) {
      entry->last_use = ++n_uses_;
      model = entry->model;
      if (!model) {
        if (entry->waiting.empty()) to_load_.push_back(entry);
        entry->waiting.push_back(std::move(on_model));
        changed_.notify_all();
        return;
      }
    }
  }
  if (model) return on_model(std::move(model));
  on_model(fail(ErrorCode::kNotFound, "request", "model", "no such model"));
}

Result<std::shared_ptr<const api::ServedModel>> ModelPool::load(std::string_view id) {
  std::promise<Result<std::shared_ptr<const api::ServedModel>>> promise;
  auto future = promise.get_future();
  acquire(id, [&](Result<std::shared_ptr<const api::ServedModel>> model) {
    promise.set_value(std::move(model));
  });
  return future.get();
}

// Takes idle models out of the pool until the wanted one fits; the caller lets them
// go without the lock. Errors: kOutOfMemory, kLimit as ModelSource::acquire.
Result<std::vector<std::shared_ptr<const api::ServedModel>>> ModelPool::make_room(
    const Entry& wanted) {
  if (wanted.card.memory_bytes > budget_bytes_) return too_large(wanted.card, budget_bytes_);
  const std::lock_guard lock(mutex_);
  std::uint64_t n_held = 0;
  std::vector<Entry*> idle;
  for (Entry& entry : entries_) {
    if (!entry.model) continue;
    n_held += entry.card.memory_bytes;
    // Copies are handed out under the lock, so a count of one is nobody's but ours.
    if (entry.model.use_count() == 1) idle.push_back(&entry);
  }
  std::sort(idle.begin(), idle.end(),
            [](const Entry* a, const Entry* b) { return a->last_use < b->last_use; });
  std::vector<Entry*> victims;
  for (Entry* entry : idle) {
    if (n_held + wanted.card.memory_bytes <= budget_bytes_) break;
    n_held -= entry->card.memory_bytes;
    victims.push_back(entry);
  }
  if (n_held + wanted.card.memory_bytes > budget_bytes_) {
    return fail(ErrorCode::kLimit, wanted.card.id, "memory",
                "models in use leave no room for this one", human_bytes(wanted.card.memory_bytes),
                human_bytes(budget_bytes_ - std::min(budget_bytes_, n_held)));
  }
  std::vector<std::shared_ptr<const api::ServedModel>> out;
  for (Entry* entry : victims) out.push_back(std::move(entry->model));
  return out;
}

void ModelPool::load_next(Entry& entry) {
  Result<std::shared_ptr<const api::ServedModel>> model = nullptr;
  auto room = make_room(entry);
  if (!room) {
    model = tl::unexpected(std::move(room).error());
  } else {
    for (auto& victim : *room) {
      spdlog::info("{} is given up to make room", victim->card.id);
      victim.reset();
    }
    model = load_served_model(entry.options, entry.engine, entry.card);
  }
  if (!model) spdlog::warn("{}: {}", entry.card.id, model.error().message());
  std::vector<OnModel> waiting;
  {
    const std::lock_guard lock(mutex_);
    if (model) entry.model = *model;
    waiting = std::move(entry.waiting);
    entry.waiting.clear();
  }
  for (const OnModel& on_model : waiting) on_model(model);
}

void ModelPool::run(const std::stop_token& stop) {
  for (;;) {
    Entry* entry = nullptr;
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, stop, [this] { return !to_load_.empty(); })) return;
      entry = to_load_.front();
      to_load_.pop_front();
    }
    load_next(*entry);
  }
}

}  // namespace ondol::app
