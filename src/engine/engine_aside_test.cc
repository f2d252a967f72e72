// Deep prompts that are computed between the steps of answers: a model that is slow with
// more than one token makes each prompt such a one.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "engine/testing/engine_fixture.h"

namespace ondol::engine {
namespace {

constexpr std::int64_t kLayers = 4;
constexpr std::size_t kLong = 270;  // tokens; a prompt that is not short
constexpr std::int64_t kAnswer = 300;

class EngineAsideTest : public EngineTest {
 protected:
  std::unique_ptr<Engine> start_slow(std::int64_t kv_tokens) {
    EngineOptions options = small();
    options.max_context = 400;
    options.kv_tokens = kv_tokens;
    auto model = std::make_unique<FakeModel>(512, options.max_batch_tokens);
    model->set_layers(kLayers, [](std::int64_t n_tokens) {
      std::this_thread::sleep_for(std::chrono::microseconds(n_tokens == 1 ? 400 : 2000 * n_tokens));
    });
    model_ = model.get();
    auto engine = Engine::start(std::move(model), device_, options);
    EXPECT_TRUE(engine) << engine.error().message();
    return std::move(*engine);
  }

  // An answer, and a long prompt beside it.
  void submit(Engine& engine) {
    GenerationRequest requests[] = {make_request(1, 8, kAnswer), make_request(2, kLong, 10)};
    for (const GenerationRequest& request : requests) expected_.push_back(expected_tokens(request));
    for (GenerationRequest& request : requests) {
      streams_.push_back(*engine.submit(std::move(request)));
    }
  }
  void wait_until_aside() const {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (model_->n_within() == 0 && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
    }
    ASSERT_GT(model_->n_within(), 0);
  }

  FakeModel* model_ = nullptr;  // the engine's
  std::vector<Stream> streams_;
  std::vector<std::vector<std::int32_t>> expected_;
};

TEST_F(EngineAsideTest, SaysTheSame) {
  const auto engine = start_slow(2048);
  submit(*engine);
  for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(read_all(streams_[i]).tokens, expected_[i]) << i;
  EXPECT_GT(model_->n_within(), 10);
  expect_idle(*engine);
}

// Answers grow into the pages of the prompt that is half computed.
TEST_F(EngineAsideTest, LosesItsPages) {
  const auto engine = start_slow(400);
  submit(*engine);
  for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(read_all(streams_[i]).tokens, expected_[i]) << i;
  EXPECT_GT(model_->n_within(), 0);
  EXPECT_GT(engine->stats().n_preemptions, 0U);
  expect_idle(*engine);
}

TEST_F(EngineAsideTest, CancelGivesItUp) {
  const auto engine = start_slow(2048);
  submit(*engine);
  wait_until_aside();
  streams_[1].cancel();
  const Answer cancelled = read_all(streams_[1]);
  EXPECT_EQ(cancelled.finish.reason, FinishReason::kCancelled);
  EXPECT_TRUE(cancelled.tokens.empty());
  EXPECT_EQ(read_all(streams_[0]).tokens, expected_[0]);
  expect_idle(*engine);
}

TEST_F(EngineAsideTest, StopEndsAll) {
  auto engine = start_slow(2048);
  submit(*engine);
  wait_until_aside();
  engine.reset();
  for (Stream& stream : streams_) {
    EXPECT_EQ(read_all(stream).finish.reason, FinishReason::kCancelled);
  }
}

}  // namespace
}  // namespace ondol::engine
