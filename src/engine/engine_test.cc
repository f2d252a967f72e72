#include "engine/engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <limits>
#include <thread>

#include "engine/evaluator.h"
#include "engine/testing/engine_fixture.h"

namespace ondol::engine {
namespace {

TEST_F(EngineTest, SaysWhatTheModelSays) {
  const auto engine = start(small());
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    GenerationRequest request = make_request(seed, 1 + seed * 3, 20);
    const std::vector<std::int32_t> expected = expected_tokens(request);
    auto stream = engine->submit(std::move(request));
    ASSERT_TRUE(stream) << stream.error().message();
    const Answer answer = read_all(*stream);
    EXPECT_EQ(answer.tokens, expected);
    EXPECT_EQ(answer.finish.reason, FinishReason::kLength);
    EXPECT_EQ(answer.finish.timings.n_prompt, static_cast<std::int64_t>(1 + seed * 3));
    expect_idle(*engine);
  }
}

// Alone, among sixteen, and among sixteen short of pages: the same tokens.
TEST_F(EngineTest, CompanyAndPreemptionChangeNothing) {
  for (const std::int64_t kv_tokens : {16 * 128, 132, 200}) {
    EngineOptions options = small();
    options.kv_tokens = kv_tokens;
    Gate gate;
    const auto engine = start(options, [&] { gate.pass(); });
    std::vector<std::vector<std::int32_t>> expected;
    std::vector<Stream> streams;
    for (std::uint64_t seed = 0; seed < 16; ++seed) {
      GenerationRequest request = make_request(seed, 5 + seed, 40);
      request.priority = static_cast<std::int32_t>(seed % 3);
      expected.push_back(expected_tokens(request));
      streams.push_back(*engine->submit(std::move(request)));
    }
    gate.open();
    for (std::size_t i = 0; i < streams.size(); ++i) {
      EXPECT_EQ(read_all(streams[i]).tokens, expected[i]) << i << " with " << kv_tokens;
    }
    EXPECT_EQ(engine->stats().n_preemptions > 0, kv_tokens < 16 * 128);
    expect_idle(*engine);
  }
}

TEST_F(EngineTest, StopTokenEndsAndIsNotSaid) {
  const auto engine = start(small());
  GenerationRequest request = make_request(7, 10, 50);
  const std::vector<std::int32_t> all = expected_tokens(request);
  request.stop_tokens = {all[20], all[30]};
  const std::vector<std::int32_t> expected = expected_tokens(request);
  ASSERT_LT(expected.size(), 21U);
  auto stream = engine->submit(std::move(request));
  const Answer answer = read_all(*stream);
  EXPECT_EQ(answer.tokens, expected);
  EXPECT_EQ(answer.finish.reason, FinishReason::kStop);
}

TEST_F(EngineTest, LengthIsMaxTokensOrContext) {
  const auto engine = start(small());
  auto none = engine->submit(make_request(1, 100, 0));
  const Answer nothing = read_all(*none);
  EXPECT_TRUE(nothing.tokens.empty());
  EXPECT_EQ(nothing.finish.reason, FinishReason::kLength);
  EXPECT_EQ(nothing.finish.timings.n_prompt, 100);

  auto full = engine->submit(make_request(2, 100, std::numeric_limits<std::int64_t>::max()));
  const Answer answer = read_all(*full);
  EXPECT_EQ(answer.tokens.size(), 28U);  // 100 + 28 = 128
  EXPECT_EQ(answer.finish.reason, FinishReason::kLength);

  auto last = engine->submit(make_request(3, 127, 10));
  EXPECT_EQ(read_all(*last).tokens.size(), 1U);
  expect_idle(*engine);
}

TEST_F(EngineTest, BrokenLogitsEndOneRequestOnly) {
  const auto engine = start(small());
  GenerationRequest bad = make_request(4, 10, 20);
  bad.prompt.back() = kFakePoison;
  GenerationRequest good = make_request(5, 10, 20);
  const auto expected = expected_tokens(good);
  auto bad_stream = engine->submit(std::move(bad));
  auto good_stream = engine->submit(std::move(good));
  const Answer answer = read_all(*bad_stream);
  EXPECT_EQ(answer.finish.reason, FinishReason::kError);
  ASSERT_TRUE(answer.finish.error);
  EXPECT_EQ(answer.finish.error->code, ErrorCode::kInternal);
  EXPECT_EQ(read_all(*good_stream).tokens, expected);
  expect_idle(*engine);
}

TEST_F(EngineTest, CancelFreesPagesBetweenSteps) {
  Gate gate;
  const auto engine = start(small(), [&] { gate.pass(); });
  auto stream = engine->submit(make_request(6, 100, 1000));
  gate.wait_for_arrivals(1);  // inside the first step: pages are taken
  gate.open_for(1);
  gate.wait_for_arrivals(2);
  EXPECT_GT(engine->stats().n_pages_used, 0);
  stream->cancel();
  stream->cancel();
  gate.open_for(1);  // the step that was under way ends, no other begins
  const Answer answer = read_all(*stream);
  EXPECT_EQ(answer.finish.reason, FinishReason::kCancelled);
  expect_idle(*engine);
  stream->cancel();  // after the end: no effect
  gate.open();
  auto next = engine->submit(make_request(1, 10, 5));
  EXPECT_EQ(read_all(*next).tokens.size(), 5U);
}

TEST_F(EngineTest, DroppedStreamCancels) {
  const auto engine = start(small());
  {
    auto stream = engine->submit(make_request(8, 50, 70));
  }
  auto moved_over = *engine->submit(make_request(8, 50, 70));
  moved_over = *engine->submit(make_request(9, 50, 3));
  EXPECT_EQ(read_all(moved_over).tokens.size(), 3U);
  // Requests end in bounded time whether or not somebody reads them.
  while (engine->stats().n_running + engine->stats().n_waiting > 0) std::this_thread::yield();
  expect_idle(*engine);
}

TEST_F(EngineTest, StreamOutlivesEngine) {
  Gate gate;
  auto engine = start(small(), [&] { gate.pass(); });
  std::vector<Stream> streams;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    streams.push_back(*engine->submit(make_request(seed, 20, 100)));
  }
  gate.wait_for_arrivals(1);
  gate.open_for(5);
  gate.wait_for_arrivals(6);
  std::thread opener([&] { gate.open(); });
  engine.reset();
  opener.join();
  for (Stream& stream : streams) {
    stream.cancel();
    const Answer answer = read_all(stream);
    // What was computed before the end may have come to its own end.
    EXPECT_TRUE(answer.finish.reason == FinishReason::kCancelled ||
                answer.finish.reason == FinishReason::kLength);
  }
}

TEST_F(EngineTest, NextForTimesOut) {
  Gate gate;
  const auto engine = start(small(), [&] { gate.pass(); });
  auto stream = engine->submit(make_request(1, 4, 2));
  EXPECT_FALSE(stream->next_for(0));
  EXPECT_FALSE(stream->next_for(-5));
  EXPECT_FALSE(stream->next_for(10));
  EXPECT_FALSE(stream->done());
  gate.open();
  int n_events = 0;
  while (!stream->done())
    n_events += stream->next_for(std::numeric_limits<std::int64_t>::max()) ? 1 : 0;
  EXPECT_EQ(n_events, 3);
}

TEST_F(EngineTest, FullQueueAnswersAtOnce) {
  EngineOptions options = small();
  options.max_sequences = 2;
  options.max_waiting = 3;
  Gate gate;
  const auto engine = start(options, [&] { gate.pass(); });
  std::vector<Stream> streams;
  for (std::uint64_t i = 0; i < 5; ++i) streams.push_back(*engine->submit(make_request(i, 5, 5)));
  const auto refused = engine->submit(make_request(5, 5, 5));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kLimit);
  EXPECT_EQ(refused.error().limit, "5");
  gate.open();
  for (Stream& stream : streams) EXPECT_EQ(read_all(stream).tokens.size(), 5U);
  auto now = engine->submit(make_request(5, 5, 5));
  ASSERT_TRUE(now);
  EXPECT_EQ(read_all(*now).tokens.size(), 5U);
}

TEST_F(EngineTest, ManyThreadsSubmitReadAndCancel) {
  EngineOptions options = small();
  options.kv_tokens = 256;
  const auto engine = start(options);
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < 12; ++i) {
        const std::uint64_t seed = t * 100 + i;
        GenerationRequest request = make_request(seed, 3 + seed % 40, 30);
        const auto expected = expected_tokens(request);
        auto stream = engine->submit(std::move(request));
        ASSERT_TRUE(stream);
        if (i % 4 == 3) {
          EXPECT_EQ(stream->next()->token, expected[0]);
          stream->cancel();
          const Answer rest = read_all(*stream, 1);
          EXPECT_LT(rest.tokens.size(), 30U);
        } else if (i % 4 != 2) {
          EXPECT_EQ(read_all(*stream).tokens, expected);
        }  // else dropped
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  while (engine->stats().n_running + engine->stats().n_waiting > 0) std::this_thread::yield();
  expect_idle(*engine);
}

TEST_F(EngineTest, IdleEngineSleeps) {
  const auto engine = start(small());
  auto stream = engine->submit(make_request(1, 5, 5));
  read_all(*stream);
  const std::clock_t before = std::clock();  // of all threads of this process
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const double busy_ms = 1000.0 * static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
  EXPECT_LT(busy_ms, 20);
}

TEST_F(EngineTest, TimingsAreTrue) {
  Gate gate;
  EngineOptions options = small();
  options.max_sequences = 1;
  const auto engine = start(options, [&] { gate.pass(); });
  auto first = engine->submit(make_request(1, 5, 1));
  auto second = engine->submit(make_request(2, 5, 3));
  const auto pause = [] { std::this_thread::sleep_for(std::chrono::milliseconds(20)); };
  gate.wait_for_arrivals(1);
  pause();  // first: prefill; second: queue
  gate.open_for(1);
  gate.wait_for_arrivals(2);
  pause();  // second: prefill
  gate.open_for(1);
  gate.wait_for_arrivals(3);
  pause();  // second: decode
  gate.open();
  const Timings a = read_all(*first).finish.timings;
  const Timings b = read_all(*second).finish.timings;
  EXPECT_GE(a.prefill_ms, 19);
  EXPECT_EQ(a.decode_ms, 0);
  EXPECT_GE(b.queue_ms, 19);
  EXPECT_GE(b.prefill_ms, 19);
  EXPECT_GE(b.decode_ms, 19);
  EXPECT_EQ(b.n_cached, 0);
}

TEST_F(EngineTest, LogprobsComeWithTokens) {
  const auto engine = start(small());
  GenerationRequest request = make_request(1, 5, 4);
  request.sampling = {};
  request.sampling.temperature = 0;
  request.n_top_logprobs = 3;
  std::vector<std::int32_t> known = request.prompt;
  auto stream = engine->submit(std::move(request));
  for (const Event& event : read_all(*stream).events) {
    const std::vector<float> logits = fake_logits(known);
    double total = 0;
    for (const float logit : logits) total += std::exp(logit);
    ASSERT_EQ(event.top.size(), 3U);
    EXPECT_EQ(event.top[0].token, event.token);
    EXPECT_NEAR(event.logprob, logits[static_cast<std::size_t>(event.token)] - std::log(total),
                1e-5);
    EXPECT_EQ(event.top[0].logprob, event.logprob);
    EXPECT_GE(event.top[1].logprob, event.top[2].logprob);
    known.push_back(event.token);
  }
}

TEST_F(EngineTest, EvaluatorGivesTheLogitsOfEveryToken) {
  FakeModel model(512, 7);
  for (const std::int64_t chunk : {1, 3, 7}) {
    auto evaluator = Evaluator::create(model, device_, 100, chunk, DType::kF16);
    ASSERT_TRUE(evaluator) << evaluator.error().message();
    for (const std::int64_t first : {-1, 0, 5, 49, 50, 99}) {
      const std::vector<std::int32_t> tokens = make_prompt(static_cast<std::uint64_t>(chunk), 50);
      std::int64_t next = std::max<std::int64_t>(first, 0);
      const auto done =
          (*evaluator)->run(tokens, first, [&](std::int64_t i, std::span<const float> logits) {
            EXPECT_EQ(i, next++);
            const auto expected =
                fake_logits(std::span(tokens).first(static_cast<std::size_t>(i) + 1));
            EXPECT_TRUE(std::equal(logits.begin(), logits.end(), expected.begin(), expected.end()));
          });
      EXPECT_TRUE(done);
      EXPECT_EQ(next, std::max<std::int64_t>(first, 50));
    }
  }
  auto evaluator = Evaluator::create(model, device_, 10, 7, DType::kF16);
  const auto ignore = [](std::int64_t, std::span<const float>) {};
  EXPECT_EQ((*evaluator)->run(make_prompt(1, 11), 0, ignore).error().code, ErrorCode::kLimit);
  EXPECT_EQ((*evaluator)->run(std::vector<std::int32_t>{1, kFakeVocab}, 0, ignore).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_TRUE((*evaluator)->run({}, 0, ignore));
  EXPECT_FALSE(Evaluator::create(model, device_, 0, 7, DType::kF16));
  EXPECT_FALSE(Evaluator::create(model, device_, 513, 7, DType::kF16));
  EXPECT_FALSE(Evaluator::create(model, device_, 10, 0, DType::kF16));
  EXPECT_EQ(Evaluator::create(model, device_, 10, 7, DType::kQ4_K).error().code,
            ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace ondol::engine
