#include "engine/prompt_watch.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "engine/logprobs.h"

namespace ondol::engine {

PromptWatch::PromptWatch(const GenerationRequest& request)
    : wants_embedding_(request.wants_embedding),
      wants_logprobs_(request.wants_prompt_logprobs),
      n_top_(request.n_top_logprobs) {
  event_.kind = Event::Kind::kPrompt;
}

Result<void> PromptWatch::see(model::Model& model, std::span<const std::int32_t> prompt,
                              std::int64_t position, std::int32_t first_row, std::int64_t n_rows,
                              SamplerScratch& scratch) {
  const std::int64_t end = std::min(position + n_rows, std::ssize(prompt));
  std::array<std::int32_t, model::Model::kMaxRowsAtOnce> room;
  while (n_seen_ < end) {
    const auto n = static_cast<std::size_t>(std::min(end - n_seen_, std::ssize(room)));
    const std::span<std::int32_t> rows = std::span(room).first(n);
    std::iota(rows.begin(), rows.end(), static_cast<std::int32_t>(first_row + n_seen_ - position));
    if (wants_embedding_) add_hidden(model.hidden_of(rows), n);
    if (wants_logprobs_) {
      const std::span<const float> logits = model.logits_of(rows);
      const std::size_t n_vocab = logits.size() / n;
      for (std::size_t i = 0; i < n; ++i) {
        const std::size_t next = static_cast<std::size_t>(n_seen_) + i + 1;
        if (next == prompt.size()) break;
        ONDOL_TRY_VOID(add_logits(logits.subspan(i * n_vocab, n_vocab), prompt[next], scratch));
      }
    }
    n_seen_ += static_cast<std::int64_t>(n);
  }
  return {};
}

// rows: [n_rows, d_model]
void PromptWatch::add_hidden(std::span<const float> rows, std::size_t n_rows) {
  const std::size_t width = rows.size() / n_rows;
  hidden_sum_.resize(width);
  for (std::size_t i = 0; i < rows.size(); ++i) hidden_sum_[i % width] += rows[i];
}

// logits: [n_vocab], before the token `next`
Result<void> PromptWatch::add_logits(std::span<const float> logits, std::int32_t next,
                                     SamplerScratch& scratch) {
  ONDOL_TRY(const std::int32_t best, find_best(logits));
  const double log_total = log_sum_exp(logits, best);
  const float logit = logits[static_cast<std::size_t>(next)];
  event_.prompt_logprobs.push_back({next, static_cast<float>(logit - log_total)});
  if (n_top_ > 0) {
    event_.prompt_top.push_back(
        top_logprobs(logits, n_top_, log_total, scratch.candidates, scratch.filter));
  }
  return {};
}

Event PromptWatch::take_logprobs() { return std::move(event_); }

std::vector<float> PromptWatch::embedding() const {
  std::vector<float> out;
  out.reserve(hidden_sum_.size());
  for (const double sum : hidden_sum_) {
    out.push_back(static_cast<float>(sum / static_cast<double>(n_seen_)));
  }
  return out;
}

}  // namespace ondol::engine
