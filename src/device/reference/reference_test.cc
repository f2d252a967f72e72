// The oracle against numbers that were not made by it: hand-sized cases, and
// numpy in float64 (tests/golden/device/generate.py).
#include <gtest/gtest.h>

#include <numeric>

#include "device/test_support.h"

namespace ondol::device {
namespace {

using test::expect_near;
using test::Floats;
using test::load_golden;

class Reference : public testing::Test {
 protected:
  static test::HostWeight f32(std::int64_t n_rows, std::int64_t n_cols, const Floats& values) {
    const auto* bytes = reinterpret_cast<const std::byte*>(values.data());
    return {DType::kF32, n_rows, n_cols, {bytes, bytes + values.size() * sizeof(float)}};
  }
  test::Workbench bench_{DeviceOptions{.name = "reference"}};
};

TEST_F(Reference, Embed) {
  const Weight& table = bench_.load(f32(3, 2, {1, 2, 3, 4, 5, 6}), WeightUse::kTable);
  const Tensor out = bench_.tensor(4, 2);
  bench_->embed(std::vector<std::int32_t>{2, 0, 1, 2}, table, 0.5F, out);
  EXPECT_EQ(bench_.read(out), (Floats{2.5F, 3, 0.5F, 1, 1.5F, 2, 2.5F, 3}));
}

TEST_F(Reference, EmbedDecodesTheTable) {
  // One q8_0 block a row: d = 0.5, q = 0 .. 31, and the same with d = -2.
  test::HostWeight host{DType::kQ8_0, 2, 32, {}};
  for (const int high_byte : {0x38, 0xC0}) {
    host.bytes.push_back(std::byte{0});
    host.bytes.push_back(static_cast<std::byte>(high_byte));
    for (int q = 0; q < 32; ++q) host.bytes.push_back(static_cast<std::byte>(q));
  }
  const Tensor out = bench_.tensor(1, 32);
  bench_->embed(std::vector<std::int32_t>{1}, bench_.load(host, WeightUse::kTable), 1.0F, out);
  Floats want(32);
  for (std::size_t i = 0; i < 32; ++i) want[i] = -2.0F * static_cast<float>(i);
  EXPECT_EQ(bench_.read(out), want);
}

TEST_F(Reference, Matmul) {
  const auto golden = load_golden("matmul");
  const Tensor x = bench_.tensor(3, 37, golden.at(0));
  const Weight& a = bench_.load(f32(5, 37, golden.at(1)), WeightUse::kMatrix);
  const Weight& b = bench_.load(f32(2, 37, golden.at(2)), WeightUse::kMatrixAndTable);
  const MatmulTarget targets[] = {{&a, bench_.tensor(3, 5)}, {&b, bench_.tensor(3, 2)}};
  bench_->matmul(x, targets);
  expect_near(bench_.read(targets[0].out), golden.at(3), 1e-5F, "first target");
  expect_near(bench_.read(targets[1].out), golden.at(4), 1e-5F, "second target");
}

TEST_F(Reference, MatmulOfLongRowsKeepsSmallTerms) {
  // 1 + 65535 * 2^-14: a single f32 sum gets this right only by luck.
  constexpr std::int64_t kN = 65536;
  Floats row(kN, 0x1p-14F);
  row[0] = 1;
  const Weight& weight = bench_.load(f32(1, kN, row), WeightUse::kMatrix);
  const MatmulTarget target{&weight, bench_.tensor(1, 1)};
  bench_->matmul(bench_.tensor(1, kN, Floats(kN, 1.0F)), {&target, 1});
  EXPECT_FLOAT_EQ(bench_.read(target.out)[0], 1 + 65535 * 0x1p-14F);
}

TEST_F(Reference, RmsNorm) {
  const auto golden = load_golden("rms_norm");
  const Tensor x = bench_.tensor(3, 10, golden.at(0));
  const Weight& w = bench_.vector(golden.at(1));
  const Tensor out = bench_.tensor(3, 10);
  bench_->rms_norm(x, w, 1e-5F, 0.0F, out);
  expect_near(bench_.read(out), golden.at(2), 1e-6F, "offset 0");
  bench_->rms_norm(x, w, 1e-5F, 1.0F, x);
  expect_near(bench_.read(x), golden.at(3), 1e-6F, "offset 1, in place");
}

TEST_F(Reference, RmsNormOfZerosIsZero) {
  const Tensor x = bench_.tensor(1, 4, Floats(4));
  bench_->rms_norm(x, bench_.vector(Floats(4, 1.0F)), 1e-6F, 0.0F, x);
  EXPECT_EQ(bench_.read(x), Floats(4));
}

TEST_F(Reference, Rope) {
  const auto golden = load_golden("rope");
  const std::vector<std::int32_t> positions(golden.at(0).begin(), golden.at(0).end());
  const Tensor angles = bench_.tensor(4, 6);
  bench_->rope_angles(positions, golden.at(1), 1.25F, angles);
  expect_near(bench_.read(angles), golden.at(2), 2e-7F, "angles");
  const Tensor half_split = bench_.tensor(4, 16, golden.at(3));
  bench_->rope(half_split, 8, angles, RopeStyle::kHalfSplit);
  expect_near(bench_.read(half_split), golden.at(4), 1e-6F, "half split");
  const Tensor interleaved = bench_.tensor(4, 16, golden.at(3));
  bench_->rope(interleaved, 8, angles, RopeStyle::kInterleaved);
  expect_near(bench_.read(interleaved), golden.at(5), 1e-6F, "interleaved");
}

struct AttentionCase {
  std::size_t golden;
  DType dtype;
  std::int32_t window;
  float softcap;
};

class ReferenceAttention : public Reference, public testing::WithParamInterface<AttentionCase> {};

// Two sequences whose pages lie interleaved and out of order in the cache; layer
// 1 of 2, so that layer 0 would give zeros.
TEST_P(ReferenceAttention, MatchesNumpy) {
  constexpr std::int64_t kPageTokens = 3;
  const auto golden = load_golden("attention");
  const std::vector<std::int32_t> pages[] = {{5, 0, 3}, {1, 6, 4, 2}};
  const auto cache = test::must(bench_->make_kv_cache({.n_layers = 2,
                                                       .n_pages = 7,
                                                       .page_tokens = kPageTokens,
                                                       .n_kv_heads = 2,
                                                       .d_head = 32,
                                                       .dtype = GetParam().dtype}));
  for (std::size_t s = 0; s < 2; ++s) {
    const Floats& k = golden.at(1 + 2 * s);
    const auto n = std::ssize(k) / 64;
    std::vector<std::int32_t> slots;
    for (std::int64_t t = 0; t < n; ++t) {
      slots.push_back(static_cast<std::int32_t>(
          pages[s][static_cast<std::size_t>(t / kPageTokens)] * kPageTokens + t % kPageTokens));
    }
    bench_->kv_append(*cache, 1, bench_.tensor(n, 64, k),
                      bench_.tensor(n, 64, golden.at(2 + 2 * s)), slots);
  }
  const AttentionSequence sequences[] = {{0, 3, 4, pages[0]}, {3, 1, 9, pages[1]}};
  const Tensor out = bench_.tensor(4, 128);
  bench_->attention(bench_.tensor(4, 128, golden.at(0)), *cache, 1, sequences,
                    {.scale = 0.3F, .window = GetParam().window, .softcap = GetParam().softcap},
                    out);
  expect_near(bench_.read(out), golden.at(GetParam().golden), 2e-6F, "attention");
}

INSTANTIATE_TEST_SUITE_P(
    Cases, ReferenceAttention,
    testing::Values(AttentionCase{5, DType::kF32, 0, 0.0F}, AttentionCase{6, DType::kF16, 0, 0.0F},
                    AttentionCase{7, DType::kQ8_0, 0, 0.0F}, AttentionCase{8, DType::kF32, 3, 0.0F},
                    AttentionCase{9, DType::kF32, 0, 1.5F},
                    AttentionCase{10, DType::kF32, 5, 2.0F}),
    [](const auto& param) { return "golden" + std::to_string(param.param.golden); });

TEST_F(Reference, GatedAct) {
  const auto golden = load_golden("gated_act");
  const Tensor gate = bench_.tensor(2, 9, golden.at(0));
  const Tensor up = bench_.tensor(2, 9, golden.at(1));
  const Tensor out = bench_.tensor(2, 9);
  bench_->gated_act(gate, up, Activation::kSilu, out);
  expect_near(bench_.read(out), golden.at(2), 4e-6F, "silu");
  bench_->gated_act(gate, up, Activation::kGeluTanh, gate);
  expect_near(bench_.read(gate), golden.at(3), 4e-6F, "gelu, in place");
}

TEST_F(Reference, Softcap) {
  const auto golden = load_golden("softcap");
  const Tensor x = bench_.tensor(2, 7, golden.at(0));
  bench_->softcap(x, 30.0F);
  expect_near(bench_.read(x), golden.at(1), 4e-6F, "softcap");
}

TEST_F(Reference, Elementwise) {
  const Tensor x = bench_.tensor(2, 2, {1, 2, 3, 4});
  bench_->add(x, bench_.tensor(2, 2, {10, 20, 30, 40}));
  EXPECT_EQ(bench_.read(x), (Floats{11, 22, 33, 44}));
  bench_->add_bias(x, bench_.vector({-1, 1}));
  EXPECT_EQ(bench_.read(x), (Floats{10, 23, 32, 45}));
  bench_->scale(x, -2.0F);
  EXPECT_EQ(bench_.read(x), (Floats{-20, -46, -64, -90}));
  const Tensor rows = bench_.tensor(3, 2);
  bench_->gather_rows(x, std::vector<std::int32_t>{1, 1, 0}, rows);
  EXPECT_EQ(bench_.read(rows), (Floats{-64, -90, -64, -90, -20, -46}));
  EXPECT_EQ(bench_->host_view(rows.head(1)).size(), 2U);
}

TEST_F(Reference, RefusesWhatDoesNotFit) {
  const std::vector<std::byte> bytes(17);
  EXPECT_EQ(
      bench_->load_weight({DType::kQ4_0, {1, 32}, bytes}, WeightUse::kMatrix, nullptr).error().code,
      ErrorCode::kInvalidFile);
  EXPECT_EQ(
      bench_->load_weight({DType::kQ4_0, {1, 17}, bytes}, WeightUse::kMatrix, nullptr).error().code,
      ErrorCode::kInvalidFile);
  EXPECT_EQ(bench_->alloc(~std::size_t{0} - 64).error().code, ErrorCode::kOutOfMemory);
  KvCacheShape shape{1LL << 40, 1LL << 40, 16, 1, 64, DType::kF32};
  EXPECT_EQ(bench_->make_kv_cache(shape).error().code, ErrorCode::kOutOfMemory);
  shape = {1, 1, 16, 1, 80, DType::kQ8_0};
  EXPECT_EQ(bench_->make_kv_cache(shape).error().code, ErrorCode::kUnsupported);
  shape = {1, 1, 16, 1, 64, DType::kQ4_0};
  EXPECT_EQ(bench_->make_kv_cache(shape).error().code, ErrorCode::kUnsupported);
  shape = {1, 0, 16, 1, 64, DType::kF32};
  EXPECT_EQ(bench_->make_kv_cache(shape).error().code, ErrorCode::kInvalidArgument);
}

TEST(MakeDevice, NamesTheOptionThatIsWrong) {
  EXPECT_EQ(make_device({.name = "tpu"}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(make_device({.name = "reference", .n_threads = -1}).error().field, "n_threads");
  EXPECT_EQ(make_device({.name = "reference", .isa = "avx2"}).error().field, "isa");
}

}  // namespace
}  // namespace ondol::device
