// The int8 kernels of instruction sets that this machine may lack, on an
// emulation of their intrinsics (emulated_x86.h), against the scalar ISA.
//
// Integer dots are exact and float operations are the same in the same order, so
// every output must be the same bits. (On the real machine fma does not round
// its product, as on AVX2: the ISAs with fma agree with each other to the bit.)
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <ostream>
#include <tuple>

#include "device/conformance.h"
#include "device/cpu/int8_kernels.h"
#include "device/cpu/pack.h"
#include "device/cpu/packed_format.h"

namespace ondol::device::cpu {
namespace {

using test::Floats;
using test::HostWeight;
using test::Random;

struct Emulated {
  const char* name;
  const Int8Kernels& (*kernels)();
};
void PrintTo(const Emulated& isa, std::ostream* out) { *out << isa.name; }
constexpr Emulated kEmulated[] = {{"avx_vnni", int8_kernels_avx_vnni},
                                  {"avx512_vnni", int8_kernels_avx512_vnni}};

constexpr DType kQuantized[] = {DType::kQ4_0, DType::kQ4_1, DType::kQ5_0,   DType::kQ5_1,
                                DType::kQ8_0, DType::kQ2_K, DType::kQ3_K,   DType::kQ4_K,
                                DType::kQ5_K, DType::kQ6_K, DType::kIQ4_NL, DType::kIQ4_XS,
                                DType::kMXFP4};

constexpr std::int64_t kMostRows = 20;

/// Quantized activations of kMostRows rows; two of three rows have a fine block.
struct Activations {
  std::int64_t n_cols = 0;
  std::vector<std::int8_t> codes;  // [kMostRows, n_cols]
  Floats scales;                   // [kMostRows, n_cols / 32]
  std::vector<std::int8_t> fine_codes;
  Floats fine_scales;
  std::vector<std::int32_t> fine_blocks;
  std::vector<std::int32_t> fine_first = {0};
};

/// code(row, column) within -127 .. 127; scales are random and of both signs.
template <class Code>
Activations make_activations(std::int64_t n_cols, Random& random, Code code) {
  Activations x;
  x.n_cols = n_cols;
  for (std::int64_t r = 0; r < kMostRows; ++r) {
    for (std::int64_t c = 0; c < n_cols; ++c)
      x.codes.push_back(static_cast<std::int8_t>(code(r, c)));
    if (r % 3 != 1) {
      x.fine_blocks.push_back(static_cast<std::int32_t>(random.below(n_cols / kBlock)));
      for (std::int64_t c = 0; c < kBlock; ++c) {
        x.fine_codes.push_back(static_cast<std::int8_t>(code(r, c)));
      }
    }
    x.fine_first.push_back(static_cast<std::int32_t>(x.fine_blocks.size()));
  }
  x.scales = random.normal(kMostRows * n_cols / kBlock);
  x.fine_scales = random.normal(std::ssize(x.fine_blocks), 0.01F);
  return x;
}

/// Writes a block of 32 codes as row `index` of a record.
void put_block(const std::int8_t* codes, float scale, int tile_rows, int index,
               std::uint8_t* record) {
  const auto rows = static_cast<std::size_t>(tile_rows);
  std::uint8_t* const to = record + static_cast<std::size_t>(index) * 4;
  std::int16_t halves[2][2] = {};
  int total = 0;
  for (std::size_t c = 0; c < kBlock; ++c) {
    std::memcpy(to + c / 4 * 4 * rows + c % 4, codes + c, 1);
    auto& half = halves[c / 16][c % 4 / 2];
    half = static_cast<std::int16_t>(half + codes[c]);
    total += codes[c];
  }
  const float sum = scale * static_cast<float>(total);
  std::memcpy(to + kScaleAt * rows, &scale, sizeof(scale));
  std::memcpy(to + kSumAt * rows, &sum, sizeof(sum));
  std::memcpy(to + kHalvesAt * rows, halves[0], sizeof(halves[0]));
  std::memcpy(to + (kHalvesAt + 4) * rows, halves[1], sizeof(halves[1]));
  const std::int16_t centre[2] = {
      static_cast<std::int16_t>(-kCentreBias * (halves[0][0] + halves[1][0])),
      static_cast<std::int16_t>(-kCentreBias * (halves[0][1] + halves[1][1]))};
  std::memcpy(to + kCentreAt * rows, centre, sizeof(centre));
}

/// Rows first .. first + n_rows - 1 of some activations, as kernels take them.
struct Rows {
  std::vector<std::uint8_t> bytes;
  std::vector<std::uint8_t> fine;
  QuantizedRows view;

  Rows(const Activations& x, std::int64_t first, std::int64_t n_rows, int tile_rows) {
    view.n_rows = n_rows;
    view.n_cols = x.n_cols;
    view.tile_rows = tile_rows;
    bytes.resize(view.size_bytes());
    for (std::int64_t r = 0; r < n_rows; ++r) {
      for (std::int64_t b = 0; b < view.n_blocks(); ++b) {
        const auto at = static_cast<std::size_t>((first + r) * view.n_blocks() + b);
        put_block(&x.codes[at * kBlock], x.scales[at], tile_rows, static_cast<int>(r % tile_rows),
                  &bytes[view.record_at(r / tile_rows, b)]);
      }
    }
    fine.resize(x.fine_blocks.size() * kRecordBytes);
    for (std::size_t i = 0; i < x.fine_blocks.size(); ++i) {
      put_block(&x.fine_codes[i * kBlock], x.fine_scales[i], 1, 0, &fine[i * kRecordBytes]);
    }
    view.bytes = bytes.data();
    view.fine = {fine.data(), x.fine_blocks.data(), x.fine_first.data() + first};
  }
};

std::vector<std::uint8_t> packed(const HostWeight& host) {
  const auto n_cols = static_cast<std::size_t>(host.n_cols);
  std::vector<std::uint8_t> panel(packed_format(host.dtype).panel_bytes(n_cols));
  pack_panel(host.dtype, host.bytes.data(), *row_bytes(host.dtype, n_cols),
             static_cast<int>(host.n_rows), n_cols, panel.data());
  return panel;
}

class EmulatedIsa : public testing::TestWithParam<std::tuple<Emulated, DType>> {
 protected:
  DType dtype() const { return std::get<1>(GetParam()); }
  const Int8Kernels& isa() const { return std::get<0>(GetParam()).kernels(); }
  /// Rows first .. of x times a panel, [n_rows][32].
  Floats product(const Int8Kernels& kernels, const std::vector<std::uint8_t>& panel,
                 const Activations& x, std::int64_t first, std::int64_t n_rows, int tile_rows) {
    const Rows rows(x, first, n_rows, tile_rows);
    Floats out(static_cast<std::size_t>(rows.view.n_row_tiles() * tile_rows * kPanelRows));
    if (tile_rows == 1) {
      kernels.row_products[static_cast<std::size_t>(dtype())](panel.data(), panel.size(), 1,
                                                              rows.view, out.data());
      return out;
    }
    kernels.products[static_cast<std::size_t>(dtype())](panel.data(), rows.view, 0, n_rows,
                                                        out.data());
    out.resize(static_cast<std::size_t>(n_rows * kPanelRows));
    return out;
  }
  std::int64_t block() const { return static_cast<std::int64_t>(info(dtype()).block_elements); }

  /// All batches of `n_rows` give the scalar ISA's bits, and so does each row alone.
  void expect_same(const HostWeight& host, const Activations& x,
                   const std::vector<std::int64_t>& n_rows, const std::string& label) {
    const std::vector<std::uint8_t> panel = packed(host);
    const Int8Kernels& scalar = int8_kernels_scalar();
    const Floats want = product(scalar, panel, x, 0, kMostRows, scalar.tile_rows);
    const auto wanted = [&](std::int64_t first, std::int64_t n) {
      return Floats(want.begin() + first * kPanelRows, want.begin() + (first + n) * kPanelRows);
    };
    for (std::int64_t row = 0; row < kMostRows; ++row) {
      ASSERT_TRUE(test::same_bits(product(isa(), panel, x, row, 1, 1), wanted(row, 1)))
          << label << ": row " << row << " alone";
    }
    for (const std::int64_t n : n_rows) {
      const std::int64_t first = kMostRows - n;
      for (const int tile_rows : {2, isa().tile_rows}) {
        ASSERT_TRUE(
            test::same_bits(product(isa(), panel, x, first, n, tile_rows), wanted(first, n)))
            << label << ": " << n << " rows in tiles of " << tile_rows;
      }
    }
  }
};

TEST_P(EmulatedIsa, EveryBatchHasTheScalarIsasBits) {
  Random random(1 + static_cast<std::uint32_t>(dtype()));
  std::vector<std::int64_t> n_rows(kMostRows);
  for (std::int64_t i = 0; i < kMostRows; ++i) n_rows[static_cast<std::size_t>(i)] = i + 1;
  // One block, and a last chunk that is not full.
  for (const std::int64_t n_cols : {block(), block() * 3, std::max<std::int64_t>(block(), 352)}) {
    if (n_cols % block() != 0) continue;
    const HostWeight host = test::random_weight(dtype(), kPanelRows, n_cols, random);
    const auto code = [&](std::int64_t, std::int64_t) { return random.below(255) - 127; };
    expect_same(host, make_activations(n_cols, random, code), n_rows,
                std::to_string(n_cols) + " columns");
    if (HasFatalFailure()) return;
  }
}

// Sixteen bits would overflow, or saturate, on these. Each fill makes all codes
// of a block the same.
TEST_P(EmulatedIsa, CodesAtTheirLimits) {
  Random random(50);
  constexpr std::int64_t kColumns = 512;
  const std::array signs = {std::array{1, 1}, std::array{-1, -1}, std::array{1, -1}};
  const Activations x =
      make_activations(kColumns, random, [&](std::int64_t row, std::int64_t column) {
        return 127 * signs[static_cast<std::size_t>(row % 3)][static_cast<std::size_t>(column % 2)];
      });
  for (const int fill : {0x00, 0x7F, 0x80, 0x81, 0x88, 0xFF}) {
    HostWeight host = test::random_weight(dtype(), kPanelRows, kColumns, random);
    const HostWeight scales = host;
    std::fill(host.bytes.begin(), host.bytes.end(), static_cast<std::byte>(fill));
    test::copy_scales(scales, host);
    expect_same(host, x, {3, 17}, "fill " + std::to_string(fill));
    if (HasFatalFailure()) return;
  }
}

// One block a row, that a large scale may not hide a small one. Bits 0x4400 of
// an f16 stay clear, and with them infinities away; the panel is not full.
TEST_P(EmulatedIsa, ScalesOfEverySize) {
  Random random(60);
  HostWeight host = test::random_weight(dtype(), kPanelRows - 3, block(), random);
  for (std::byte& b : host.bytes) b = static_cast<std::byte>(random.below(256)) & std::byte{0xBB};
  if (dtype() == DType::kMXFP4) {
    const std::size_t n_bytes = info(dtype()).block_bytes;
    for (std::size_t row = 0; row < kPanelRows - 3; ++row) {
      host.bytes[row * n_bytes] = static_cast<std::byte>(row < 20 ? row : 226 + row);  // .. 254
    }
  }
  const auto code = [&](std::int64_t, std::int64_t) { return random.below(255) - 127; };
  expect_same(host, make_activations(block(), random, code), {2, 7}, "all scales");
}

INSTANTIATE_TEST_SUITE_P(Isas, EmulatedIsa,
                         testing::Combine(testing::ValuesIn(kEmulated),
                                          testing::ValuesIn(kQuantized)),
                         [](const auto& param) {
                           return std::string(std::get<0>(param.param).name) + "_" +
                                  std::string(name(std::get<1>(param.param)));
                         });

}  // namespace
}  // namespace ondol::device::cpu
