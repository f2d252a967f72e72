#include "device/timing_device.h"

#include <algorithm>

#include "device/test_support.h"

namespace ondol::device {
namespace {

using test::Floats;
using test::must;

class TimingDeviceTest : public testing::Test {
 protected:
  Tensor tensor(std::int64_t n_rows, std::int64_t n_cols) {
    const auto n = static_cast<std::size_t>(n_rows * n_cols);
    buffers_.push_back(must(timing_.alloc(n * sizeof(float))));
    const Tensor out{buffers_.back().get(), 0, n_rows, n_cols};
    timing_.upload(out, Floats(n, 0.5F));
    return out;
  }
  Floats read(const Tensor& from) {
    Floats out(static_cast<std::size_t>(from.n_elements()));
    timing_.download(from, out);
    return out;
  }

  std::unique_ptr<Device> inner_ = must(make_device({.name = "reference", .n_threads = 1}));
  TimingDevice timing_{*inner_};
  std::vector<std::unique_ptr<Buffer>> buffers_;
};

TEST_F(TimingDeviceTest, AddsUpProductsOfOneShape) {
  const Floats ones(6, 1.0F);
  const auto bytes = std::as_bytes(std::span(ones));
  const auto a = must(timing_.load_weight({DType::kF32, {2, 3}, bytes}, WeightUse::kMatrix, {}));
  const auto b =
      must(timing_.load_weight({DType::kF32, {1, 3}, bytes.first(12)}, WeightUse::kMatrix, {}));
  const Tensor x = tensor(4, 3);
  const Tensor of_a = tensor(4, 2);
  const Tensor of_b = tensor(4, 1);
  const std::array both = {MatmulTarget{a.get(), of_a}, MatmulTarget{b.get(), of_b}};
  const std::array one = {MatmulTarget{a.get(), of_a.head(1)}};
  timing_.matmul(x, both);
  timing_.matmul(x, both);
  timing_.matmul(x.head(1), one);
  EXPECT_EQ(read(of_b), Floats(4, 1.5F));  // the products are the inner device's

  auto times = timing_.take();
  ASSERT_EQ(times.size(), 2U);
  EXPECT_GE(times[0].seconds, times[1].seconds);
  std::ranges::sort(times, {}, &OperationTime::name);
  EXPECT_EQ(times[0].name, "matmul f32 2x3, 1 row");
  EXPECT_EQ(times[1].name, "matmul f32 3x3, 4 rows");
  EXPECT_EQ(times[1].n_calls, 2);
  EXPECT_EQ(times[1].ops, 2 * 2 * (3 * 3 * 4));
  EXPECT_EQ(times[1].bytes, 2 * (3 * 3 * 4));
  EXPECT_GT(times[1].seconds, 0);
  EXPECT_TRUE(timing_.take().empty());
}

TEST_F(TimingDeviceTest, CountsWhatAttentionSees) {
  const KvCacheShape shape{1, 2, 4, 2, 8, DType::kF16};  // 16 elements of 2 bytes a token
  const auto cache = must(timing_.make_kv_cache(shape));
  const Tensor kv = tensor(5, 16);
  const std::array<std::int32_t, 5> slots = {0, 1, 2, 3, 4};
  timing_.kv_append(*cache, 0, kv, kv, slots);
  const std::array<std::int32_t, 2> pages = {0, 1};
  const std::array sequences = {AttentionSequence{0, 2, 3, pages}};  // rows see 4 and 5 tokens
  const Tensor q = tensor(2, 32);
  const Tensor out = tensor(2, 32);
  const auto of_attention = [&](std::int32_t window) {
    timing_.attention(q, *cache, 0, sequences, {.scale = 1.0F, .window = window}, out);
    const auto times = timing_.take();
    const auto it = std::ranges::find(times, "attention", &OperationTime::name);
    return it == times.end() ? OperationTime{} : *it;
  };
  const OperationTime whole = of_attention(0);
  EXPECT_EQ(whole.ops, 4 * (4 + 5) * 32);
  EXPECT_EQ(whole.bytes, 2 * 5 * 16 * 2);
  const OperationTime window = of_attention(2);
  EXPECT_EQ(window.ops, 4 * (2 + 2) * 32);
  EXPECT_EQ(window.bytes, 2 * 3 * 16 * 2);  // the two rows together see three tokens
  EXPECT_EQ(read(out), Floats(64, 0.5F));
}

}  // namespace
}  // namespace ondol::device
