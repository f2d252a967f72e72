// How many prompt tokens a step may take while answers are under way, so that a long
// prompt slows them down by a known factor and not more. The cost of prompts is
// learned from the steps themselves; no clock in here.
//
// The policy. A step without prompts is the measure of pace: with a part of a long
// prompt it lasts at most kSlowdown times as long (a little less is aimed at, for steps
// vary). Every kProbeEvery steps, or when the number of answers has changed, one step
// goes without prompts to measure it anew. Short prompts are not held to the pace: they
// stall others for one step, and who waits for a first token waits less; max_step_ms
// bounds that step too. With no answer under way there is no pace to keep. A prompt never
// starves: a token a step is the least, outside of probes.
//
// Deep prompts. Where one token of it lasts longer than a step may be prolonged, part of a
// prompt is computed by itself, and the answers have their steps between its layers: as many
// tokens as a layer takes in the time that a step may be prolonged by.
//
// The cost. Tokens are weighed by their depth: attention reads all that came before. One
// figure is learned, ms per unit of weight, from the difference to a step without prompts;
// it follows a rise at once and a fall slowly. A few tokens beside answers may come free
// (weights are read anyway), so the budget grows at most by doubling.
//
// Owner: the engine loop. Threads: the engine thread only.
#pragma once

#include <cstdint>

#include "engine/scheduler.h"
#include "model/model.h"

namespace ondol::engine {

class Pacer {
 public:
  static constexpr double kSlowdown = 2;
  static constexpr double kAim = 0.9;  // of it
  static constexpr int kProbeEvery = 32;

  /// What computes with turns between its layers: at most max_tokens at once, 0: nothing does.
  struct Layers {
    std::int64_t n_layers = 1;
    std::int64_t max_tokens = 0;
  };

  /// deep_tokens: the depth at which a token costs twice what the first one does.
  /// max_step_ms: 0 for none.
  Pacer(double deep_tokens, double max_step_ms, Layers layers);
  /// From operations of products and of attention, which runs at about a third of their speed.
  static double deep_tokens_of(const model::Model& model);

  /// For the next step. `depth`: computed tokens of the deepest prompt under way.
  PromptBudget budget(std::int64_t n_answers, std::int64_t depth);

  /// n tokens of a prompt behind `depth` others, in units of cost.
  double cost_of(std::int64_t depth, std::int64_t n_tokens) const;
  /// What a step did and how long it took; of what was set aside, its own part of the time.
  void learn(std::int64_t n_answers, double prompt_cost, double step_ms);

  /// How long a step may be prolonged, or a prompt compute between two steps of answers.
  double room_ms() const;

 private:
  bool must_probe(std::int64_t n_answers) const;
  double tokens_in(double ms, std::int64_t depth) const;

  double deep_tokens_;
  double max_step_ms_;
  Layers layers_;
  double answers_ms_ = 0;       // a step without prompts; 0: not known
  std::int64_t n_answers_ = 0;  // that it had
  int n_since_probe_ = 0;
  double unit_ms_ = 0;  // 0: not known
  std::int64_t last_of_long_ = 0;
};

}  // namespace ondol::engine
