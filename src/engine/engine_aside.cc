// A part of a deep prompt, computed by itself: one token of it would prolong a step of the
// answers too much, so the answers have turns of their own between its layers.
#include <algorithm>

#include "engine/engine_loop.h"

namespace ondol::engine {

// Few enough to be given up without regret, and to leave room for the answers' rows.
std::int64_t EngineCore::max_aside_tokens() const {
  constexpr std::int64_t kMost = 64;
  const std::int64_t room = options_.max_batch_tokens - options_.max_sequences;
  return model_->info().n_layers > 1 ? std::min(kMost, room) : 0;
}

// In those turns its request may be cancelled, or lose its pages to an answer that grows.
// Then what was computed of it is worth nothing, and the rest is given up.
void EngineCore::compute_aside(const Work& work) {
  const std::uint64_t id = work.sequence->id;
  open_.at(id)->guesses.clear();
  fill_batch(std::span(&work, 1), aside_batch_);
  const double cost = pacer_.cost_of(work.sequence->n_computed, work.n_tokens);

  bool is_given_up = false;
  double own_ms = 0;
  double since_turn_ms = 0;
  Clock::time_point layer_began = Clock::now();
  const model::BetweenLayers between_layers = [&] {
    const double layer_ms = milliseconds(Clock::now() - layer_began);
    own_ms += layer_ms;
    since_turn_ms += layer_ms;
    if (since_turn_ms + layer_ms > pacer_.room_ms()) {  // another layer would be too much
      turn(/*may_wait=*/false, /*takes_prompts=*/false);
      since_turn_ms = 0;
      const auto it = open_.find(id);
      is_given_up = it == open_.end() || it->second->sequence.state != Sequence::State::kRunning;
    }
    layer_began = Clock::now();
    return !is_given_up;
  };
  n_aside_ = work.n_tokens;
  const std::span<const float> logits = run_model(aside_batch_, &between_layers);
  n_aside_ = 0;
  if (is_given_up) return;
  own_ms += milliseconds(Clock::now() - layer_began);
  scheduler_.commit(work);
  take_results(aside_batch_, logits);
  pacer_.learn(0, cost, own_ms);
}

}  // namespace ondol::engine
