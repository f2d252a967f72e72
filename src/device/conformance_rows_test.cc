// Norms, rotary embedding and the element-wise operations.
#include <gtest/gtest.h>

#include "device/conformance.h"
#include "device/conformance_tolerance.h"

namespace ondol::device::test {
namespace {

struct MatrixSize {
  std::int64_t n_rows, n_cols;
};
constexpr MatrixSize kSizes[] = {{1, 1},   {1, 7},    {3, 16},   {2, 33},   {5, 64},  {17, 100},
                                 {1, 576}, {8, 1536}, {33, 255}, {100, 48}, {2, 8192}};

class ConformanceRows : public testing::TestWithParam<std::string> {
 protected:
  /// Runs operation(bench) on reference/ and on the target with each number of
  /// threads, and compares: |got - want| <= bound(i, want[i]).
  template <class Operation, class Bound>
  void compare(const std::string& what, Operation operation, Bound bound) {
    Workbench oracle(options("reference", 1));
    const Floats want = operation(oracle);
    Floats first;
    for_each_thread_count(GetParam(), [&](Workbench& bench, const std::string& label) {
      const Floats got = operation(bench);
      ASSERT_EQ(got.size(), want.size());
      for (std::size_t i = 0; i < got.size(); ++i) {
        ASSERT_TRUE(std::abs(got[i] - want[i]) <= bound(i, want[i]))
            << what << ", " << label << ": element " << i << " is " << got[i] << ", not "
            << want[i];
      }
      if (first.empty()) first = got;
      EXPECT_TRUE(same_bits(got, first)) << what << " depends on threads: " << label;
    });
  }

  /// The same, for results that leave no choice.
  template <class Operation>
  void compare_bits(const std::string& what, Operation operation) {
    Workbench oracle(options("reference", 1));
    const Floats want = operation(oracle);
    for_each_thread_count(GetParam(), [&](Workbench& bench, const std::string& label) {
      EXPECT_TRUE(same_bits(operation(bench), want)) << what << ", " << label;
    });
  }

  static std::string text(const MatrixSize& size) {
    return std::to_string(size.n_rows) + " x " + std::to_string(size.n_cols);
  }
  Random random_{800};
};

TEST_P(ConformanceRows, RmsNorm) {
  for (const auto& size : kSizes) {
    // Small rows, where eps decides, and large ones.
    Floats values = random_.normal(size.n_rows * size.n_cols, 1e-3F);
    for (std::size_t i = 0; i < values.size() / 2; ++i) values[i] *= 3e4F;
    if (size.n_rows > 1) std::fill_n(values.begin(), size.n_cols, 0.0F);
    const Floats weight = random_.normal(size.n_cols);
    for (const bool in_place : {false, true}) {
      const float offset = in_place ? 1.0F : 0.0F;
      compare(
          "rms_norm " + text(size),
          [&](Workbench& bench) {
            const Tensor x = bench.tensor(size.n_rows, size.n_cols, values);
            const Tensor out = in_place ? x : bench.tensor(size.n_rows, size.n_cols);
            bench->rms_norm(x, bench.vector(weight), 1e-5F, offset, out);
            return bench.read(out);
          },
          [](std::size_t, float want) { return tolerance::kNorm * std::abs(want); });
    }
  }
}

TEST_P(ConformanceRows, RmsNormOfHeads) {
  // The model's use for queries and keys: [n_tokens, n_heads * d_head] as rows of d_head.
  const Floats values = random_.normal(5 * 12 * 128);
  const Floats weight = random_.normal(128);
  compare(
      "rms_norm of heads",
      [&](Workbench& bench) {
        const Tensor x = bench.tensor(5, 12 * 128, values).reshape(60, 128);
        bench->rms_norm(x, bench.vector(weight), 1e-6F, 0.0F, x);
        return bench.read(x);
      },
      [](std::size_t, float want) { return tolerance::kNorm * std::abs(want); });
}

TEST_P(ConformanceRows, RopeAngles) {
  const std::vector<std::int32_t> positions = {0, 1, 2, 63, 4095, 8192, 40000, 131071, 1000000};
  for (const std::int64_t n_pairs : {1, 16, 20, 32, 48, 64, 128}) {
    Floats inv_freq;
    for (std::int64_t i = 0; i < n_pairs; ++i) {
      inv_freq.push_back(std::pow(500000.0F, -static_cast<float>(i) / static_cast<float>(n_pairs)));
    }
    compare(
        "rope_angles " + std::to_string(n_pairs),
        [&](Workbench& bench) {
          const Tensor angles = bench.tensor(std::ssize(positions), 2 * n_pairs);
          bench->rope_angles(positions, inv_freq, 1.25F, angles);
          return bench.read(angles);
        },
        [](std::size_t, float) { return tolerance::kAngles * 1.25F; });
  }
}

struct RopeCase {
  std::int64_t n_tokens, n_heads, d_head, n_pairs;
};

TEST_P(ConformanceRows, Rope) {
  for (const auto& c : {RopeCase{1, 1, 16, 8},
                        {3, 9, 64, 32},
                        {5, 3, 80, 40},
                        {2, 4, 96, 24},
                        {17, 2, 128, 64},
                        {1, 8, 256, 128},
                        {4, 1, 256, 32},
                        {33, 5, 64, 1},
                        {2, 3, 80, 10},
                        {7, 2, 10, 3}}) {
    const std::int64_t n_cols = c.n_heads * c.d_head;
    const Floats values = random_.normal(c.n_tokens * n_cols);
    Floats angles;
    for (std::int64_t i = 0; i < c.n_tokens * c.n_pairs; ++i) {
      const float angle = random_.normal(1, 10.0F)[0];
      angles.push_back(1.1F * std::cos(angle));
      angles.push_back(1.1F * std::sin(angle));
    }
    for (const RopeStyle style : {RopeStyle::kHalfSplit, RopeStyle::kInterleaved}) {
      compare(
          "rope of " + std::to_string(c.n_pairs) + " pairs in " + std::to_string(c.d_head),
          [&](Workbench& bench) {
            const Tensor x = bench.tensor(c.n_tokens, n_cols, values);
            bench->rope(x, c.d_head, bench.tensor(c.n_tokens, 2 * c.n_pairs, angles), style);
            return bench.read(x);
          },
          [&](std::size_t i, float) {
            // What does not rotate is untouched.
            if (static_cast<std::int64_t>(i) % c.d_head >= 2 * c.n_pairs) return 0.0F;
            const std::int64_t head = static_cast<std::int64_t>(i) / c.d_head;
            return tolerance::kRope * 2 * 1.1F * max_abs(row(values, head, c.d_head));
          });
    }
  }
}

TEST_P(ConformanceRows, GatedAct) {
  for (const auto& size : kSizes) {
    Floats gate = random_.normal(size.n_rows * size.n_cols, 5.0F);
    const Floats up = random_.normal(size.n_rows * size.n_cols);
    constexpr float kEnds[] = {0.0F, -0.0F, 100.0F, -100.0F, 1e4F, -1e4F, 1e-20F};
    for (std::size_t i = 0; i < std::min(gate.size(), std::size(kEnds)); ++i) gate[i] = kEnds[i];
    for (const Activation act : {Activation::kSilu, Activation::kGeluTanh}) {
      for (const int place : {0, 1, 2}) {  // out is new, gate, up
        compare(
            "gated_act " + text(size),
            [&](Workbench& bench) {
              const Tensor g = bench.tensor(size.n_rows, size.n_cols, gate);
              const Tensor u = bench.tensor(size.n_rows, size.n_cols, up);
              const Tensor fresh = bench.tensor(size.n_rows, size.n_cols);
              const Tensor out = place == 0 ? fresh : place == 1 ? g : u;
              bench->gated_act(g, u, act, out);
              return bench.read(out);
            },
            [&](std::size_t i, float want) {
              return tolerance::kActRelative * std::abs(want) +
                     tolerance::kActAbsolute * std::min(std::abs(gate[i]), 20.0F) * std::abs(up[i]);
            });
      }
    }
  }
}

TEST_P(ConformanceRows, Softcap) {
  for (const auto& size : kSizes) {
    Floats values = random_.normal(size.n_rows * size.n_cols, 40.0F);
    values[0] = 1e6F;
    compare(
        "softcap " + text(size),
        [&](Workbench& bench) {
          const Tensor x = bench.tensor(size.n_rows, size.n_cols, values);
          bench->softcap(x, 30.0F);
          return bench.read(x);
        },
        [](std::size_t, float want) { return tolerance::kSoftcap * std::abs(want); });
  }
}

TEST_P(ConformanceRows, ExactOperations) {
  for (const auto& size : kSizes) {
    const Floats a = random_.normal(size.n_rows * size.n_cols);
    const Floats b = random_.normal(size.n_rows * size.n_cols);
    const Floats bias = random_.normal(size.n_cols);
    const auto x = [&](Workbench& bench) { return bench.tensor(size.n_rows, size.n_cols, a); };
    compare_bits("add " + text(size), [&](Workbench& bench) {
      const Tensor out = x(bench);
      bench->add(out, bench.tensor(size.n_rows, size.n_cols, b));
      return bench.read(out);
    });
    compare_bits("add_bias " + text(size), [&](Workbench& bench) {
      const Tensor out = x(bench);
      bench->add_bias(out, bench.vector(bias));
      return bench.read(out);
    });
    compare_bits("scale " + text(size), [&](Workbench& bench) {
      const Tensor out = x(bench);
      bench->scale(out, 1.7F);
      return bench.read(out);
    });
    std::vector<std::int32_t> rows;
    for (int i = 0; i < 5; ++i) {
      rows.push_back(static_cast<std::int32_t>(random_.below(size.n_rows)));
    }
    compare_bits("gather_rows " + text(size), [&](Workbench& bench) {
      const Tensor out = bench.tensor(std::ssize(rows), size.n_cols);
      bench->gather_rows(x(bench), rows, out);
      return bench.read(out);
    });
  }
}

TEST_P(ConformanceRows, HostViewIsEmptyOrTheSame) {
  Workbench bench(options(GetParam(), 1));
  const Floats values = random_.normal(3 * 5);
  const Tensor x = bench.tensor(3, 5, values);
  const auto view = bench->host_view(x);
  if (!view.empty()) {
    EXPECT_EQ(Floats(view.begin(), view.end()), values);
  }
  // The tail, through an offset.
  const Tensor last{x.buffer, x.offset + 10, 1, 5};
  EXPECT_EQ(bench.read(last), Floats(values.begin() + 10, values.end()));
}

INSTANTIATE_TEST_SUITE_P(Devices, ConformanceRows, testing::ValuesIn(targets()), test_name);

}  // namespace
}  // namespace ondol::device::test
