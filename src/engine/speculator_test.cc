// Whether speculation finds out what pays, on a made-up machine: time passes only
// as the tests say.
#include "engine/speculator.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace ondol::engine {
namespace {

using Clock = std::chrono::steady_clock;

// Guesses what it is told to, and takes its time.
class FakeDrafter : public Drafter {
 public:
  FakeDrafter(Clock::time_point& now, double ms_per_token) : now_(now), ms_(ms_per_token) {}
  void propose(std::span<DraftRequest> requests) override {
    std::int64_t depth = 0;
    for (DraftRequest& request : requests) {
      request.guesses.assign(static_cast<std::size_t>(request.n_wanted), 9999);
      depth = std::max(depth, request.n_wanted);
    }
    now_ += std::chrono::microseconds(static_cast<std::int64_t>(1000 * ms_) * depth);
    n_asked += std::ssize(requests);
  }
  void forget(std::uint64_t id) override { forgotten.push_back(id); }
  std::int64_t n_asked = 0;
  std::vector<std::uint64_t> forgotten;

 private:
  Clock::time_point& now_;
  double ms_;
};

// A machine that takes base_ms for a step and row_ms for each guess, and texts in which
// a share of the guesses is right.
struct Machine {
  double base_ms = 10;
  double row_ms = 1;
  double draft_ms = 1;
};

struct Outcome {
  double n_tokens = 0;
  double ms = 0;
  std::int64_t n_guesses = 0;
  double rate() const { return n_tokens / ms; }
};

class SpeculatorTest : public testing::Test {
 protected:
  // Steps of n sequences that say 1 2 3 4 5 1 2 3 ... as long as `is_right`, and new
  // tokens otherwise.
  Outcome run(Speculator& speculator, const Machine& machine, std::size_t n_sequences, int n_steps,
              bool is_right) {
    texts_.resize(n_sequences, {1, 2, 3, 4, 5, 1, 2, 3, 4, 5});
    std::vector<std::vector<std::int32_t>> guesses(n_sequences);
    Outcome outcome;
    for (int step = 0; step < n_steps; ++step) {
      std::vector<GuessJob> jobs;
      for (std::size_t i = 0; i < n_sequences; ++i) {
        jobs.push_back({i, texts_[i], {}, 100, &guesses[i]});
      }
      const Clock::time_point before = now_;
      speculator.guess(jobs, 100, true);
      std::int64_t n_guesses = 0;
      for (const auto& g : guesses) n_guesses += std::ssize(g);
      const double ms = machine.base_ms + machine.row_ms * static_cast<double>(n_guesses);
      speculator.ran(n_guesses, ms);
      outcome.ms += ms + std::chrono::duration<double, std::milli>(now_ - before).count();
      outcome.n_guesses += n_guesses;
      for (std::size_t i = 0; i < n_sequences; ++i) {
        const std::int64_t n_right = is_right ? std::ssize(guesses[i]) : 0;
        outcome.n_tokens += 1 + static_cast<double>(n_right);
        if (!guesses[i].empty()) speculator.verified(i, std::ssize(guesses[i]), n_right);
        for (std::int64_t n = 0; n <= n_right; ++n) say(texts_[i], is_right);
      }
    }
    return outcome;
  }
  // A wrong one leads nowhere, but the words before it stand as they stood.
  void say(std::vector<std::int32_t>& text, bool is_right) {
    if (is_right) {
      text.push_back(text[text.size() - 5]);
    } else {
      text.insert(text.end(), {next_++, 1, 2, 3, 4});
    }
  }

  Clock::time_point now_;
  std::int32_t next_ = 100;
  std::vector<std::vector<std::int32_t>> texts_;
};

TEST_F(SpeculatorTest, GainsWhereGuessesAreRight) {
  for (const std::size_t n_sequences : {1, 3}) {
    texts_.clear();
    Speculator speculator(Speculation::kWhenItPays, nullptr);
    const Machine machine;
    const Outcome outcome = run(speculator, machine, n_sequences, 200, true);
    const double plain = static_cast<double>(n_sequences) / machine.base_ms;
    EXPECT_GT(outcome.rate(), 2.5 * plain) << n_sequences;
  }
}

TEST_F(SpeculatorTest, LosesLittleWhereGuessesAreWrong) {
  Speculator speculator(Speculation::kWhenItPays, nullptr);
  const Machine machine{10, 4};
  const Outcome outcome = run(speculator, machine, 1, 2000, false);
  EXPECT_GT(outcome.rate(), 0.97 / machine.base_ms);
  EXPECT_GT(outcome.n_guesses, 10);  // it tries again
  EXPECT_LT(outcome.n_guesses, 300);
  // And notices when the text changes.
  texts_[0] = {1, 2, 3, 4, 5, 1, 2, 3, 4, 5};
  speculator.forget(0);
  EXPECT_GT(run(speculator, machine, 1, 200, true).rate(), 1.5 / machine.base_ms);
}

TEST_F(SpeculatorTest, LosesLittleWhereRowsAreDear) {
  Speculator speculator(Speculation::kWhenItPays, nullptr);
  const Machine machine{10, 12};  // even right guesses lose
  const Outcome outcome = run(speculator, machine, 1, 2000, true);
  EXPECT_GT(outcome.rate(), 0.97 / machine.base_ms);
  EXPECT_GT(outcome.n_guesses, 0);
}

TEST_F(SpeculatorTest, GuessesOnlyInPlainStepsUnlessAlways) {
  for (const auto mode : {Speculation::kWhenItPays, Speculation::kAlways}) {
    Speculator speculator(mode, nullptr);
    run(speculator, {}, 1, 20, true);
    std::vector<std::int32_t> guesses = {4, 4};
    const std::vector<GuessJob> jobs = {{0, texts_[0], {}, 100, &guesses}};
    speculator.guess(jobs, 100, false);
    EXPECT_EQ(guesses.empty(), mode == Speculation::kWhenItPays);
    speculator.ran(std::ssize(guesses), 1e6);  // of no concern to plain steps
    EXPECT_GT(run(speculator, {}, 1, 20, true).rate(), 0.2);
  }
}

TEST_F(SpeculatorTest, KeepsToLimits) {
  Speculator speculator(Speculation::kAlways, nullptr);
  const std::vector<std::int32_t> text = {1, 2, 3, 4, 5, 1, 2};
  const std::vector<std::int32_t> stops = {5};
  std::vector<std::int32_t> a, b, c, d;
  std::vector<GuessJob> jobs = {
      {1, text, {}, 3, &a}, {2, text, stops, 100, &b}, {3, text, {}, 0, &c}, {4, text, {}, -1, &d}};
  speculator.guess(jobs, 100, true);
  EXPECT_EQ(a, (std::vector<std::int32_t>{3, 4, 5}));
  EXPECT_EQ(b, (std::vector<std::int32_t>{3, 4}));  // nothing follows a stop token
  EXPECT_TRUE(c.empty());
  EXPECT_TRUE(d.empty());
  speculator.guess(jobs, 4, true);
  EXPECT_EQ(a.size(), 3U);
  EXPECT_EQ(b.size(), 1U);
  speculator.guess(jobs, 0, true);
  EXPECT_TRUE(a.empty());

  std::vector<std::vector<std::int32_t>> many(20);
  jobs.clear();
  for (std::size_t i = 0; i < many.size(); ++i) jobs.push_back({i, text, {}, 100, &many[i]});
  speculator.guess(jobs, 1000, true);
  std::int64_t n = 0;
  for (const auto& guesses : many) n += std::ssize(guesses);
  EXPECT_EQ(n, kMaxStepGuesses);

  Speculator off(Speculation::kOff, nullptr);
  off.guess(jobs, 1000, true);
  for (const auto& guesses : many) EXPECT_TRUE(guesses.empty());
}

TEST_F(SpeculatorTest, ADraftModelHasToPayForItsTime) {
  for (const double draft_ms : {1.0, 30.0}) {
    texts_.assign(2, {});
    // No text to look anything up in: only the draft model can guess.
    for (auto& text : texts_) {
      for (std::int32_t i = 0; i < 20; ++i) text.push_back(1000 + i);
    }
    auto owned = std::make_unique<FakeDrafter>(now_, draft_ms);
    FakeDrafter& drafter = *owned;
    Speculator speculator(Speculation::kWhenItPays, std::move(owned), [this] { return now_; });
    const Machine machine{10, 1, draft_ms};
    Outcome outcome;
    std::vector<std::vector<std::int32_t>> guesses(2);
    for (int step = 0; step < 300; ++step) {
      const Clock::time_point before = now_;
      std::vector<GuessJob> jobs;
      for (std::size_t i = 0; i < 2; ++i) jobs.push_back({i, texts_[i], {}, 100, &guesses[i]});
      speculator.guess(jobs, 100, true);
      std::int64_t n = 0;
      for (const auto& g : guesses) n += std::ssize(g);
      const double ms = machine.base_ms + machine.row_ms * static_cast<double>(n);
      speculator.ran(n, ms);
      outcome.ms += ms + std::chrono::duration<double, std::milli>(now_ - before).count();
      for (std::size_t i = 0; i < 2; ++i) {
        outcome.n_tokens += 1 + static_cast<double>(guesses[i].size());
        if (!guesses[i].empty())
          speculator.verified(i, std::ssize(guesses[i]), std::ssize(guesses[i]));
        for (std::size_t n_said = 0; n_said <= guesses[i].size(); ++n_said) {
          texts_[i].push_back(next_++);
        }
      }
    }
    const double plain = 2 / machine.base_ms;
    if (draft_ms == 1.0) {
      EXPECT_GT(outcome.rate(), 1.5 * plain);
    } else {
      EXPECT_GT(outcome.rate(), 0.9 * plain);
      EXPECT_LT(drafter.n_asked, 60);
    }
    speculator.forget(1);
    EXPECT_EQ(drafter.forgotten, (std::vector<std::uint64_t>{1}));
  }
}

}  // namespace
}  // namespace ondol::engine
