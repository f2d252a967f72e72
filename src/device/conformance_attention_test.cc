// The KV cache and attention: every cache dtype, page size and head layout.
#include <gtest/gtest.h>

#include <limits>
#include <numeric>

#include "device/conformance.h"
#include "device/conformance_tolerance.h"

namespace ondol::device::test {
namespace {

struct AttentionCase {
  std::int64_t n_kv_heads, group, d_head, page_tokens;
  std::int32_t window;
  float softcap;
  /// Tokens a sequence had before, and rows it has in the batch.
  std::vector<std::pair<std::int32_t, std::int32_t>> sequences;
};

const std::vector<AttentionCase> kCases = {
    {1, 1, 16, 1, 0, 0.0F, {{0, 1}}},
    {1, 3, 64, 16, 0, 0.0F, {{0, 17}}},
    {3, 3, 64, 32, 0, 0.0F, {{100, 1}, {3, 1}, {31, 1}, {32, 1}, {0, 1}}},
    {2, 4, 128, 16, 0, 0.0F, {{5, 7}, {250, 1}, {0, 33}}},
    {1, 8, 80, 64, 0, 0.0F, {{63, 2}, {64, 1}}},
    {4, 1, 96, 16, 7, 0.0F, {{0, 20}, {40, 3}}},
    {1, 4, 256, 32, 100, 0.0F, {{300, 5}, {20, 1}}},
    {2, 3, 32, 16, 1, 0.0F, {{9, 4}}},
    {2, 2, 64, 16, 0, 20.0F, {{70, 3}, {0, 5}}},
    {1, 2, 256, 64, 33, 50.0F, {{130, 8}}},
    {8, 1, 48, 1, 0, 0.0F, {{12, 3}, {1, 1}}},
    {1, 1, 64, 16, 0, 0.0F, {{1000, 2}}},
    {1, 2, 64, 32, 0, 0.0F, {{30, 150}}},
    {1, 2, 32, 16, 40, 0.0F, {{0, 130}}},
};

/// One case's operands: all keys and values of each sequence, the queries of its
/// new rows, and the pages (shuffled) that hold it.
class Batch {
 public:
  Batch(const AttentionCase& shape, Random& random) : shape_(shape) {
    for (const auto& [n_past, n_rows] : shape.sequences) {
      const std::int64_t n = n_past + n_rows;
      keys_.push_back(random.normal(n * kv_cols()));
      values_.push_back(random.normal(n * kv_cols()));
      n_rows_ += n_rows;
      n_pages_ += (n + shape.page_tokens - 1) / shape.page_tokens;
    }
    queries_ = random.normal(n_rows_ * q_cols());
    n_pages_ += 3;  // never written
    std::vector<std::int32_t> free(static_cast<std::size_t>(n_pages_));
    std::iota(free.begin(), free.end(), 0);
    std::shuffle(free.begin(), free.end(), random.engine());
    for (const Floats& keys : keys_) {
      const std::int64_t n = std::ssize(keys) / kv_cols();
      const auto n_pages = (n + shape.page_tokens - 1) / shape.page_tokens;
      pages_.emplace_back(free.end() - n_pages, free.end());
      free.resize(free.size() - pages_.back().size());
    }
  }

  std::int64_t kv_cols() const { return shape_.n_kv_heads * shape_.d_head; }
  std::int64_t q_cols() const { return kv_cols() * shape_.group; }
  std::int64_t n_rows() const { return n_rows_; }
  const Floats& queries() const { return queries_; }
  float max_value() const {
    float max = 0;
    for (const Floats& values : values_) max = std::max(max, max_abs(values));
    return max;
  }

  /// A cache whose layer 1 of 2 holds everything; layer 0 holds other numbers.
  std::unique_ptr<KvCache> fill(Workbench& bench, DType dtype) const {
    auto cache = must(bench->make_kv_cache({.n_layers = 2,
                                            .n_pages = n_pages_,
                                            .page_tokens = shape_.page_tokens,
                                            .n_kv_heads = shape_.n_kv_heads,
                                            .d_head = shape_.d_head,
                                            .dtype = dtype}));
    for (std::size_t s = 0; s < keys_.size(); ++s) {
      const std::int64_t n = std::ssize(keys_[s]) / kv_cols();
      std::vector<std::int32_t> slots;
      for (std::int64_t t = 0; t < n; ++t) {
        const auto page = pages_[s][static_cast<std::size_t>(t / shape_.page_tokens)];
        slots.push_back(
            static_cast<std::int32_t>(page * shape_.page_tokens + t % shape_.page_tokens));
      }
      const Tensor k = bench.tensor(n, kv_cols(), keys_[s]);
      const Tensor v = bench.tensor(n, kv_cols(), values_[s]);
      bench->kv_append(*cache, 1, k, v, slots);
      bench->kv_append(*cache, 0, v, k, slots);  // after it, so that layers that overlap show
    }
    return cache;
  }

  /// What `from` holds, copied page by page into a cache with its pages in reverse: from
  /// now on the sequences' pages lie there.
  std::unique_ptr<KvCache> move_pages(Workbench& bench, const KvCache& from) {
    KvCacheShape shape = from.shape();
    ++shape.n_pages;
    auto to = must(bench->make_kv_cache(shape));
    std::vector<std::byte> bytes(bench->kv_page_bytes(from));
    EXPECT_EQ(bytes.size(), bench->kv_page_bytes(*to));
    for (std::int64_t page = 0; page < from.shape().n_pages; ++page) {
      bench->read_kv_page(from, page, bytes);
      bench->write_kv_page(*to, from.shape().n_pages - page, bytes);
    }
    for (std::vector<std::int32_t>& pages : pages_) {
      for (std::int32_t& page : pages) page = static_cast<std::int32_t>(n_pages_) - page;
    }
    return to;
  }

  std::vector<AttentionSequence> sequences() const {
    std::vector<AttentionSequence> out;
    std::int32_t row = 0;
    for (std::size_t s = 0; s < pages_.size(); ++s) {
      const auto& [n_past, n_rows] = shape_.sequences[s];
      out.push_back({row, n_rows, n_past, pages_[s]});
      row += n_rows;
    }
    return out;
  }

  AttentionParams params() const {
    const float scale = 1.0F / std::sqrt(static_cast<float>(shape_.d_head));
    return {.scale = scale, .window = shape_.window, .softcap = shape_.softcap};
  }

  Floats attend(Workbench& bench, const KvCache& cache) const {
    const Tensor out = bench.tensor(n_rows_, q_cols());
    bench->attention(bench.tensor(n_rows_, q_cols(), queries_), cache, 1, sequences(), params(),
                     out);
    return bench.read(out);
  }

 private:
  const AttentionCase& shape_;
  std::int64_t n_rows_ = 0;
  std::int64_t n_pages_ = 0;
  std::vector<Floats> keys_, values_;  // a sequence: [n_past + n_rows, n_kv_heads * d_head]
  Floats queries_;                     // [n_rows, n_heads * d_head]
  std::vector<std::vector<std::int32_t>> pages_;
};

class ConformanceAttention : public testing::TestWithParam<std::tuple<std::string, DType>> {
 protected:
  const std::string& target() const { return std::get<0>(GetParam()); }
  DType dtype() const { return std::get<1>(GetParam()); }
  bool fits(const AttentionCase& shape) const {
    return shape.d_head % info(dtype()).block_elements == 0;
  }
};

TEST_P(ConformanceAttention, MatchesReference) {
  Random random(500);
  for (std::size_t i = 0; i < kCases.size(); ++i) {
    if (!fits(kCases[i])) continue;
    const Batch batch(kCases[i], random);
    Workbench oracle(options("reference", 1));
    const Floats want = batch.attend(oracle, *batch.fill(oracle, dtype()));
    Floats first;
    for_each_thread_count(target(), [&](Workbench& bench, const std::string& label) {
      ASSERT_TRUE(bench->supports(Op::kKvCache, dtype()));
      const Floats got = batch.attend(bench, *batch.fill(bench, dtype()));
      expect_near(got, want, tolerance::kAttention * batch.max_value(),
                  "case " + std::to_string(i) + ", " + label);
      if (first.empty()) first = got;
      EXPECT_TRUE(same_bits(got, first)) << "depends on threads: case " << i << ", " << label;
    });
    if (HasFailure()) return;
  }
}

// Each row asked for alone, as decoding does, gives the bits it had in the batch.
TEST_P(ConformanceAttention, RowStandsAlone) {
  Random random(600);
  for (std::size_t i = 0; i < kCases.size(); ++i) {
    if (!fits(kCases[i])) continue;
    const Batch batch(kCases[i], random);
    Workbench bench(options(target(), 2));
    const auto cache = batch.fill(bench, dtype());
    const Floats all = batch.attend(bench, *cache);
    const Tensor out = bench.tensor(1, batch.q_cols());
    for (const AttentionSequence& sequence : batch.sequences()) {
      for (std::int32_t r = 0; r < sequence.n_rows; ++r) {
        const std::int64_t at = sequence.first_row + r;
        const auto query = row(batch.queries(), at, batch.q_cols());
        const AttentionSequence alone{0, 1, sequence.n_past + r, sequence.pages};
        bench->attention(bench.tensor(1, batch.q_cols(), Floats(query.begin(), query.end())),
                         *cache, 1, {&alone, 1}, batch.params(), out);
        const auto together = row(all, at, batch.q_cols());
        EXPECT_TRUE(same_bits(bench.read(out), Floats(together.begin(), together.end())))
            << "case " << i << ", row " << at;
      }
    }
  }
}

// Pages that were read as bytes and written elsewhere give the same bits.
TEST_P(ConformanceAttention, PagesMoveAsBytes) {
  Random random(800);
  for (std::size_t i = 0; i < kCases.size(); ++i) {
    if (!fits(kCases[i])) continue;
    Batch batch(kCases[i], random);
    Workbench bench(options(target(), 2));
    const auto cache = batch.fill(bench, dtype());
    const Floats want = batch.attend(bench, *cache);
    const auto moved = batch.move_pages(bench, *cache);
    EXPECT_TRUE(same_bits(batch.attend(bench, *moved), want)) << "case " << i;
    EXPECT_FALSE(bench->kv_page_format().empty());
  }
}

// Numbers that a broken model may produce: nothing crashes, and other sequences
// do not notice.
TEST_P(ConformanceAttention, BrokenNeighbourIsIgnored) {
  constexpr std::int64_t kCols = 64;
  Random random(700);
  const Floats k = random.normal(4 * kCols);
  const Floats v = random.normal(4 * kCols);
  const Floats q = random.normal(2 * kCols);
  const auto run = [&](float broken) {
    Workbench bench(options(target(), 2));
    const auto cache = must(bench->make_kv_cache({.n_layers = 1,
                                                  .n_pages = 2,
                                                  .page_tokens = 4,
                                                  .n_kv_heads = 2,
                                                  .d_head = 32,
                                                  .dtype = dtype()}));
    const std::vector<std::int32_t> slots = {0, 1, 2, 4};
    Floats keys = k;
    Floats values = v;
    Floats queries = q;
    keys[3 * kCols + 5] = values[3 * kCols + 6] = queries[kCols + 7] = broken;
    bench->kv_append(*cache, 0, bench.tensor(4, kCols, keys), bench.tensor(4, kCols, values),
                     slots);
    const std::vector<std::int32_t> pages = {0, 1};
    const AttentionSequence sequences[] = {{0, 1, 2, std::span(pages).first(1)},
                                           {1, 1, 0, std::span(pages).last(1)}};
    const Tensor out = bench.tensor(2, kCols);
    bench->attention(bench.tensor(2, kCols, queries), *cache, 0, sequences, {.scale = 0.2F}, out);
    return bench.read(out.head(1));
  };
  const Floats want = run(1.0F);
  EXPECT_TRUE(same_bits(run(std::numeric_limits<float>::quiet_NaN()), want));
  EXPECT_TRUE(same_bits(run(std::numeric_limits<float>::infinity()), want));
  EXPECT_TRUE(same_bits(run(-3e38F), want));
}

INSTANTIATE_TEST_SUITE_P(Devices, ConformanceAttention,
                         testing::Combine(testing::ValuesIn(targets()),
                                          testing::Values(DType::kF32, DType::kF16, DType::kQ8_0)),
                         [](const auto& param) {
                           return std::get<0>(param.param) + "_" +
                                  std::string(name(std::get<1>(param.param)));
                         });

class ConformanceCache : public testing::TestWithParam<std::string> {};

TEST_P(ConformanceCache, RefusesWhatItCannotHold) {
  Workbench bench(options(GetParam(), 1));
  KvCacheShape shape{1, 1, 16, 1, 80, DType::kQ8_0};
  EXPECT_EQ(bench->make_kv_cache(shape).error().code, ErrorCode::kUnsupported);
  shape = {1, 1, 16, 1, 64, DType::kQ4_0};
  EXPECT_EQ(bench->make_kv_cache(shape).error().code, ErrorCode::kUnsupported);
  shape = {1LL << 40, 1LL << 40, 16, 1, 64, DType::kF32};
  EXPECT_EQ(bench->make_kv_cache(shape).error().code, ErrorCode::kOutOfMemory);
}

INSTANTIATE_TEST_SUITE_P(Devices, ConformanceCache, testing::ValuesIn(targets()), test_name);

}  // namespace
}  // namespace ondol::device::test
