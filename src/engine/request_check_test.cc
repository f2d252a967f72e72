#include "engine/request_check.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "engine/testing/fake_model.h"

namespace ondol::engine {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr std::int64_t kHuge = std::numeric_limits<std::int64_t>::max();

GenerationRequest good() {
  GenerationRequest request;
  request.prompt = {0, kFakeVocab - 1};
  return request;
}

void expect_refused(const char* field, const std::function<void(GenerationRequest&)>& set,
                    ErrorCode code = ErrorCode::kInvalidArgument) {
  GenerationRequest request = good();
  set(request);
  const auto checked = check_request(request, kFakeVocab, 100);
  ASSERT_FALSE(checked) << field;
  EXPECT_EQ(checked.error().code, code) << field;
  EXPECT_EQ(checked.error().field, field);
  EXPECT_FALSE(checked.error().value.empty()) << field;
  EXPECT_FALSE(checked.error().limit.empty()) << field;
}

TEST(CheckRequest, FloatsOutsideTheirRanges) {
  struct Row {
    const char* field;
    float SamplingParams::* member;
    std::vector<float> allowed;
    std::vector<float> refused;
  };
  const float above_1 = std::nextafter(1.0F, 2.0F);
  const std::vector<Row> rows = {
      {"temperature", &SamplingParams::temperature, {0, 100}, {-1e-9F, 100.1F}},
      {"top_p", &SamplingParams::top_p, {1e-9F, 1}, {0, -1, above_1}},
      {"min_p", &SamplingParams::min_p, {0, 0.999F}, {-1e-9F, 1}},
      {"typical_p", &SamplingParams::typical_p, {1e-9F, 1}, {0, -1, above_1}},
      {"repetition_penalty", &SamplingParams::repetition_penalty, {1e-9F, 100}, {0, -1, 101}},
      {"frequency_penalty", &SamplingParams::frequency_penalty, {-2, 2}, {-2.1F, 2.1F}},
      {"presence_penalty", &SamplingParams::presence_penalty, {-2, 2}, {-2.1F, 2.1F}},
  };
  for (const Row& row : rows) {
    for (const float value : row.allowed) {
      GenerationRequest request = good();
      request.sampling.*row.member = value;
      EXPECT_TRUE(check_request(request, kFakeVocab, 100)) << row.field << " " << value;
    }
    std::vector<float> refused = row.refused;
    refused.insert(refused.end(), {kNan, kInf, -kInf});
    for (const float value : refused) {
      expect_refused(row.field, [&](GenerationRequest& r) { r.sampling.*row.member = value; });
    }
  }
}

TEST(CheckRequest, CountsAndIds) {
  const auto bias = [](std::int32_t token, float value) {
    return [=](GenerationRequest& r) { r.sampling.logit_bias = {{token, value}}; };
  };
  EXPECT_TRUE(check_request(good(), kFakeVocab, 3));
  expect_refused("prompt", [](GenerationRequest& r) { r.prompt.clear(); });
  expect_refused("prompt", [](GenerationRequest& r) { r.prompt[1] = -1; });
  expect_refused("prompt", [](GenerationRequest& r) { r.prompt[1] = kFakeVocab; });
  expect_refused("prompt", [](GenerationRequest& r) { r.prompt.resize(100); }, ErrorCode::kLimit);
  expect_refused("max_tokens", [](GenerationRequest& r) { r.max_tokens = -1; });
  expect_refused("stop_tokens", [](GenerationRequest& r) { r.stop_tokens = {1, kFakeVocab}; });
  expect_refused("stop_tokens", [](GenerationRequest& r) { r.stop_tokens.resize(1000); });
  expect_refused("n_top_logprobs", [](GenerationRequest& r) { r.n_top_logprobs = -2; });
  expect_refused("n_top_logprobs", [](GenerationRequest& r) { r.n_top_logprobs = 1025; });
  expect_refused("top_k", [](GenerationRequest& r) { r.sampling.top_k = -1; });
  expect_refused("penalty_window", [](GenerationRequest& r) { r.sampling.penalty_window = -1; });
  expect_refused("logit_bias", [](GenerationRequest& r) { r.sampling.logit_bias.resize(1000); });
  expect_refused("logit_bias", bias(-1, 0));
  expect_refused("logit_bias", bias(kFakeVocab, 0));
  expect_refused("logit_bias", bias(0, 100.1F));
  expect_refused("logit_bias", bias(0, kNan));
}

TEST(CheckRequest, TooLongNamesBothCounts) {
  GenerationRequest request = good();
  request.prompt.resize(100);
  const Error error = check_request(request, kFakeVocab, 100).error();
  EXPECT_EQ(error.value, "101");
  EXPECT_EQ(error.limit, "100");
}

const FakeModel kFake(512, 512);

TEST(CompleteOptions, FillsInDefaults) {
  EngineOptions options;
  auto complete = complete_options(options, kFake);
  ASSERT_TRUE(complete);
  EXPECT_EQ(complete->max_context, 512);
  EXPECT_EQ(complete->kv_tokens, 512);
  options.kv_tokens = 100;
  complete = complete_options(options, kFake);
  ASSERT_TRUE(complete);
  EXPECT_EQ(complete->max_context, 100);
  EXPECT_EQ(complete->kv_tokens, 128);  // whole pages
}

TEST(CompleteOptions, RefusesWhatCannotRun) {
  const auto refused = [](const char* field, auto&& set) {
    EngineOptions options;
    set(options);
    const auto complete = complete_options(options, kFake);
    ASSERT_FALSE(complete) << field;
    EXPECT_EQ(complete.error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(complete.error().field, field);
  };
  for (const std::int64_t value : {std::int64_t{-1}, std::int64_t{1}, std::int64_t{513}, kHuge}) {
    refused("max_context", [=](EngineOptions& o) { o.max_context = value; });
  }
  for (const std::int64_t value : {std::int64_t{-1}, std::int64_t{1} << 31, kHuge}) {
    refused("kv_tokens", [=](EngineOptions& o) { o.kv_tokens = value; });
  }
  refused("kv_tokens", [](EngineOptions& o) { o.max_context = 300, o.kv_tokens = 200; });
  refused("kv_tokens", [](EngineOptions& o) { o.kv_tokens = INT32_MAX; });  // rounds up past it
  for (const std::int64_t value : {std::int64_t{-1}, std::int64_t{0}, kHuge}) {
    refused("page_tokens", [=](EngineOptions& o) { o.page_tokens = value; });
    refused("max_sequences", [=](EngineOptions& o) { o.max_sequences = value; });
    refused("max_waiting", [=](EngineOptions& o) { o.max_waiting = value; });
    refused("max_batch_tokens", [=](EngineOptions& o) { o.max_batch_tokens = value; });
  }
  refused("max_batch_tokens", [](EngineOptions& o) { o.max_batch_tokens = 513; });  // the model's
  refused("max_sequences", [](EngineOptions& o) { o.max_batch_tokens = 15; });
  refused("fingerprint", [](EngineOptions& o) { o.spill_path = "x", o.spill_max_bytes = 1; });
  refused("spill_max_bytes", [](EngineOptions& o) { o.spill_path = "x", o.fingerprint = "f"; });
  refused("max_step_ms", [](EngineOptions& o) { o.max_step_ms = -1; });
  refused("max_step_ms", [](EngineOptions& o) { o.max_step_ms = std::nan(""); });
}

TEST(KvCacheBytes, CountsAndOverflows) {
  const device::KvCacheShape shape = {2, 3, 32, 4, 64, DType::kF16};
  EXPECT_EQ(*kv_cache_bytes(shape), 2U * 2 * 3 * 32 * 4 * 64 * 2);
  device::KvCacheShape huge = shape;
  huge.n_layers = huge.n_kv_heads = huge.n_pages = INT32_MAX;
  EXPECT_EQ(kv_cache_bytes(huge).error().code, ErrorCode::kOutOfMemory);
  device::KvCacheShape odd = shape;
  odd.dtype = DType::kQ8_0;
  odd.d_head = 80;
  EXPECT_EQ(kv_cache_bytes(odd).error().code, ErrorCode::kUnsupported);
}

TEST(KvCacheBytes, EngineRefusesACacheTheDeviceCannotKeep) {
  FakeDevice device;
  EngineOptions options;
  options.kv_dtype = DType::kQ4_K;
  const auto engine = Engine::start(std::make_unique<FakeModel>(512, 512), device, options);
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(engine.error().field, "kv_dtype");
}

}  // namespace
}  // namespace ondol::engine
