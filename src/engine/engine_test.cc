#include "engine/engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <ctime>
#include <limits>
#include <mutex>
#include <thread>

#include "engine/evaluator.h"
#include "engine/sampler.h"
#include "engine/testing/fake_model.h"

namespace ondol::engine {
namespace {

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
Answer read_all(Stream& stream, std::int64_t n_taken = 0) {
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
std::vector<std::int32_t> make_prompt(std::uint64_t seed, std::size_t n_tokens) {
  std::vector<std::int32_t> prompt;
  for (std::uint64_t i = 0; prompt.size() < n_tokens; ++i) {
    const auto token = static_cast<std::int32_t>(random_u64(seed, i) % kFakeVocab);
    if (token != kFakePoison) prompt.push_back(token);
  }
  return prompt;
}

GenerationRequest make_request(std::uint64_t seed, std::size_t n_prompt, std::int64_t max_tokens) {
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
std::vector<std::int32_t> expected_tokens(const GenerationRequest& request) {
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
  std::unique_ptr<Engine> start(EngineOptions options, std::function<void()> before = {}) {
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
