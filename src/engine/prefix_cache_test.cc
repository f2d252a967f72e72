// The prefix cache in the whole engine, in memory and on disk: what it says is what it
// would have said without, and what it reports is true.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "engine/engine.h"
#include "engine/testing/fake_model.h"
#include "engine/testing/temp_folder.h"

namespace ondol::engine {
namespace {

struct Answer {
  std::vector<std::int32_t> tokens;
  Timings timings;
};

Answer read_all(Stream& stream) {
  Answer answer;
  while (const std::optional<Event> event = stream.next()) {
    if (event->kind == Event::Kind::kToken) answer.tokens.push_back(event->token);
    if (event->kind == Event::Kind::kFinish) {
      EXPECT_EQ(event->reason, FinishReason::kLength);
      answer.timings = event->timings;
    }
  }
  return answer;
}

std::vector<std::int32_t> make_prompt(std::uint64_t seed, std::size_t n_tokens) {
  std::vector<std::int32_t> prompt;
  for (std::uint64_t i = 0; prompt.size() < n_tokens; ++i) {
    const auto token = static_cast<std::int32_t>(random_u64(seed, i) % kFakeVocab);
    if (token != kFakePoison) prompt.push_back(token);
  }
  return prompt;
}

GenerationRequest greedy(std::vector<std::int32_t> prompt, std::int64_t max_tokens) {
  GenerationRequest request;
  request.prompt = std::move(prompt);
  request.max_tokens = max_tokens;
  request.sampling.temperature = 0;
  request.sampling.logit_bias = {{kFakePoison, -100.0F}};
  return request;
}

std::vector<std::int32_t> expected_tokens(std::vector<std::int32_t> known, std::int64_t n) {
  std::vector<std::int32_t> said;
  for (; n > 0; --n) {
    std::vector<float> logits = fake_logits(known);
    logits[kFakePoison] -= 100;
    known.push_back(
        static_cast<std::int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin()));
    said.push_back(known.back());
  }
  return said;
}

class PrefixCacheTest : public testing::Test {
 protected:
  std::unique_ptr<Engine> start(const EngineOptions& options) {
    auto engine = Engine::start(std::make_unique<FakeModel>(512, 64), device_, options);
    EXPECT_TRUE(engine) << engine.error().message();
    return std::move(*engine);
  }
  EngineOptions in_memory() const {
    EngineOptions options;
    options.max_context = 256;
    options.kv_tokens = 16 * 256;
    options.page_tokens = 4;
    options.max_batch_tokens = 64;
    return options;
  }
  EngineOptions on_disk() const {
    EngineOptions options = in_memory();
    options.spill_path = folder_.file("pages");
    options.spill_max_bytes = 10 << 20;
    options.fingerprint = "fake";
    return options;
  }
  void wait_for_pages(std::size_t n) const {
    for (int i = 0; i < 2000 && folder_.pages("pages").size() < n; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    EXPECT_EQ(folder_.pages("pages").size(), n);
  }

  static Answer ask(Engine& engine, GenerationRequest request) {
    auto stream = engine.submit(std::move(request));
    EXPECT_TRUE(stream) << stream.error().message();
    return read_all(*stream);
  }

  TempFolder folder_;
  FakeDevice device_;
};

TEST_F(PrefixCacheTest, SaysTheSameAndTellsWhatItFound) {
  const auto engine = start(in_memory());
  const std::vector<std::int32_t> prompt = make_prompt(1, 101);
  const std::vector<std::int32_t> expected = expected_tokens(prompt, 20);
  const Answer cold = ask(*engine, greedy(prompt, 20));
  EXPECT_EQ(cold.tokens, expected);
  EXPECT_EQ(cold.timings.n_cached, 0);
  const Answer warm = ask(*engine, greedy(prompt, 20));
  EXPECT_EQ(warm.tokens, expected);
  EXPECT_EQ(warm.timings.n_cached, 100);

  // The next turn of a chat finds the answer too, but for its last token, which
  // was never computed.
  std::vector<std::int32_t> turn = prompt;
  turn.insert(turn.end(), expected.begin(), expected.end());
  turn.insert(turn.end(), {5, 6, 7});
  const Answer next = ask(*engine, greedy(turn, 10));
  EXPECT_EQ(next.tokens, expected_tokens(turn, 10));
  EXPECT_EQ(next.timings.n_cached, 120);

  EXPECT_EQ(engine->stats().prefix_queries, 101U + 101 + 124);
  EXPECT_EQ(engine->stats().prefix_hits, 100U + 120);
  EXPECT_EQ(engine->stats().n_pages_used, 0);
  EXPECT_GT(engine->stats().n_cached_pages, 25);
}

TEST_F(PrefixCacheTest, WhoDoesNotWantItOrIsAnotherFindsNothing) {
  const auto engine = start(in_memory());
  const std::vector<std::int32_t> prompt = make_prompt(1, 60);
  ask(*engine, greedy(prompt, 1));
  GenerationRequest other = greedy(prompt, 5);
  other.tenant = 1;
  EXPECT_EQ(ask(*engine, std::move(other)).timings.n_cached, 0);
  GenerationRequest unwilling = greedy(prompt, 5);
  unwilling.use_prefix_cache = false;
  EXPECT_EQ(ask(*engine, std::move(unwilling)).timings.n_cached, 0);
  GenerationRequest watched = greedy(prompt, 0);
  watched.wants_embedding = true;
  EXPECT_EQ(ask(*engine, std::move(watched)).timings.n_cached, 0);
  EXPECT_EQ(ask(*engine, greedy(prompt, 5)).timings.n_cached, 56);

  EngineOptions options = in_memory();
  options.prefix_cache = false;
  const auto without = start(options);
  ask(*without, greedy(prompt, 1));
  EXPECT_EQ(ask(*without, greedy(prompt, 1)).timings.n_cached, 0);
}

TEST_F(PrefixCacheTest, ManyChoicesComputeTheirPromptOnce) {
  const auto engine = start(in_memory());
  const std::vector<std::int32_t> prompt = make_prompt(1, 62);
  std::vector<Stream> streams;
  for (int i = 0; i < 8; ++i) streams.push_back(*engine->submit(greedy(prompt, 10)));
  for (Stream& stream : streams) EXPECT_EQ(read_all(stream).tokens, expected_tokens(prompt, 10));
  EXPECT_EQ(engine->stats().prefix_hits, 7U * 60);
}

TEST_F(PrefixCacheTest, SurvivesARestart) {
  const std::vector<std::int32_t> prompt = make_prompt(1, 201);
  const std::vector<std::int32_t> expected = expected_tokens(prompt, 10);
  {
    const auto engine = start(on_disk());
    EXPECT_EQ(ask(*engine, greedy(prompt, 10)).tokens, expected);
    wait_for_pages(52);
  }
  const auto engine = start(on_disk());
  std::vector<Stream> streams;
  for (int i = 0; i < 3; ++i) streams.push_back(*engine->submit(greedy(prompt, 10)));
  auto other = engine->submit(greedy(make_prompt(2, 30), 30));
  for (Stream& stream : streams) {
    const Answer answer = read_all(stream);
    EXPECT_EQ(answer.tokens, expected);
    EXPECT_EQ(answer.timings.n_cached, 200);
  }
  EXPECT_EQ(read_all(*other).tokens, expected_tokens(make_prompt(2, 30), 30));
  EXPECT_EQ(engine->stats().n_pages_loaded, 50U);
  EXPECT_EQ(engine->stats().n_spill_errors, 0U);
  EXPECT_EQ(engine->stats().n_pages_used, 0);

  GenerationRequest foreign = greedy(prompt, 10);
  foreign.tenant = 5;
  EXPECT_EQ(ask(*engine, std::move(foreign)).timings.n_cached, 0);
}

TEST_F(PrefixCacheTest, PagesOfAnotherModelAreNotUsed) {
  const std::vector<std::int32_t> prompt = make_prompt(1, 101);
  {
    const auto engine = start(on_disk());
    ask(*engine, greedy(prompt, 1));
    wait_for_pages(25);
  }
  EngineOptions options = on_disk();
  options.fingerprint = "other";
  const auto engine = start(options);
  EXPECT_EQ(ask(*engine, greedy(prompt, 1)).timings.n_cached, 0);
}

// Any page may be broken in any way: what comes before it is used, it and what follows
// is computed anew, and written anew.
TEST_F(PrefixCacheTest, BrokenPagesAreComputedAnew) {
  const std::vector<std::int32_t> prompt = make_prompt(1, 101);
  const std::vector<std::int32_t> expected = expected_tokens(prompt, 10);
  for (int round = 0; round < 8; ++round) {
    {
      const auto engine = start(on_disk());
      EXPECT_EQ(ask(*engine, greedy(prompt, 10)).tokens, expected);
      wait_for_pages(27);
    }
    const auto files = folder_.pages("pages");
    const auto& victim = files[static_cast<std::size_t>(round) * 3];
    if (round % 3 == 0) {
      std::filesystem::remove(victim);
    } else if (round % 3 == 1) {
      std::filesystem::resize_file(victim, 20);
    } else {
      std::fstream file(victim, std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(-3, std::ios::end);
      file.put('!');
    }
    const auto engine = start(on_disk());
    const Answer answer = ask(*engine, greedy(prompt, 10));
    EXPECT_EQ(answer.tokens, expected);
    EXPECT_LE(answer.timings.n_cached, 100);
    EXPECT_EQ(answer.timings.n_cached % 4, 0);
  }
}

// Everything at once, and short of pages: loads that are cancelled, whose sequences become
// victims, of prompts that share beginnings.
TEST_F(PrefixCacheTest, LoadsUnderPressure) {
  EngineOptions options = on_disk();
  options.spill_max_bytes = 40'000;  // pages come and go on disk too
  options.kv_tokens = 320;
  for (int round = 0; round < 3; ++round) {
    const auto engine = start(options);
    std::vector<std::thread> threads;
    for (std::uint64_t t = 0; t < 6; ++t) {
      threads.emplace_back([&, t] {
        for (std::uint64_t i = 0; i < 12; ++i) {
          std::vector<std::int32_t> prompt = make_prompt(t % 2, 40 + 20 * (i % 5));
          const auto tail = make_prompt(100 + t * 20 + i, i % 7);
          prompt.insert(prompt.end(), tail.begin(), tail.end());
          GenerationRequest request = greedy(prompt, 12);
          request.tenant = t % 3;
          auto stream = engine->submit(std::move(request));
          ASSERT_TRUE(stream);
          if (i % 5 == 4) continue;  // dropped
          EXPECT_EQ(read_all(*stream).tokens, expected_tokens(prompt, 12));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    while (engine->stats().n_running + engine->stats().n_waiting > 0) std::this_thread::yield();
    EXPECT_EQ(engine->stats().n_pages_used, 0);
    EXPECT_LE(engine->stats().spill_bytes, 40'000U);
  }
}

TEST_F(PrefixCacheTest, FolderThatCannotBeUsedIsAnError) {
  EngineOptions options = on_disk();
  options.spill_path = folder_.file("no/such/folder");
  const auto engine = Engine::start(std::make_unique<FakeModel>(512, 64), device_, options);
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, ErrorCode::kIo);
}

}  // namespace
}  // namespace ondol::engine
