#include "engine/engine_loop.h"

#include <algorithm>

#include "base/check.h"

namespace ondol::engine {
namespace {

Scheduler make_scheduler(const EngineOptions& options) {
  return Scheduler(KvPages(options.kv_tokens / options.page_tokens, options.page_tokens),
                   {options.max_sequences, options.max_batch_tokens});
}

std::optional<PromptWatch> watch_for(const GenerationRequest& request) {
  if (!request.wants_embedding && !request.wants_prompt_logprobs) return std::nullopt;
  return PromptWatch(request);
}

}  // namespace

EngineCore::Open::Open(Submission submission)
    : watch(watch_for(submission.request)),
      sampler(std::move(submission.request.sampling), submission.request.prompt,
              std::move(submission.request.mask), submission.request.n_top_logprobs),
      events(std::move(submission.events)),
      stop_tokens(std::move(submission.request.stop_tokens)),
      max_tokens(submission.request.max_tokens),
      n_prompt(static_cast<std::int64_t>(submission.request.prompt.size())),
      speculates(submission.request.speculate),
      submitted_at(submission.submitted_at) {
  sequence.id = events->id();
  sequence.priority = submission.request.priority;
  sequence.tenant = submission.request.tenant;
  sequence.shares_pages = submission.request.use_prefix_cache && !watch;
  sequence.tokens = std::move(submission.request.prompt);
}

// What has not come about yet lasts until now.
Timings EngineCore::Open::timings() const {
  const Clock::time_point now = Clock::now();
  const Clock::time_point started = started_at.value_or(now);
  const Clock::time_point first = first_at.value_or(now);
  Timings timings;
  timings.queue_ms = milliseconds(started - submitted_at);
  timings.prefill_ms = milliseconds(first - started);
  timings.decode_ms = first_at ? milliseconds(last_at - first) : 0;
  timings.n_prompt = n_prompt;
  timings.n_cached = sequence.n_reused;
  timings.n_decoded = n_said;
  timings.n_draft = n_draft;
  timings.n_draft_accepted = n_draft_accepted;
  return timings;
}

EngineCore::EngineCore(std::unique_ptr<model::Model> model, device::Device& device,
                       std::unique_ptr<device::KvCache> cache, std::unique_ptr<PageStore> store,
                       const EngineOptions& options, std::uint64_t kv_bytes,
                       std::unique_ptr<Drafter> draft_model)
    : options_(options),
      model_(std::move(model)),
      device_(device),
      cache_(std::move(cache)),
      kv_bytes_(kv_bytes),
      scheduler_(make_scheduler(options)),
      pacer_(Pacer::deep_tokens_of(*model_), options.max_step_ms,
             {model_->info().n_layers, max_aside_tokens()}),
      speculator_(options.speculation, std::move(draft_model)) {
  inbox_ = std::make_shared<Inbox>(options.max_sequences + options.max_waiting, stats());
  if (store) {
    auto mover = std::make_unique<PageMover>(std::move(store), [inbox = inbox_] { inbox->poke(); });
    disk_.emplace(std::move(mover), device_, *cache_, scheduler_);
  }
  thread_ = std::thread([this] { run(); });
}

EngineCore::~EngineCore() {
  inbox_->stop();
  thread_.join();
}

EngineStats EngineCore::stats() const {
  EngineStats stats;
  stats.n_running = scheduler_.n_running();
  stats.n_waiting = scheduler_.n_waiting();
  stats.n_pages = scheduler_.pages().n_pages();
  stats.n_pages_used = scheduler_.pages().n_used();
  stats.n_preemptions = scheduler_.n_preemptions();
  stats.n_cached_pages = scheduler_.pages().n_published();
  stats.kv_bytes = kv_bytes_;
  stats.n_prompt_tokens = totals_.n_prompt_tokens;
  stats.n_generated_tokens = totals_.n_generated_tokens;
  stats.prefix_queries = totals_.prefix_queries;
  stats.prefix_hits = totals_.prefix_hits;
  if (disk_) {
    const PageMoverStats moved = disk_->mover().stats();
    stats.n_pages_spilled = moved.n_spilled;
    stats.n_pages_loaded = moved.n_loaded;
    stats.n_spill_errors = moved.n_errors;
    stats.spill_bytes = disk_->mover().store().n_bytes();
  }
  return stats;
}

void EngineCore::run() {
  for (bool may_wait = true; !is_stopping_;) may_wait = turn(may_wait, true);
}

// True if there is nothing to do before the next mail.
bool EngineCore::turn(bool may_wait, bool takes_prompts) {
  accept(inbox_->take(may_wait));
  if (disk_) disk_->take_loaded();
  bool has_computed = step(takes_prompts);
  bool can_spill = hand_out();
  if (const std::optional<Work> aside = scheduler_.aside()) {
    compute_aside(*aside);
    has_computed = true;
    can_spill = hand_out();
  }
  const bool waits_for_pages = disk_ && disk_->is_loading() && !has_computed;
  return !can_spill && (open_.empty() || waits_for_pages);
}

// True if more pages could go to disk.
bool EngineCore::hand_out() {
  const bool can_spill = disk_ && disk_->spill();
  deliver();
  return can_spill;
}

// Submissions first: a cancellation may have come right behind its request.
void EngineCore::accept(Mail mail) {
  for (Submission& submission : mail.submissions) {
    auto open = std::make_unique<Open>(std::move(submission));
    if (!options_.prefix_cache) open->sequence.shares_pages = false;
    if (disk_) disk_->look_up(open->sequence);
    scheduler_.add(open->sequence);
    open_.emplace(open->sequence.id, std::move(open));
  }
  for (const std::uint64_t id : mail.cancels) {
    const auto it = open_.find(id);  // it may have ended on its own meanwhile
    if (it != open_.end()) close(*it->second, FinishReason::kCancelled);
  }
  is_stopping_ = is_stopping_ || mail.is_stopping;
  if (!is_stopping_) return;
  while (!open_.empty()) close(*open_.begin()->second, FinishReason::kCancelled);
}

// False if there was nothing to compute.
bool EngineCore::step(bool takes_prompts) {
  const Clock::time_point began = Clock::now();
  PromptBudget budget;
  if (takes_prompts) {
    budget = pacer_.budget(scheduler_.n_answering(), scheduler_.prompt_depth());
  } else {
    budget.answers_only = true;
  }
  const std::span<const Work> work = scheduler_.plan(budget);
  if (disk_) disk_->start_loads();
  if (work.empty()) return false;
  std::int64_t n_answers = 0;
  double prompt_cost = 0;
  for (const auto& [sequence, n_tokens] : work) {
    if (sequence->n_pending() == 1) {
      ++n_answers;
    } else {
      prompt_cost += pacer_.cost_of(sequence->n_computed, n_tokens);
    }
  }
  guess(work);
  fill_batch(work, batch_);
  const Clock::time_point before = Clock::now();
  const std::span<const float> logits = run_model(batch_, nullptr);
  speculator_.ran(n_guesses_, milliseconds(Clock::now() - before));

  scheduler_.commit();
  take_results(batch_, logits);
  pacer_.learn(n_answers, prompt_cost, milliseconds(Clock::now() - began));
  return true;
}

std::span<const float> EngineCore::run_model(const StepBatch& batch,
                                             const model::BetweenLayers* between_layers) {
  const std::span<const float> logits =
      model_->forward({batch.tokens, batch.positions, batch.slots, batch.sequences,
                       batch.logit_rows, between_layers},
                      *cache_);
  // Without logits to wait for, the device may still compute; a step ends when it has.
  if (batch.logit_rows.empty()) device_.wait();
  return logits;
}

// What was computed is committed. Picks tokens, or looks at prompts that are watched.
void EngineCore::take_results(StepBatch& batch, std::span<const float> logits) {
  const auto n_vocab = static_cast<std::size_t>(model_->info().n_vocab);
  ONDOL_CHECK(logits.size() == batch.logit_rows.size() * n_vocab);
  count_prompts(batch);
  std::size_t row = 0;
  for (Open*& open : batch.worked) {
    if (open->watch) continue;
    if (open->sequence.n_pending() == 0) {
      if (open->max_tokens == 0) {
        close(*open, FinishReason::kLength);
      } else {
        const std::size_t n_rows = 1 + open->guesses.size();
        take_rows(*open, logits.subspan(row * n_vocab, n_rows * n_vocab));
        row += n_rows;
      }
    }
    open = nullptr;
  }
  // After the others: more of the model's rows take the place of `logits`.
  for (std::size_t i = 0; i < batch.worked.size(); ++i) {
    if (batch.worked[i] != nullptr) take_watched(*batch.worked[i], batch.sequences[i]);
  }
}

// Those that are computed to the end now.
void EngineCore::count_prompts(const StepBatch& batch) {
  for (const Open* open : batch.worked) {
    if (open->n_said > 0 || open->sequence.n_pending() > 0) continue;
    const auto n_prompt = static_cast<std::uint64_t>(open->n_prompt);
    totals_.n_prompt_tokens += n_prompt;
    if (!open->sequence.shares_pages) continue;
    totals_.prefix_queries += n_prompt;
    totals_.prefix_hits += static_cast<std::uint64_t>(open->sequence.n_reused);
  }
}

// A prompt that is watched: all its rows are looked at, the last one's logits last.
void EngineCore::take_watched(Open& open, const device::AttentionSequence& rows) {
  const std::span<const std::int32_t> prompt =
      std::span(open.sequence.tokens).first(static_cast<std::size_t>(open.n_prompt));
  Result<void> seen =
      open.watch->see(*model_, prompt, rows.n_past, rows.first_row, rows.n_rows, scratch_);
  if (!seen) return close(open, FinishReason::kError, std::move(seen).error());
  if (open.sequence.n_pending() > 0) return;
  if (open.watch->wants_logprobs()) {
    outbox_.emplace_back(open.events, open.watch->take_logprobs());
  }
  if (open.max_tokens == 0) return close(open, FinishReason::kLength);
  open.watch.reset();
  const std::int32_t last = rows.first_row + rows.n_rows - 1;
  take_logits(open, model_->logits_of(std::span(&last, 1)));
}

void EngineCore::fill_batch(std::span<const Work> work, StepBatch& batch) {
  batch.tokens.clear();
  batch.positions.clear();
  batch.slots.clear();
  batch.sequences.clear();
  batch.logit_rows.clear();
  batch.worked.clear();
  const auto page_tokens = static_cast<std::int32_t>(options_.page_tokens);
  const Clock::time_point now = Clock::now();
  for (const auto& [sequence, n_tokens] : work) {
    Open& open = *open_.at(sequence->id);
    if (!open.started_at) open.started_at = now;
    batch.worked.push_back(&open);
    const auto n_past = static_cast<std::int32_t>(sequence->n_computed);
    const auto n_rows = static_cast<std::int32_t>(n_tokens + std::ssize(open.guesses));
    batch.sequences.push_back(
        {static_cast<std::int32_t>(batch.tokens.size()), n_rows, n_past, sequence->pages});
    for (std::int32_t position = n_past; position < n_past + n_rows; ++position) {
      const auto index = static_cast<std::size_t>(position);
      const std::size_t n_known = sequence->tokens.size();
      batch.tokens.push_back(index < n_known ? sequence->tokens[index]
                                             : open.guesses[index - n_known]);
      batch.positions.push_back(position);
      const std::int32_t page = sequence->pages[static_cast<std::size_t>(position / page_tokens)];
      batch.slots.push_back(page * page_tokens + position % page_tokens);
    }
    if (n_tokens == sequence->n_pending() && open.max_tokens > 0 && !open.watch) {
      const auto n_all = static_cast<std::int32_t>(batch.tokens.size());
      for (auto row = n_all - 1 - static_cast<std::int32_t>(open.guesses.size()); row < n_all;
           ++row) {
        batch.logit_rows.push_back(row);
      }
    }
  }
}

// The token that was picked from logits [n_vocab], or nullopt and the request is
// closed: `open` is gone.
std::optional<std::int32_t> EngineCore::take_logits(Open& open, std::span<const float> logits) {
  Result<Pick> pick = open.sampler.pick(logits, scratch_);
  if (!pick) {
    close(open, FinishReason::kError, std::move(pick).error());
    return std::nullopt;
  }
  const std::vector<std::int32_t>& stops = open.stop_tokens;
  if (std::find(stops.begin(), stops.end(), pick->token) != stops.end()) {
    close(open, FinishReason::kStop);
    return std::nullopt;
  }
  open.last_at = Clock::now();
  if (!open.first_at) open.first_at = open.last_at;
  ++open.n_said;
  ++totals_.n_generated_tokens;
  open.sequence.tokens.push_back(pick->token);

  Event event;
  event.kind = Event::Kind::kToken;
  event.token = pick->token;
  event.logprob = pick->logprob;
  event.top = std::move(pick->top);
  outbox_.emplace_back(open.events, std::move(event));
  if (open.n_said == open.max_tokens || open.sequence.n_known() == options_.max_context) {
    close(open, FinishReason::kLength);
    return std::nullopt;
  }
  return pick->token;
}

void EngineCore::close(Open& open, FinishReason reason, std::optional<Error> error) {
  Event event;
  event.kind = Event::Kind::kFinish;
  event.reason = reason;
  event.error = std::move(error);
  event.timings = open.timings();
  if (open.watch && reason == FinishReason::kLength) event.embedding = open.watch->embedding();
  outbox_.emplace_back(std::move(open.events), std::move(event));
  ++n_closed_;
  if (disk_) disk_->leave(open.sequence);
  scheduler_.remove(open.sequence);
  speculator_.forget(open.sequence.id);
  open_.erase(open.sequence.id);
}

void EngineCore::deliver() {
  inbox_->publish(stats(), std::exchange(n_closed_, 0));
  for (auto& [events, event] : outbox_) events->push(std::move(event));
  outbox_.clear();
}

}  // namespace ondol::engine
