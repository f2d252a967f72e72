// Matrix products and embedding lookups of every weight dtype.
#include <gtest/gtest.h>

#include <limits>
#include <tuple>

#include "device/conformance.h"
#include "device/conformance_tolerance.h"

namespace ondol::device::test {
namespace {

struct MatmulShape {
  std::int64_t n_tokens, n_in, n_out;
};

/// Each size of each list at least once, combined so that large meets small.
std::vector<MatmulShape> shapes(DType dtype) {
  const std::vector<std::int64_t> n_tokens = {1, 2, 3, 5, 7, 8, 16, 17, 33, 64, 100};
  const std::vector<std::int64_t> n_out = {1, 3, 16, 48, 49, 65, 127, 200};
  std::vector<std::int64_t> n_in = {1, 7, 33, 64, 100, 576, 1536};
  if (info(dtype).block_elements == 32) n_in = {32, 64, 96, 288, 576, 1536};
  if (info(dtype).block_elements == 256) n_in = {256, 512, 768, 1536, 2304};
  std::vector<MatmulShape> out;
  for (std::size_t i = 0; i < 3 * n_tokens.size(); ++i) {
    out.push_back({n_tokens[i % n_tokens.size()], n_in[i % n_in.size()],
                   n_out[(i + i / n_tokens.size()) % n_out.size()]});
  }
  // Beyond any tile of rows or stretch of columns that a kernel may take at once.
  out.push_back({601, 256, 35});
  out.push_back({2, 8192, 18});
  // One row may meet many outputs in several streams.
  out.push_back({1, 256, 611});
  return out;
}

/// Rows of very different size, and one of zeros: a scale shared between rows shows.
Floats random_rows(std::int64_t n_rows, std::int64_t n_cols, Random& random) {
  Floats out = random.normal(n_rows * n_cols);
  for (std::int64_t r = 0; r < n_rows; ++r) {
    const float size = r == 1 ? 0.0F : std::pow(10.0F, static_cast<float>(random.below(7) - 3));
    for (std::int64_t i = 0; i < n_cols; ++i) out[static_cast<std::size_t>(r * n_cols + i)] *= size;
  }
  return out;
}

/// x * weight^T on the bench.
Floats product(Workbench& bench, const Weight& weight, std::int64_t n_tokens, const Floats& x) {
  const MatmulTarget target{&weight, bench.tensor(n_tokens, weight.n_rows())};
  bench->matmul(bench.tensor(n_tokens, weight.n_cols(), x), {&target, 1});
  return bench.read(target.out);
}

/// Errors in units of their expected deviation, over many products.
struct ErrorTally {
  double squares = 0;
  std::size_t n = 0;
  double rms() const { return n == 0 ? 0 : std::sqrt(squares / static_cast<double>(n)); }
};

/// The bounds of conformance_tolerance.h for one product; adds to the tally.
void expect_product(const Floats& got, const Floats& want, const Floats& x, const HostWeight& host,
                    const std::string& label, ErrorTally& tally) {
  const Floats w = decoded(host);
  const std::int64_t n_tokens = std::ssize(x) / host.n_cols;
  ASSERT_EQ(got.size(), want.size()) << label;
  Floats norm_x;
  Floats max_x;
  for (std::int64_t t = 0; t < n_tokens; ++t) {
    norm_x.push_back(norm(row(x, t, host.n_cols)));
    max_x.push_back(max_abs(row(x, t, host.n_cols)));
  }
  for (std::int64_t o = 0; o < host.n_rows; ++o) {
    const float norm_w = norm(row(w, o, host.n_cols));
    for (std::int64_t t = 0; t < n_tokens; ++t) {
      const auto token = static_cast<std::size_t>(t);
      const auto at = static_cast<std::size_t>(t * host.n_rows + o);
      const float rounding = tolerance::kFloatSum * norm_x[token] * norm_w;
      const float sigma = tolerance::int8_activations(host.dtype)
                              ? tolerance::int8_sigma(max_x[token], norm_w)
                              : 0.0F;
      const float error = std::abs(got[at] - want[at]);
      ASSERT_TRUE(error <= rounding + tolerance::kInt8Sigmas * sigma)
          << label << ": token " << t << ", output " << o << " is " << got[at] << ", not "
          << want[at] << "; " << error / sigma << " sigmas";
      if (sigma > 0) {
        tally.squares += std::pow(error / sigma, 2);
        ++tally.n;
      }
    }
  }
}

std::string label_of(const MatmulShape& shape, DType dtype) {
  return std::string(name(dtype)) + " tokens " + std::to_string(shape.n_tokens) + ", in " +
         std::to_string(shape.n_in) + ", out " + std::to_string(shape.n_out) + ", ";
}

class Conformance : public testing::TestWithParam<std::tuple<std::string, DType>> {
 protected:
  const std::string& target() const { return std::get<0>(GetParam()); }
  DType dtype() const { return std::get<1>(GetParam()); }
};

TEST_P(Conformance, Matmul) {
  if (!Workbench(options(target(), 1))->supports(Op::kMatmul, dtype())) GTEST_SKIP();
  Random random(1 + static_cast<std::uint32_t>(dtype()));
  ErrorTally tally;
  for (const MatmulShape& shape : shapes(dtype())) {
    const HostWeight host = random_weight(dtype(), shape.n_out, shape.n_in, random);
    const Floats x = random_rows(shape.n_tokens, shape.n_in, random);
    Workbench oracle(options("reference", 1));
    const Floats want = product(oracle, oracle.load(host, WeightUse::kMatrix), shape.n_tokens, x);
    Floats first;
    for_each_thread_count(target(), [&](Workbench& bench, const std::string& label) {
      const Weight& weight = bench.load(host, WeightUse::kMatrix);
      const Floats got = product(bench, weight, shape.n_tokens, x);
      expect_product(got, want, x, host, label_of(shape, dtype()) + label, tally);
      if (first.empty()) first = got;
      EXPECT_TRUE(same_bits(got, first)) << "depends on threads: " << label;
    });
    if (HasFailure()) return;
  }
  EXPECT_LE(tally.rms(), tolerance::kInt8Rms);
}

// Every code and every activation at its limit: narrow accumulators overflow
// here, not on random values. Each fill makes all codes of a block the same.
TEST_P(Conformance, MatmulExtremes) {
  if (!Workbench(options(target(), 1))->supports(Op::kMatmul, dtype())) GTEST_SKIP();
  if (!is_quantized(dtype())) return;
  constexpr std::int64_t kIn = 1024;
  constexpr std::int64_t kOut = 33;
  Floats x(3 * kIn, 1.0F);
  for (std::size_t i = 0; i < static_cast<std::size_t>(kIn); ++i) {
    x[kIn + i] = -1.0F;
    x[2 * kIn + i] = i % 2 == 0 ? 1.0F : -1.0F;
  }
  for (const int fill : {0x00, 0x7F, 0x80, 0x81, 0x88, 0xFF}) {
    Random random(50);
    HostWeight host = random_weight(dtype(), kOut, kIn, random);
    const HostWeight scales = host;
    std::fill(host.bytes.begin(), host.bytes.end(), static_cast<std::byte>(fill));
    copy_scales(scales, host);
    Workbench oracle(options("reference", 1));
    const Floats want = product(oracle, oracle.load(host, WeightUse::kMatrix), 3, x);
    ErrorTally tally;
    for_each_thread_count(target(), [&](Workbench& bench, const std::string& label) {
      for (const std::int64_t n_tokens : {1, 3}) {  // both kernels, if there are two
        const auto n = static_cast<std::size_t>(n_tokens);
        const Floats rows(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(n * kIn));
        const Floats got = product(bench, bench.load(host, WeightUse::kMatrix), n_tokens, rows);
        expect_product(got, Floats(want.begin(), want.begin() + std::ssize(got)), rows, host,
                       "fill " + std::to_string(fill) + ", " + label, tally);
      }
    });
    // Activations of +-1 are whole codes: nothing is rounded away.
    EXPECT_LE(tally.rms(), 0.1) << "fill " << fill;
  }
}

// A row's result is the same bits alone and in company, even of broken rows.
TEST_P(Conformance, MatmulRowStandsAlone) {
  if (!Workbench(options(target(), 1))->supports(Op::kMatmul, dtype())) GTEST_SKIP();
  constexpr std::int64_t kTokens = 37;
  constexpr std::int64_t kIn = 768;
  Random random(100 + static_cast<std::uint32_t>(dtype()));
  const HostWeight host = random_weight(dtype(), 67, kIn, random);
  Floats x = random_rows(kTokens, kIn, random);
  std::fill_n(x.begin() + 5 * kIn, kIn, std::numeric_limits<float>::quiet_NaN());
  std::fill_n(x.begin() + 9 * kIn, kIn, std::numeric_limits<float>::infinity());
  Workbench bench(options(target(), 2));
  const Weight& weight = bench.load(host, WeightUse::kMatrix);
  const Floats all = product(bench, weight, kTokens, x);
  for (const auto& [first, n] : {std::pair<std::int64_t, std::int64_t>{0, 1},
                                 {4, 1},
                                 {6, 2},
                                 {10, 3},
                                 {12, 8},
                                 {11, 16},
                                 {36, 1}}) {
    const auto part = std::span(x).subspan(static_cast<std::size_t>(first * kIn),
                                           static_cast<std::size_t>(n * kIn));
    const Floats alone = product(bench, weight, n, Floats(part.begin(), part.end()));
    const auto together =
        std::span(all).subspan(static_cast<std::size_t>(first * 67), alone.size());
    EXPECT_TRUE(same_bits(alone, Floats(together.begin(), together.end())))
        << name(dtype()) << ": rows from " << first << ", " << n << " of them";
  }
}

TEST_P(Conformance, Embed) {
  if (!Workbench(options(target(), 1))->supports(Op::kEmbed, dtype())) GTEST_SKIP();
  constexpr std::int64_t kRows = 11;
  Random random(200 + static_cast<std::uint32_t>(dtype()));
  const std::vector<std::int32_t> ids = {0, 10, 3, 3, 7};
  for (const std::int64_t n_cols : {256, 768}) {
    const HostWeight host = random_weight(dtype(), kRows, n_cols, random);
    const Floats table = decoded(host);
    for (const float factor : {1.0F, 24.0F}) {
      for_each_thread_count(target(), [&](Workbench& bench, const std::string& label) {
        const Tensor out = bench.tensor(std::ssize(ids), n_cols);
        bench->embed(ids, bench.load(host, WeightUse::kTable), factor, out);
        const Floats got = bench.read(out);
        for (std::size_t t = 0; t < ids.size(); ++t) {
          const auto table_row = row(table, ids[t], n_cols);
          const auto got_row = row(got, static_cast<std::int64_t>(t), n_cols);
          Floats want(table_row.begin(), table_row.end());
          for (float& v : want) v *= factor;
          const float slack = dtype() == DType::kF32 ? 0.0F : tolerance::kEmbed * max_abs(want);
          expect_near(Floats(got_row.begin(), got_row.end()), want, slack, label);
        }
      });
    }
  }
}

// A tied embedding: one weight, both uses.
TEST_P(Conformance, TiedEmbedding) {
  if (!Workbench(options(target(), 1))->supports(Op::kMatmul, dtype())) GTEST_SKIP();
  if (!Workbench(options(target(), 1))->supports(Op::kEmbed, dtype())) GTEST_SKIP();
  Random random(300 + static_cast<std::uint32_t>(dtype()));
  const HostWeight host = random_weight(dtype(), 131, 512, random);
  const std::vector<std::int32_t> ids = {130, 64};
  ErrorTally tally;
  const Floats x = random.normal(3 * 512);
  Workbench oracle(options("reference", 1));
  const Weight& expected = oracle.load(host, WeightUse::kMatrixAndTable);
  const Tensor expected_rows = oracle.tensor(2, 512);
  oracle->embed(ids, expected, 1.0F, expected_rows);
  const Floats want_rows = oracle.read(expected_rows);
  for_each_thread_count(target(), [&](Workbench& bench, const std::string& label) {
    const Weight& weight = bench.load(host, WeightUse::kMatrixAndTable);
    const Tensor rows = bench.tensor(2, 512);
    bench->embed(ids, weight, 1.0F, rows);
    expect_near(bench.read(rows), want_rows, tolerance::kEmbed * max_abs(want_rows), label);
    expect_product(product(bench, weight, 3, x), product(oracle, expected, 3, x), x, host, label,
                   tally);
  });
}

INSTANTIATE_TEST_SUITE_P(Devices, Conformance,
                         testing::Combine(testing::ValuesIn(targets()),
                                          testing::ValuesIn(kAllDTypes)),
                         [](const auto& param) {
                           return std::get<0>(param.param) + "_" +
                                  std::string(name(std::get<1>(param.param)));
                         });

class ConformanceTargets : public testing::TestWithParam<std::string> {};

// As a model does it: q, k and v of different dtypes from one input.
TEST_P(ConformanceTargets, SeveralMatmulTargets) {
  const std::vector<std::pair<DType, std::int64_t>> kinds = {
      {DType::kQ4_K, 96}, {DType::kQ6_K, 33}, {DType::kF16, 5},
      {DType::kQ4_0, 64}, {DType::kQ8_0, 1},  {DType::kBF16, 17}};
  for (const std::int64_t n_tokens : {1, 4, 19}) {
    Random random(static_cast<std::uint32_t>(400 + n_tokens));
    const Floats x = random_rows(n_tokens, 512, random);
    std::vector<HostWeight> hosts;
    for (const auto& [dtype, n_out] : kinds) {
      hosts.push_back(random_weight(dtype, n_out, 512, random));
    }
    Workbench oracle(options("reference", 1));
    ErrorTally tally;
    for_each_thread_count(GetParam(), [&](Workbench& bench, const std::string& label) {
      std::vector<MatmulTarget> targets_of;
      for (const HostWeight& host : hosts) {
        targets_of.push_back(
            {&bench.load(host, WeightUse::kMatrix), bench.tensor(n_tokens, host.n_rows)});
      }
      bench->matmul(bench.tensor(n_tokens, 512, x), targets_of);
      for (std::size_t i = 0; i < hosts.size(); ++i) {
        const Weight& expected = oracle.load(hosts[i], WeightUse::kMatrix);
        expect_product(bench.read(targets_of[i].out), product(oracle, expected, n_tokens, x), x,
                       hosts[i], std::string(name(hosts[i].dtype)) + ", " + label, tally);
        // And the same bits as on its own.
        EXPECT_TRUE(same_bits(bench.read(targets_of[i].out),
                              product(bench, *targets_of[i].weight, n_tokens, x)))
            << label;
      }
    });
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, ConformanceTargets, testing::ValuesIn(targets()), test_name);

}  // namespace
}  // namespace ondol::device::test
