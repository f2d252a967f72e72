// Speculation never changes what is said: requests with and without, on a fake model
// that proves the bookkeeping and on real tiny models whose rows must not depend on
// their company.
#include <gtest/gtest.h>

#include <atomic>
#include <limits>
#include <string>
#include <thread>
#include <tuple>

#include "engine/engine.h"
#include "engine/testing/repeating_model.h"

namespace ondol::engine {
namespace {

// Forbids what a counter over the tokens so far says: right only if each token was
// accepted once, in order.
class CountingMask : public TokenMask {
 public:
  void apply(std::span<float> logits) override {
    for (std::size_t i = 0; i < logits.size(); ++i) {
      if ((i + sum_) % 4 == 0) logits[i] = -std::numeric_limits<float>::infinity();
    }
  }
  void accept(std::int32_t token) override {
    sum_ = sum_ * 31 + static_cast<std::size_t>(token) + 1;
  }

 private:
  std::size_t sum_ = 0;
};

GenerationRequest make_request(std::uint64_t seed, std::size_t n_prompt, std::int64_t max_tokens) {
  GenerationRequest request;
  for (std::uint64_t i = 0; i < n_prompt; ++i) {
    request.prompt.push_back(static_cast<std::int32_t>(random_u64(seed, i) % kFakePoison));
  }
  request.max_tokens = max_tokens;
  request.sampling.seed = seed;
  request.sampling.temperature = seed % 3 == 0 ? 0.0F : 0.9F;
  request.sampling.top_p = seed % 2 == 0 ? 0.95F : 1.0F;
  request.sampling.repetition_penalty = seed % 5 == 0 ? 1.1F : 1.0F;
  request.sampling.frequency_penalty = seed % 7 == 0 ? 0.05F : 0.0F;
  request.sampling.logit_bias = {{kFakePoison, -100.0F}};
  request.n_top_logprobs = seed % 4 == 0 ? 2 : -1;
  request.priority = static_cast<std::int32_t>(seed % 2);
  if (seed % 4 == 1) request.mask = std::make_unique<CountingMask>();
  return request;
}

struct Answer {
  std::vector<std::int32_t> tokens;
  std::vector<float> logprobs;
  std::vector<std::int32_t> top;
  FinishReason reason = FinishReason::kError;
  Timings timings;
};

// All but the n_taken tokens before.
Answer read_all(Stream& stream, std::int64_t n_taken = 0) {
  Answer answer;
  while (const std::optional<Event> event = stream.next()) {
    if (event->kind == Event::Kind::kFinish) {
      answer.reason = event->reason;
      answer.timings = event->timings;
      continue;
    }
    answer.tokens.push_back(event->token);
    answer.logprobs.push_back(event->logprob);
    for (const TokenLogprob& t : event->top) answer.top.push_back(t.token);
  }
  EXPECT_LE(answer.timings.n_draft_accepted, answer.timings.n_draft);
  EXPECT_EQ(answer.timings.n_decoded, n_taken + std::ssize(answer.tokens));
  return answer;
}

void expect_equal(const Answer& a, const Answer& b) {
  EXPECT_EQ(a.tokens, b.tokens);
  EXPECT_EQ(a.logprobs, b.logprobs);
  EXPECT_EQ(a.top, b.top);
  EXPECT_EQ(a.reason, b.reason);
}

class SpeculationTest : public testing::Test {
 protected:
  static constexpr float kPull = 7;

  static EngineOptions options(Speculation speculation) {
    EngineOptions options;
    options.max_context = 128;
    options.kv_tokens = 16 * 128;
    options.page_tokens = 4;
    options.max_batch_tokens = 64;
    options.speculation = speculation;
    return options;
  }
  std::unique_ptr<Engine> start(const EngineOptions& options, float draft_pull = 0) {
    n_steps_ = 0;
    auto model = std::make_unique<RepeatingModel>(kPull, 512, options.max_batch_tokens, [this] {
      ++n_steps_;
      if (before_step_) before_step_();
    });
    std::unique_ptr<model::Model> draft;
    if (draft_pull > 0) draft = std::make_unique<RepeatingModel>(draft_pull, 100, 64);
    auto engine = Engine::start(std::move(model), device_, options, std::move(draft));
    EXPECT_TRUE(engine) << engine.error().message();
    return std::move(*engine);
  }
  static Answer ask(Engine& engine, GenerationRequest request) {
    auto stream = engine.submit(std::move(request));
    EXPECT_TRUE(stream) << stream.error().message();
    return read_all(*stream);
  }

  FakeDevice device_;
  std::function<void()> before_step_;
  std::atomic<int> n_steps_ = 0;
};

// Alone, among sixteen, and among sixteen short of pages; with the text alone to guess
// from, with a draft model that is good and one that is bad.
TEST_F(SpeculationTest, TokensAreThoseWithoutIt) {
  constexpr std::uint64_t kRequests = 24;
  std::vector<Answer> expected;
  {
    const auto engine = start(options(Speculation::kOff));
    for (std::uint64_t seed = 0; seed < kRequests; ++seed) {
      expected.push_back(ask(*engine, make_request(seed, 1 + 2 * seed, 60)));
      EXPECT_EQ(expected.back().timings.n_draft, 0);
    }
  }
  for (const auto mode : {Speculation::kAlways, Speculation::kWhenItPays}) {
    for (const float draft_pull : {0.0F, 20.0F, 0.1F}) {
      for (const std::int64_t kv_tokens : {0, 132, 200, 16 * 128}) {
        SCOPED_TRACE(std::to_string(static_cast<int>(mode)) + " " + std::to_string(draft_pull) +
                     " " + std::to_string(kv_tokens));
        EngineOptions with = options(mode);
        const bool is_alone = kv_tokens == 0;
        if (!is_alone) with.kv_tokens = kv_tokens;
        const auto engine = start(with, draft_pull);
        std::vector<Stream> streams;
        std::int64_t n_accepted = 0;
        for (std::uint64_t seed = 0; seed < kRequests; ++seed) {
          streams.push_back(*engine->submit(make_request(seed, 1 + 2 * seed, 60)));
          if (!is_alone) continue;
          const Answer answer = read_all(streams.back());
          expect_equal(answer, expected[seed]);
          n_accepted += answer.timings.n_draft_accepted;
        }
        for (std::uint64_t seed = 0; seed < kRequests && !is_alone; ++seed) {
          const Answer answer = read_all(streams[seed]);
          expect_equal(answer, expected[seed]);
          n_accepted += answer.timings.n_draft_accepted;
        }
        EXPECT_GT(n_accepted, mode == Speculation::kAlways ? 24 : -1);
        EXPECT_EQ(engine->stats().n_pages_used, 0);
        EXPECT_EQ(engine->stats().n_running + engine->stats().n_waiting, 0);
      }
    }
  }
}

TEST_F(SpeculationTest, TakesFewerSteps) {
  GenerationRequest request = make_request(3, 30, 60);  // greedy
  request.sampling = {};
  request.sampling.temperature = 0;
  const auto copy = [&] {
    GenerationRequest same;
    same.prompt = request.prompt;
    same.sampling = request.sampling;
    same.max_tokens = request.max_tokens;
    return same;
  };
  auto engine = start(options(Speculation::kOff));
  const Answer plain = ask(*engine, copy());
  EXPECT_EQ(n_steps_, 60);
  for (const float draft_pull : {0.0F, 20.0F}) {
    engine = start(options(Speculation::kAlways), draft_pull);
    const Answer answer = ask(*engine, copy());
    expect_equal(answer, plain);
    EXPECT_LT(n_steps_, 40) << draft_pull;
    EXPECT_EQ(n_steps_ + answer.timings.n_draft_accepted, 60);
  }
  n_steps_ = 0;
  GenerationRequest without = copy();
  without.speculate = false;
  const Answer answer = ask(*engine, std::move(without));
  expect_equal(answer, plain);
  EXPECT_EQ(n_steps_, 60);
  EXPECT_EQ(answer.timings.n_draft, 0);
}

// Each token of the answer as the end: guesses stop before it, or are not said beyond.
TEST_F(SpeculationTest, EndsInsideGuesses) {
  for (const std::uint64_t seed : {0, 2, 3}) {
    std::vector<std::int32_t> said;
    {
      const auto engine = start(options(Speculation::kOff));
      said = ask(*engine, make_request(seed, 30, 60)).tokens;
    }
    const auto off = start(options(Speculation::kOff));
    for (const float draft_pull : {0.0F, 20.0F}) {
      const auto on = start(options(Speculation::kAlways), draft_pull);
      for (std::size_t i = 0; i < said.size(); i += 3) {
        GenerationRequest a = make_request(seed, 30, 60);
        a.stop_tokens = {said[i], 96};
        GenerationRequest b = make_request(seed, 30, 60);
        b.stop_tokens = a.stop_tokens;
        const Answer expected = ask(*off, std::move(a));
        EXPECT_EQ(expected.reason, FinishReason::kStop);
        expect_equal(ask(*on, std::move(b)), expected);
        const auto n = static_cast<std::int64_t>(i);
        expect_equal(ask(*on, make_request(seed, 30, n)), ask(*off, make_request(seed, 30, n)));
      }
      // The context's end.
      for (std::size_t n_prompt = 110; n_prompt < 128; ++n_prompt) {
        const Answer answer = ask(*on, make_request(seed, n_prompt, 1000));
        expect_equal(answer, ask(*off, make_request(seed, n_prompt, 1000)));
        EXPECT_EQ(answer.tokens.size(), 128 - n_prompt);
        EXPECT_EQ(answer.reason, FinishReason::kLength);
      }
      EXPECT_EQ(on->stats().n_pages_used, 0);
    }
  }
}

// One token a sequence is all that a step takes: no room for guesses. With a little
// room some are made. The fake model counts.
TEST_F(SpeculationTest, KeepsToTheBudgetOfAStep) {
  for (const std::int64_t budget : {4, 5, 7}) {
    EngineOptions with = options(Speculation::kAlways);
    with.max_sequences = 4;
    with.max_batch_tokens = budget;
    const auto on = start(with, 20);
    std::vector<Stream> streams;
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
      streams.push_back(*on->submit(make_request(seed, 10, 40)));
    }
    std::vector<Answer> answers;
    for (Stream& stream : streams) answers.push_back(read_all(stream));
    with.speculation = Speculation::kOff;
    const auto off = start(with);
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
      expect_equal(answers[seed], ask(*off, make_request(seed, 10, 40)));
    }
  }
}

TEST_F(SpeculationTest, BrokenLogitsOfWrongGuessesDoNotMatter) {
  // The prompt says that the poison follows 3; the model says 4, mostly.
  GenerationRequest request;
  request.prompt = {3, kFakePoison, 5, 3, kFakePoison, 5, 2};
  request.max_tokens = 60;
  request.sampling.temperature = 0;
  request.sampling.logit_bias = {{kFakePoison, -100.0F}};
  const auto engine = start(options(Speculation::kAlways));
  const Answer answer = ask(*engine, std::move(request));
  EXPECT_EQ(answer.reason, FinishReason::kLength);
  EXPECT_EQ(answer.tokens.size(), 60U);
}

TEST_F(SpeculationTest, CancelledAndDroppedRequestsLeaveNothing) {
  const auto engine = start(options(Speculation::kAlways), 20);
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    auto stream = *engine->submit(make_request(seed, 20, 100));
    if (seed % 2 == 0) continue;  // dropped
    const bool takes_one = seed % 3 == 0 && stream.next().has_value();
    stream.cancel();
    read_all(stream, takes_one ? 1 : 0);
  }
  ask(*engine, make_request(1, 5, 5));
  while (engine->stats().n_running + engine->stats().n_waiting > 0) std::this_thread::yield();
  EXPECT_EQ(engine->stats().n_pages_used, 0);
}

TEST_F(SpeculationTest, ADraftModelOfAnotherVocabularyIsRefused) {
  class Wider : public FakeModel {
   public:
    Wider() : FakeModel(512, 64) { info_.n_vocab = 1000; }
    const model::ModelInfo& info() const override { return info_; }

   private:
    model::ModelInfo info_ = FakeModel(512, 64).info();
  };
  auto engine = Engine::start(std::make_unique<FakeModel>(512, 64), device_,
                              options(Speculation::kWhenItPays), std::make_unique<Wider>());
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().value, "1000");
  EXPECT_EQ(engine.error().limit, std::to_string(kFakeVocab));
}

// Real models: a row of logits has to be the same to the last bit among other rows.
// The model is its own draft, so that greedy guesses are right and many rows stand together.
class SpeculationModelTest : public testing::TestWithParam<std::tuple<const char*, const char*>> {};

std::vector<Answer> answers_of(const std::string& name, device::Device& device,
                               Speculation speculation, bool has_draft) {
  auto file = format::ModelFile::open("tests/golden/models/" + name);
  EXPECT_TRUE(file) << file.error().message();
  model::LoadOptions load;
  load.max_batch_tokens = 64;
  auto model = model::load(*file, device, load);
  EXPECT_TRUE(model) << model.error().message();
  std::unique_ptr<model::Model> draft;
  if (has_draft) draft = *model::load(*file, device, load);
  EngineOptions options;
  options.max_context = 60;
  options.kv_tokens = 4 * 60;
  options.page_tokens = 4;
  options.max_sequences = 4;
  options.max_batch_tokens = 64;
  options.speculation = speculation;
  auto engine = Engine::start(std::move(*model), device, options, std::move(draft));
  EXPECT_TRUE(engine) << engine.error().message();
  std::vector<Stream> streams;
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    GenerationRequest request = make_request(seed, 12, 40);
    request.mask = nullptr;
    request.sampling.logit_bias.clear();
    request.n_top_logprobs = 1;  // compared bit by bit
    streams.push_back(*(*engine)->submit(std::move(request)));
  }
  std::vector<Answer> answers;
  for (Stream& stream : streams) answers.push_back(read_all(stream));
  return answers;
}

TEST_P(SpeculationModelTest, TokensAndLogprobsAreThoseWithoutIt) {
  const auto& [name, device_name] = GetParam();
  auto device = device::make_device({device_name});
  ASSERT_TRUE(device) << device.error().message();
  const auto expected = answers_of(name, **device, Speculation::kOff, false);
  for (const bool has_draft : {false, true}) {
    const auto answers = answers_of(name, **device, Speculation::kAlways, has_draft);
    std::int64_t n_accepted = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      expect_equal(answers[i], expected[i]);
      n_accepted += answers[i].timings.n_draft_accepted;
    }
    EXPECT_GT(n_accepted, has_draft ? 40 : -1);
  }
}

INSTANTIATE_TEST_SUITE_P(Families, SpeculationModelTest,
                         testing::Combine(testing::Values("llama_grouped_untied_llama3",
                                                          "qwen3_tied", "gemma3"),
                                          testing::Values("reference", "cpu")),
                         [](const auto& test) {
                           return std::string(std::get<0>(test.param)) + "_" +
                                  std::get<1>(test.param);
                         });

}  // namespace
}  // namespace ondol::engine
