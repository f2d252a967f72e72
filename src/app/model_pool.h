// The models of a server: known from their files' headers, loaded when they are
// asked for, and given up, least recently used first, when another needs the room.
// All of them together stay within one budget of bytes, planned before loading.
//
// Owner: the serve command; it outlives the HTTP server. Threads: any, and one of its
// own that loads and unloads. A model in use (somebody holds it) is never given up.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "api/served_model.h"
#include "app/load.h"
#include "base/error.h"

namespace ondol::app {

struct PoolOptions {
  ModelOptions model;               // but for the name, as for every model
  std::vector<std::string> models;  // as on the command line; the first is the default
  std::uint64_t budget_bytes = 0;   // 0: most of what the machine has free
  std::int64_t max_sequences = 16;
  std::int64_t max_waiting = 256;
  std::int64_t kv_tokens = 0;    // of each model; 0: see kDefaultKvTokensPerSequence
  std::uint64_t disk_bytes = 0;  // of each model's computed prompts on disk; 0: none
};

/// Room for so many tokens of each sequence that may run, or for one whole context if
/// that is more: most conversations are shorter than the context they could use.
inline constexpr std::int64_t kDefaultKvTokensPerSequence = 2048;

class ModelPool : public api::ModelSource {
 public:
  /// Opens every model's file and plans it; loads none. Errors: those of opening and
  /// planning; kInvalidArgument when two models have one id.
  static Result<std::unique_ptr<ModelPool>> create(const PoolOptions& options);
  ~ModelPool() override;
  ModelPool(const ModelPool&) = delete;
  ModelPool& operator=(const ModelPool&) = delete;

  std::vector<api::ModelCard> list() const override;
  std::vector<std::shared_ptr<const api::ServedModel>> loaded() const override;
  void acquire(std::string_view id, OnModel on_model) override;

  /// Waits for a model, as acquire() does without.
  Result<std::shared_ptr<const api::ServedModel>> load(std::string_view id);

 private:
  struct Entry {
    ModelOptions options;
    engine::EngineOptions engine;
    api::ModelCard card;
    std::shared_ptr<const api::ServedModel> model;  // null: not loaded
    std::uint64_t last_use = 0;                     // a count of uses, not a time
    std::vector<OnModel> waiting;                   // while it is being loaded
  };

  ModelPool(const PoolOptions& options, std::uint64_t budget_bytes)
      : options_(options), budget_bytes_(budget_bytes) {}
  Result<Entry> plan(const std::string& name) const;
  Entry* find(std::string_view id);
  Result<std::vector<std::shared_ptr<const api::ServedModel>>> make_room(const Entry& wanted);
  void run(const std::stop_token& stop);
  void load_next(Entry& entry);

  const PoolOptions options_;
  const std::uint64_t budget_bytes_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Entry> entries_;   // never grows once created
  std::deque<Entry*> to_load_;  // in order of the requests
  std::uint64_t n_uses_ = 0;
  std::jthread loader_;  // last: it uses all of the above
};

/// What clients call a model that was named like this: the name itself, or a path's
/// last part without ".gguf".
std::string model_id(const std::string& name);

}  // namespace ondol::app
