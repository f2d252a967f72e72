// Events without waiting, and what requests can know of their prompts.
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <thread>

#include "engine/testing/engine_fixture.h"

namespace ondol::engine {
namespace {

TEST_F(EngineTest, TryNextNeverBlocks) {
  Gate gate;
  const auto engine = start(small(), [&] { gate.pass(); });
  auto stream = engine->submit(make_request(1, 4, 2));
  EXPECT_FALSE(stream->try_next());
  EXPECT_FALSE(stream->done());
  gate.open();
  int n_events = 0;
  while (!stream->done()) n_events += stream->try_next() ? 1 : 0;
  EXPECT_EQ(n_events, 3);
  EXPECT_FALSE(stream->try_next());
}

// A consumer that never waits: it comes back when it is woken, and sees every event.
TEST_F(EngineTest, WakesWhoWaitsForEvents) {
  const auto engine = start(small());
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    GenerationRequest request = make_request(seed, 4, 20);
    const auto expected = expected_tokens(request);
    auto stream = engine->submit(std::move(request));
    std::mutex mutex;
    std::condition_variable changed;
    int n_wakes = 0;
    stream->on_event([&] {
      const std::lock_guard lock(mutex);
      ++n_wakes;
      changed.notify_one();
    });
    std::vector<std::int32_t> tokens;
    while (!stream->done()) {
      {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return n_wakes > 0; });
        n_wakes = 0;
      }
      while (const auto event = stream->try_next()) {
        if (event->kind == Event::Kind::kToken) tokens.push_back(event->token);
      }
    }
    EXPECT_EQ(tokens, expected);
  }
}

TEST_F(EngineTest, WakesAtOnceForWhatLiesThere) {
  const auto engine = start(small());
  auto stream = engine->submit(make_request(1, 4, 1));
  while (engine->stats().n_running + engine->stats().n_waiting > 0) std::this_thread::yield();
  EXPECT_TRUE(stream->next_for(10'000));
  int n_wakes = 0;
  stream->on_event([&] { ++n_wakes; });  // kFinish lies there or will be pushed
  while (!stream->done()) stream->next();
  EXPECT_EQ(n_wakes, 1);
}

// When the stream has gone, so may what its wake refers to.
TEST_F(EngineTest, NobodyIsWokenAfterTheStream) {
  const auto engine = start(small());
  for (std::uint64_t i = 0; i < 300; ++i) {
    auto calls = std::make_unique<std::atomic<int>>(0);
    auto stream = engine->submit(make_request(i, 3, 30));
    stream->on_event([c = calls.get()] { ++*c; });
    if (i % 3 == 0) stream->next();
    {
      const Stream gone = std::move(*stream);
    }
    calls.reset();  // a late call would write to freed memory
  }
  // A wake may end its own stream.
  for (std::uint64_t i = 0; i < 50; ++i) {
    std::mutex mutex;
    std::condition_variable changed;
    auto stream = std::make_unique<Stream>(*engine->submit(make_request(i, 3, 30)));
    bool is_gone = false;
    Stream* raw = stream.get();
    raw->on_event([&] {
      const std::lock_guard lock(mutex);
      stream.reset();
      is_gone = true;
      changed.notify_one();
    });
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return is_gone; });
  }
}

TEST_F(EngineTest, EmbeddingIsTheMeanOfHiddenStates) {
  for (const std::int64_t max_batch_tokens : {16, 64}) {
    EngineOptions options = small();
    options.max_batch_tokens = max_batch_tokens;
    options.kv_tokens = 132;  // short of pages: some are computed anew
    Gate gate;
    const auto engine = start(options, [&] { gate.pass(); });
    std::vector<Stream> company;
    for (std::uint64_t i = 0; i < 3; ++i) {
      company.push_back(*engine->submit(make_request(i, 20, 60)));
    }
    GenerationRequest request = make_request(9, 90, 0);
    request.wants_embedding = true;
    const std::vector<std::int32_t> prompt = request.prompt;
    auto stream = engine->submit(std::move(request));
    gate.open();
    const Answer answer = read_all(*stream);
    EXPECT_TRUE(answer.events.empty());
    ASSERT_EQ(answer.finish.embedding.size(), 32U);
    double sum = 0;
    for (std::size_t i = 1; i <= prompt.size(); ++i) {
      sum += fake_hidden(std::span(prompt).first(i), 32)[1];
    }
    EXPECT_FLOAT_EQ(answer.finish.embedding[0], 45.5F);  // (1 + 90) / 2
    EXPECT_FLOAT_EQ(answer.finish.embedding[1], static_cast<float>(sum / 90));
    EXPECT_EQ(answer.finish.embedding[2], 0);
    for (Stream& other : company) EXPECT_TRUE(read_all(other).finish.embedding.empty());
  }
}

TEST_F(EngineTest, PromptLogprobsComeBeforeTheFirstToken) {
  for (const std::int64_t max_tokens : {0, 5}) {
    const auto engine = start(small());
    GenerationRequest request = make_request(3, 100, max_tokens);
    request.wants_prompt_logprobs = true;
    request.n_top_logprobs = 2;
    const std::vector<std::int32_t> prompt = request.prompt;
    const auto expected = expected_tokens(request);
    auto stream = engine->submit(std::move(request));
    auto company = engine->submit(make_request(4, 30, 20));
    const std::optional<Event> event = stream->next();
    ASSERT_TRUE(event && event->kind == Event::Kind::kPrompt);
    ASSERT_EQ(event->prompt_logprobs.size(), prompt.size() - 1);
    ASSERT_EQ(event->prompt_top.size(), prompt.size() - 1);
    for (std::size_t i = 0; i + 1 < prompt.size(); ++i) {
      const std::vector<float> logits = fake_logits(std::span(prompt).first(i + 1));
      double total = 0;
      for (const float logit : logits) total += std::exp(logit);
      const TokenLogprob& got = event->prompt_logprobs[i];
      EXPECT_EQ(got.token, prompt[i + 1]);
      EXPECT_NEAR(got.logprob, logits[static_cast<std::size_t>(got.token)] - std::log(total), 1e-5);
      ASSERT_EQ(event->prompt_top[i].size(), 2U);
      EXPECT_GE(event->prompt_top[i][0].logprob, event->prompt_top[i][1].logprob);
      EXPECT_GE(event->prompt_top[i][0].logprob, got.logprob);
    }
    EXPECT_EQ(read_all(*stream).tokens, expected);
    EXPECT_EQ(read_all(*company).tokens.size(), 20U);
  }
}

TEST_F(EngineTest, WatchedPromptWithBrokenLogitsEndsInAnError) {
  const auto engine = start(small());
  GenerationRequest request = make_request(3, 40, 5);
  request.prompt[20] = kFakePoison;
  request.wants_prompt_logprobs = true;
  auto stream = engine->submit(std::move(request));
  const Answer answer = read_all(*stream);
  EXPECT_EQ(answer.finish.reason, FinishReason::kError);
  EXPECT_TRUE(answer.events.empty());
  expect_idle(*engine);
}

TEST_F(EngineTest, CountsTokens) {
  const auto engine = start(small());
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    auto stream = engine->submit(make_request(seed, 10, 7));
    read_all(*stream);
  }
  EXPECT_EQ(engine->stats().n_prompt_tokens, 30U);
  EXPECT_EQ(engine->stats().n_generated_tokens, 21U);
}

}  // namespace
}  // namespace ondol::engine
