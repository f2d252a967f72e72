// For tests only: an engine with the fake model, requests for it and what they must say.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "engine/sampler.h"
#include "engine/testing/fake_model.h"

namespace ondol::engine {

// Holds the engine thread before each forward until a turn is given away.
class Gate {
 public:
  void open_for(int n_steps) {
    const std::lock_guard lock(mutex_);
    n_steps_ += n_steps;
    changed_.notify_all();
  }
  void open() { open_for(1 << 30); }
  void pass() {
    std::unique_lock lock(mutex_);
    ++n_arrived_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return n_steps_ > 0; });
    --n_steps_;
  }
  void wait_for_arrivals(int n) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return n_arrived_ >= n; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int n_steps_ = 0;
  int n_arrived_ = 0;
};

struct Answer {
  std::vector<std::int32_t> tokens;
  std::vector<Event> events;
  Event finish;
};

// All events but the tokens taken before; fails unless there is exactly one finish, at the end.
inline Answer read_all(Stream& stream, std::int64_t n_taken = 0) {
  Answer answer;
  int n_finishes = 0;
  while (std::optional<Event> event = stream.next()) {
    EXPECT_EQ(n_finishes, 0);
    if (event->kind == Event::Kind::kFinish) {
      ++n_finishes;
      answer.finish = std::move(*event);
    } else {
      answer.tokens.push_back(event->token);
      answer.events.push_back(std::move(*event));
    }
  }
  EXPECT_EQ(n_finishes, 1);
  EXPECT_TRUE(stream.done());
  EXPECT_FALSE(stream.next().has_value());
  EXPECT_EQ(answer.finish.timings.n_decoded,
            n_taken + static_cast<std::int64_t>(answer.tokens.size()));
  return answer;
}

// Prompts avoid the token after which the fake model breaks.
inline std::vector<std::int32_t> make_prompt(std::uint64_t seed, std::size_t n_tokens) {
  std::vector<std::int32_t> prompt;
  for (std::uint64_t i = 0; prompt.size() < n_tokens; ++i) {
    const auto token = static_cast<std::int32_t>(random_u64(seed, i) % kFakeVocab);
    if (token != kFakePoison) prompt.push_back(token);
  }
  return prompt;
}

inline GenerationRequest make_request(std::uint64_t seed, std::size_t n_prompt,
                                      std::int64_t max_tokens) {
  GenerationRequest request;
  request.prompt = make_prompt(seed, n_prompt);
  request.max_tokens = max_tokens;
  request.sampling.seed = seed;
  request.sampling.temperature = seed % 3 == 0 ? 0.0F : 0.9F;
  request.sampling.top_p = seed % 2 == 0 ? 0.95F : 1.0F;
  request.sampling.repetition_penalty = seed % 5 == 0 ? 1.2F : 1.0F;
  request.sampling.logit_bias = {{kFakePoison, -100.0F}};
  return request;
}

// What the request must say, computed without an engine.
inline std::vector<std::int32_t> expected_tokens(const GenerationRequest& request) {
  Sampler sampler(request.sampling, request.prompt, nullptr, -1);
  SamplerScratch scratch;
  std::vector<std::int32_t> known = request.prompt;
  std::vector<std::int32_t> said;
  while (static_cast<std::int64_t>(said.size()) < request.max_tokens) {
    const std::int32_t token = sampler.pick(fake_logits(known), scratch)->token;
    const auto& stops = request.stop_tokens;
    if (std::find(stops.begin(), stops.end(), token) != stops.end()) break;
    known.push_back(token);
    said.push_back(token);
  }
  return said;
}

class EngineTest : public testing::Test {
 protected:
  std::unique_ptr<Engine> start(const EngineOptions& options, std::function<void()> before = {}) {
    auto model = std::make_unique<FakeModel>(512, options.max_batch_tokens, std::move(before));
    auto engine = Engine::start(std::move(model), device_, options);
    EXPECT_TRUE(engine) << engine.error().message();
    return std::move(*engine);
  }
  static EngineOptions small() {
    EngineOptions options;
    options.max_context = 128;
    options.kv_tokens = 16 * 128;
    options.page_tokens = 4;
    options.max_batch_tokens = 64;
    return options;
  }
  static void expect_idle(const Engine& engine) {
    const EngineStats stats = engine.stats();
    EXPECT_EQ(stats.n_pages_used, 0);
    EXPECT_EQ(stats.n_running, 0);
    EXPECT_EQ(stats.n_waiting, 0);
  }

  FakeDevice device_;
};

}  // namespace ondol::engine
