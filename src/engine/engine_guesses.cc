// Speculation's part of a step: guesses are laid behind the known tokens before it,
// and taken or dropped after it.
#include <algorithm>

#include "engine/engine_loop.h"

namespace ondol::engine {

// Guesses take what known tokens leave: of the step's budget, of the context and of
// max_tokens, of free pages. `work` is at least one token a ready sequence.
void EngineCore::guess(std::span<const Work> work) {
  n_guesses_ = 0;
  guess_jobs_.clear();
  std::int64_t n_planned = 0;
  for (const auto& [sequence, n_tokens] : work) {
    n_planned += n_tokens;
    Open& open = *open_.at(sequence->id);
    open.guesses.clear();
    if (n_tokens < sequence->n_pending() || open.max_tokens == 0 || open.watch) continue;
    // The row of the last guess gives one token more.
    const std::int64_t room =
        std::min(open.max_tokens - open.n_said, options_.max_context - sequence->n_known()) - 1;
    guess_jobs_.push_back({sequence->id, sequence->tokens, open.stop_tokens,
                           open.speculates ? room : 0, &open.guesses});
  }
  const bool is_plain = n_planned == std::ssize(work) && work.size() == guess_jobs_.size();
  speculator_.guess(guess_jobs_, options_.max_batch_tokens - n_aside_ - n_planned, is_plain);
  for (const GuessJob& job : guess_jobs_) {
    if (job.guesses->empty()) continue;
    Open& open = *open_.at(job.id);
    const std::int64_t n_fit = scheduler_.reserve(open.sequence, std::ssize(open.guesses));
    open.guesses.resize(static_cast<std::size_t>(n_fit));
    open.n_draft += n_fit;
    n_guesses_ += n_fit;
  }
}

// Row 0 of logits [1 + n_guesses, n_vocab] is that of the last known token. As long
// as the pick is what was guessed, the guess's row is the next token's: its keys and
// values are in place. Those of wrong guesses are written over by later steps.
void EngineCore::take_rows(Open& open, std::span<const float> logits) {
  const std::size_t n_rows = 1 + open.guesses.size();
  const std::size_t n_vocab = logits.size() / n_rows;
  std::int64_t n_accepted = 0;
  for (std::size_t row = 0; row < n_rows; ++row) {
    const bool is_guessed = row < open.guesses.size();
    const std::int64_t guessed = is_guessed ? open.guesses[row] : -1;
    const auto picked = take_logits(open, logits.subspan(row * n_vocab, n_vocab));
    if (!picked) return;
    if (*picked != guessed) break;
    scheduler_.accept_guess(open.sequence);
    ++open.n_draft_accepted;
    ++n_accepted;
  }
  if (n_rows == 1) return;
  speculator_.verified(open.sequence.id, std::ssize(open.guesses), n_accepted);
  scheduler_.settle(open.sequence);
}

}  // namespace ondol::engine
