#include "engine/engine_loop.h"

#include <algorithm>

#include "base/check.h"

namespace ondol::engine {
namespace {

double milliseconds(Clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

Scheduler make_scheduler(const EngineOptions& options) {
  return Scheduler(KvPages(options.kv_tokens / options.page_tokens, options.page_tokens),
                   {options.max_sequences, options.max_batch_tokens});
}

}  // namespace

EngineCore::Open::Open(Submission submission)
    : sampler(std::move(submission.request.sampling), submission.request.prompt,
              std::move(submission.request.mask), submission.request.n_top_logprobs),
      events(std::move(submission.events)),
      stop_tokens(std::move(submission.request.stop_tokens)),
      max_tokens(submission.request.max_tokens),
      n_prompt(static_cast<std::int64_t>(submission.request.prompt.size())),
      speculates(submission.request.speculate),
      submitted_at(submission.submitted_at) {
  sequence.id = events->id();
  sequence.priority = submission.request.priority;
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
  timings.n_decoded = n_said;
  timings.n_draft = n_draft;
  timings.n_draft_accepted = n_draft_accepted;
  return timings;
}

EngineCore::EngineCore(std::unique_ptr<model::Model> model, device::Device& device,
                       std::unique_ptr<device::KvCache> cache, const EngineOptions& options,
                       std::uint64_t kv_bytes, std::unique_ptr<Drafter> draft_model)
    : options_(options),
      model_(std::move(model)),
      device_(device),
      cache_(std::move(cache)),
      kv_bytes_(kv_bytes),
      scheduler_(make_scheduler(options)),
      speculator_(options.speculation, std::move(draft_model)) {
  inbox_ = std::make_shared<Inbox>(options.max_sequences + options.max_waiting, stats());
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
  stats.kv_bytes = kv_bytes_;
  return stats;
}

void EngineCore::run() {
  for (;;) {
    Mail mail = inbox_->take(/*may_wait=*/open_.empty());
    accept(mail);
    if (mail.is_stopping) {
      while (!open_.empty()) close(*open_.begin()->second, FinishReason::kCancelled);
    }
    step();
    deliver();
    if (mail.is_stopping) return;
  }
}

// Submissions first: a cancellation may have come right behind its request.
void EngineCore::accept(Mail& mail) {
  for (Submission& submission : mail.submissions) {
    auto open = std::make_unique<Open>(std::move(submission));
    scheduler_.add(open->sequence);
    open_.emplace(open->sequence.id, std::move(open));
  }
  for (const std::uint64_t id : mail.cancels) {
    const auto it = open_.find(id);  // it may have ended on its own meanwhile
    if (it != open_.end()) close(*it->second, FinishReason::kCancelled);
  }
}

void EngineCore::step() {
  const std::span<const Work> work = scheduler_.plan();
  if (work.empty()) return;
  guess(work);
  fill_batch(work);
  const Clock::time_point before = Clock::now();
  const std::span<const float> logits =
      model_->forward({tokens_, positions_, slots_, sequences_, logit_rows_}, *cache_);
  // Without logits to wait for, the device may still compute; a step ends when it has.
  if (logit_rows_.empty()) device_.wait();
  const auto n_vocab = static_cast<std::size_t>(model_->info().n_vocab);
  ONDOL_CHECK(logits.size() == logit_rows_.size() * n_vocab);
  speculator_.ran(n_guesses_, milliseconds(Clock::now() - before));

  scheduler_.commit();
  std::size_t row = 0;
  for (Open* open : worked_) {
    if (open->sequence.n_pending() > 0) continue;
    if (open->max_tokens == 0) {
      close(*open, FinishReason::kLength);
    } else {
      const std::size_t n_rows = 1 + open->guesses.size();
      take_rows(*open, logits.subspan(row * n_vocab, n_rows * n_vocab));
      row += n_rows;
    }
  }
}

void EngineCore::fill_batch(std::span<const Work> work) {
  tokens_.clear();
  positions_.clear();
  slots_.clear();
  sequences_.clear();
  logit_rows_.clear();
  worked_.clear();
  const auto page_tokens = static_cast<std::int32_t>(options_.page_tokens);
  const Clock::time_point now = Clock::now();
  for (const auto& [sequence, n_tokens] : work) {
    Open& open = *open_.at(sequence->id);
    if (!open.started_at) open.started_at = now;
    worked_.push_back(&open);
    const auto n_past = static_cast<std::int32_t>(sequence->n_computed);
    const auto n_rows = static_cast<std::int32_t>(n_tokens + std::ssize(open.guesses));
    sequences_.push_back(
        {static_cast<std::int32_t>(tokens_.size()), n_rows, n_past, sequence->pages});
    for (std::int32_t position = n_past; position < n_past + n_rows; ++position) {
      const auto index = static_cast<std::size_t>(position);
      const std::size_t n_known = sequence->tokens.size();
      tokens_.push_back(index < n_known ? sequence->tokens[index] : open.guesses[index - n_known]);
      positions_.push_back(position);
      const std::int32_t page = sequence->pages[static_cast<std::size_t>(position / page_tokens)];
      slots_.push_back(page * page_tokens + position % page_tokens);
    }
    if (n_tokens == sequence->n_pending() && open.max_tokens > 0) {
      const auto n_all = static_cast<std::int32_t>(tokens_.size());
      for (auto row = n_all - 1 - static_cast<std::int32_t>(open.guesses.size()); row < n_all;
           ++row) {
        logit_rows_.push_back(row);
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
  outbox_.emplace_back(std::move(open.events), std::move(event));
  ++n_closed_;
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
