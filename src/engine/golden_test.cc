// The engine with real tiny models on the reference device: a request says the
// same alone, in company, and when it is preempted and computed anew.
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "engine/random.h"
#include "engine/testing/temp_folder.h"

namespace ondol::engine {
namespace {

constexpr std::int64_t kPrompt = 12;
constexpr std::int64_t kNew = 24;
constexpr std::uint64_t kRequests = 16;

// Computes nothing until told to, so that all requests are in line before the
// first step and company is certain.
class HeldModel : public model::Model {
 public:
  HeldModel(std::unique_ptr<model::Model> model, std::shared_future<void> go)
      : model_(std::move(model)), go_(std::move(go)) {}
  const model::ModelInfo& info() const override { return model_->info(); }
  std::span<const float> forward(const model::Batch& batch, device::KvCache& cache) override {
    go_.wait();
    return model_->forward(batch, cache);
  }
  std::span<const float> logits_of(std::span<const std::int32_t> rows) override {
    return model_->logits_of(rows);
  }
  std::span<const float> hidden_of(std::span<const std::int32_t> rows) override {
    return model_->hidden_of(rows);
  }
  std::int64_t max_batch_tokens() const override { return model_->max_batch_tokens(); }
  model::WeightCounts weight_counts() const override { return model_->weight_counts(); }
  std::uint64_t weight_bytes() const override { return model_->weight_bytes(); }
  std::uint64_t workspace_bytes() const override { return model_->workspace_bytes(); }

 private:
  std::unique_ptr<model::Model> model_;
  std::shared_future<void> go_;
};

std::unique_ptr<Engine> start(const std::string& name, device::Device& device,
                              std::int64_t kv_tokens, std::shared_future<void> go,
                              const std::string& spill_path = {}) {
  auto file = format::ModelFile::open("tests/golden/models/" + name);
  EXPECT_TRUE(file) << file.error().message();
  model::LoadOptions load;
  load.max_batch_tokens = 32;
  auto model = model::load(*file, device, load);
  EXPECT_TRUE(model) << model.error().message();
  EngineOptions options;
  options.max_context = kPrompt + kNew;
  options.kv_tokens = kv_tokens;
  options.page_tokens = 4;
  options.max_batch_tokens = 32;
  options.kv_dtype = DType::kF32;
  options.prefix_cache = !spill_path.empty();
  options.spill_path = spill_path;
  options.spill_max_bytes = 100 << 20;
  options.fingerprint = name;
  auto held = std::make_unique<HeldModel>(std::move(*model), std::move(go));
  auto engine = Engine::start(std::move(held), device, options);
  EXPECT_TRUE(engine) << engine.error().message();
  return std::move(*engine);
}

GenerationRequest make_request(std::uint64_t seed, std::int64_t n_vocab) {
  GenerationRequest request;
  for (std::uint64_t i = 0; i < kPrompt; ++i) {
    const std::uint64_t token = random_u64(seed, i) % static_cast<std::uint64_t>(n_vocab);
    request.prompt.push_back(static_cast<std::int32_t>(token));
  }
  request.max_tokens = kNew;
  request.sampling.seed = seed;
  request.sampling.temperature = seed % 4 == 0 ? 0.0F : 0.8F;
  request.sampling.top_k = seed % 2 == 0 ? 40 : 0;
  return request;
}

std::vector<std::int32_t> read_tokens(Stream& stream) {
  std::vector<std::int32_t> tokens;
  while (const std::optional<Event> event = stream.next()) {
    if (event->kind == Event::Kind::kToken) tokens.push_back(event->token);
  }
  EXPECT_EQ(tokens.size(), static_cast<std::size_t>(kNew));
  return tokens;
}

class EngineGoldenTest : public testing::TestWithParam<const char*> {};

TEST_P(EngineGoldenTest, CompanyAndPreemptionChangeNothing) {
  device::DeviceOptions device_options;
  device_options.name = "reference";
  auto device = device::make_device(device_options);
  ASSERT_TRUE(device) << device.error().message();

  std::vector<std::vector<std::int32_t>> alone;
  {
    std::promise<void> go;
    go.set_value();
    const auto engine = start(GetParam(), **device, 0, go.get_future().share());
    for (std::uint64_t seed = 0; seed < kRequests; ++seed) {
      auto stream = engine->submit(make_request(seed, engine->model_info().n_vocab));
      alone.push_back(read_tokens(*stream));
    }
    EXPECT_NE(alone[1], alone[3]);
  }
  for (const std::int64_t n_places : {std::int64_t{16}, std::int64_t{5}}) {
    std::promise<void> go;
    const auto engine =
        start(GetParam(), **device, n_places * (kPrompt + kNew), go.get_future().share());
    std::vector<Stream> streams;
    for (std::uint64_t seed = 0; seed < kRequests; ++seed) {
      streams.push_back(*engine->submit(make_request(seed, engine->model_info().n_vocab)));
    }
    go.set_value();
    for (std::uint64_t seed = 0; seed < kRequests; ++seed) {
      EXPECT_EQ(read_tokens(streams[seed]), alone[seed]) << seed << " with " << n_places;
    }
    EXPECT_EQ(engine->stats().n_preemptions > 0, n_places < 16);
    EXPECT_EQ(engine->stats().n_pages_used, 0);
  }
}

// With pages from memory and from disk a request says, bit for bit, what it says without.
TEST_P(EngineGoldenTest, CachedPagesChangeNothing) {
  for (const char* device_name : {"reference", "cpu"}) {
    device::DeviceOptions device_options;
    device_options.name = device_name;
    device_options.n_threads = 2;
    auto device = device::make_device(device_options);
    ASSERT_TRUE(device) << device.error().message();
    std::promise<void> go;
    go.set_value();
    const std::shared_future<void> gone = go.get_future().share();
    // Beginnings that some share, cut at every place of a page.
    const auto request = [](std::uint64_t seed, std::int64_t n_vocab) {
      GenerationRequest out = make_request(seed % 3, n_vocab);
      const auto tail = make_request(100 + seed, n_vocab).prompt;
      out.prompt.resize(static_cast<std::size_t>(kPrompt - static_cast<std::int64_t>(seed % 6)));
      for (std::size_t i = out.prompt.size(); i < tail.size(); ++i) out.prompt.push_back(tail[i]);
      out.n_top_logprobs = 0;
      return out;
    };
    const auto run = [&](Engine& engine, std::vector<std::vector<float>>& logprobs) {
      std::vector<Stream> streams;
      std::int64_t n_cached = 0;
      for (std::uint64_t seed = 0; seed < kRequests; ++seed) {
        streams.push_back(*engine.submit(request(seed, engine.model_info().n_vocab)));
      }
      for (Stream& stream : streams) {
        logprobs.emplace_back();
        while (const std::optional<Event> event = stream.next()) {
          logprobs.back().push_back(static_cast<float>(event->token));
          logprobs.back().push_back(event->logprob);
          if (event->kind == Event::Kind::kFinish) n_cached += event->timings.n_cached;
        }
      }
      return n_cached;
    };
    std::vector<std::vector<float>> cold;
    const auto plain = start(GetParam(), **device, 0, gone);
    EXPECT_EQ(run(*plain, cold), 0);

    const TempFolder folder;
    for (int life = 0; life < 2; ++life) {
      const auto engine = start(GetParam(), **device, 300, gone, folder.file("pages"));
      for (int round = 0; round < 2; ++round) {
        std::vector<std::vector<float>> warm;
        EXPECT_GT(run(*engine, warm), 0);
        EXPECT_EQ(warm, cold) << device_name << ", life " << life << ", round " << round;
      }
      EXPECT_EQ(engine->stats().n_spill_errors, 0U);
      if (life > 0) {
        EXPECT_GT(engine->stats().n_pages_loaded, 0U);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Families, EngineGoldenTest,
                         testing::Values("llama_grouped_untied_llama3", "qwen3_tied", "gemma3"));

}  // namespace
}  // namespace ondol::engine
