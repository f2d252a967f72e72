#include "engine/draft_model.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/checked.h"
#include "engine/request_check.h"

namespace ondol::engine {

Result<std::unique_ptr<DraftModel>> DraftModel::create(std::unique_ptr<model::Model> model,
                                                       device::Device& device,
                                                       const Options& options) {
  const model::ModelInfo& info = model->info();
  if (info.n_vocab != options.n_vocab) {
    return fail(ErrorCode::kInvalidArgument, "draft model", "n_vocab",
                "the vocabulary is not that of the model it should guess for", info.n_vocab,
                options.n_vocab);
  }
  const std::int64_t n_pages = ceil_div(options.kv_tokens, kPageTokens);
  const device::KvCacheShape shape = {info.n_layers,   n_pages,     kPageTokens,
                                      info.n_kv_heads, info.d_head, options.kv_dtype};
  ONDOL_TRY(auto cache, make_kv_cache(device, shape));
  ONDOL_TRY(const std::uint64_t kv_bytes, kv_cache_bytes(shape));
  return std::unique_ptr<DraftModel>(
      new DraftModel(std::move(model), device, std::move(cache), kv_bytes, n_pages));
}

DraftModel::DraftModel(std::unique_ptr<model::Model> model, device::Device& device,
                       std::unique_ptr<device::KvCache> cache, std::uint64_t kv_bytes,
                       std::int64_t n_pages)
    : model_(std::move(model)),
      device_(device),
      cache_(std::move(cache)),
      kv_bytes_(kv_bytes),
      pages_(n_pages, kPageTokens) {}

void DraftModel::forget(std::uint64_t id) {
  const auto found = states_.find(id);
  if (found == states_.end()) return;
  release(found->second);
  states_.erase(found);
}

void DraftModel::release(State& state) {
  pages_.release(state.pages);
  state.tokens.clear();
  state.n_known = 0;
}

void DraftModel::propose(std::span<DraftRequest> requests) {
  ++n_calls_;
  // Marked first: nobody who is asked about gives pages to another.
  for (DraftRequest& request : requests) {
    request.guesses.clear();
    request.evidence = Evidence::kDraftModel;
    states_[request.id].asked_at = n_calls_;
  }
  std::vector<Job> jobs;
  for (DraftRequest& request : requests) {
    Job job{};
    if (prepare(request, job)) jobs.push_back(job);
  }
  if (jobs.empty()) return;
  catch_up(jobs);
  do {
    extend();
  } while (!ready_.empty());
}

// Takes back what was computed for guesses that were wrong, and finds room.
bool DraftModel::prepare(DraftRequest& request, Job& job) {
  State& state = states_.at(request.id);
  const auto n_tokens = static_cast<std::int64_t>(request.tokens.size());
  // The last guess is not computed: n tokens and g guesses take n + g - 1 places.
  const std::int64_t room = model_->info().max_context - n_tokens + 1;
  job = {&request, &state, std::min(request.n_wanted, room)};
  if (job.n_wanted <= 0 || !make_room(state, n_tokens + job.n_wanted - 1)) return false;
  const std::int64_t n_both = std::min(std::ssize(state.tokens), n_tokens);
  std::int64_t n_same = std::min(state.n_known, n_both);
  while (n_same < n_both && state.tokens[static_cast<std::size_t>(n_same)] ==
                                request.tokens[static_cast<std::size_t>(n_same)]) {
    ++n_same;
  }
  // One token at least is computed, for its logits.
  n_same = std::min(n_same, n_tokens - 1);
  state.tokens.resize(static_cast<std::size_t>(n_same));
  state.n_known = n_same;
  return true;
}

bool DraftModel::make_room(State& state, std::int64_t n_tokens) {
  while (!pages_.grow(state.pages, n_tokens)) {
    State* oldest = nullptr;
    for (auto& [id, other] : states_) {
      if (other.asked_at == n_calls_ || other.pages.empty()) continue;
      if (oldest == nullptr || other.asked_at < oldest->asked_at) oldest = &other;
    }
    if (oldest == nullptr) return false;
    release(*oldest);
  }
  return true;
}

// A batch of what is known and not computed, as far as it may go in one call.
// Leaves in ready_ those that will be caught up with it.
void DraftModel::catch_up(std::span<const Job> jobs) {
  std::int64_t budget = std::min(kCatchUpTokens, model_->max_batch_tokens());
  ready_.clear();
  for (const Job& job : jobs) {
    const auto known = job.request->tokens.subspan(job.state->tokens.size());
    const auto n_tokens = std::min(std::ssize(known), budget);
    if (n_tokens == 0) break;
    budget -= n_tokens;
    const bool is_ready = n_tokens == std::ssize(known);
    append(*job.state, known.first(static_cast<std::size_t>(n_tokens)), is_ready);
    job.state->n_known = std::ssize(job.state->tokens);
    if (is_ready) ready_.push_back(job);
  }
}

// Runs the batch; the likeliest token of each that is ready is its next guess. Those
// who want more stay ready, with that guess in the next batch.
void DraftModel::extend() {
  std::span<const float> logits = run();
  const auto n_vocab = static_cast<std::size_t>(model_->info().n_vocab);
  std::vector<Job> go_on;
  for (const Job& job : ready_) {
    const auto row = logits.first(n_vocab);
    logits = logits.subspan(n_vocab);
    std::vector<std::int32_t>& guesses = job.request->guesses;
    guesses.push_back(static_cast<std::int32_t>(std::ranges::max_element(row) - row.begin()));
    if (std::ssize(guesses) == job.n_wanted) continue;
    append(*job.state, {&guesses.back(), 1}, true);
    go_on.push_back(job);
  }
  ready_ = std::move(go_on);
}

// Tokens join the batch, behind those that the sequence has there or computed already.
void DraftModel::append(State& state, std::span<const std::int32_t> tokens, bool wants_logits) {
  const auto n_past = static_cast<std::int32_t>(state.tokens.size());
  sequences_.push_back({static_cast<std::int32_t>(tokens_.size()),
                        static_cast<std::int32_t>(tokens.size()), n_past, state.pages});
  std::int32_t position = n_past;
  for (const std::int32_t token : tokens) {
    const std::int32_t page = state.pages[static_cast<std::size_t>(position / kPageTokens)];
    tokens_.push_back(token);
    positions_.push_back(position);
    slots_.push_back(static_cast<std::int32_t>(page * kPageTokens + position % kPageTokens));
    ++position;
  }
  if (wants_logits) logit_rows_.push_back(static_cast<std::int32_t>(tokens_.size()) - 1);
  state.tokens.insert(state.tokens.end(), tokens.begin(), tokens.end());
}

std::span<const float> DraftModel::run() {
  const std::span<const float> logits =
      model_->forward({tokens_, positions_, slots_, sequences_, logit_rows_}, *cache_);
  if (logit_rows_.empty()) device_.wait();
  const auto n_vocab = static_cast<std::size_t>(model_->info().n_vocab);
  ONDOL_CHECK(logits.size() == logit_rows_.size() * n_vocab);
  tokens_.clear();
  positions_.clear();
  slots_.clear();
  sequences_.clear();
  logit_rows_.clear();
  return logits;
}

}  // namespace ondol::engine
