#include "tensor/dtype.h"

#include <gtest/gtest.h>

#include "tensor/tensor_view.h"

namespace ondol {
namespace {

// Bytes, values and ids as ggml's docs and source have them, written out again.
TEST(DType, TableIsThatOfGguf) {
  struct Row {
    DType dtype;
    std::uint32_t id, elements, bytes;
  };
  for (const Row& row :
       {Row{DType::kF32, 0, 1, 4}, Row{DType::kF16, 1, 1, 2}, Row{DType::kQ4_0, 2, 32, 18},
        Row{DType::kQ4_1, 3, 32, 20}, Row{DType::kQ5_0, 6, 32, 22}, Row{DType::kQ5_1, 7, 32, 24},
        Row{DType::kQ8_0, 8, 32, 34}, Row{DType::kQ2_K, 10, 256, 84},
        Row{DType::kQ3_K, 11, 256, 110}, Row{DType::kQ4_K, 12, 256, 144},
        Row{DType::kQ5_K, 13, 256, 176}, Row{DType::kQ6_K, 14, 256, 210},
        Row{DType::kIQ4_NL, 20, 32, 18}, Row{DType::kIQ4_XS, 23, 256, 136},
        Row{DType::kBF16, 30, 1, 2}, Row{DType::kMXFP4, 39, 32, 17}}) {
    SCOPED_TRACE(name(row.dtype));
    EXPECT_EQ(dtype_from_gguf_id(row.id), row.dtype);
    EXPECT_EQ(info(row.dtype).block_elements, row.elements);
    EXPECT_EQ(info(row.dtype).block_bytes, row.bytes);
    EXPECT_EQ(dtype_from_name(name(row.dtype)), row.dtype);
    EXPECT_EQ(is_quantized(row.dtype), row.elements > 1);
  }
  EXPECT_EQ(dtype_from_gguf_id(4), std::nullopt);
  EXPECT_EQ(dtype_from_gguf_id(0xFFFFFFFF), std::nullopt);
  EXPECT_EQ(dtype_from_name("Q4_0"), std::nullopt);
}

TEST(DType, RowBytesAreCheckedNotWrapped) {
  EXPECT_EQ(row_bytes(DType::kQ4_0, 64), 36U);
  EXPECT_EQ(row_bytes(DType::kQ4_0, 63), std::nullopt);
  EXPECT_EQ(row_bytes(DType::kF32, 1ULL << 62), std::nullopt);
  EXPECT_EQ(row_bytes(DType::kF32, (1ULL << 62) - 1), ~3ULL);
}

TEST(Shape, RowsAndColumns) {
  const Shape shape{2, 3, 4};
  EXPECT_EQ(shape.rank(), 3U);
  EXPECT_EQ(shape.n_cols(), 4U);
  EXPECT_EQ(shape.n_rows(), 6U);
  EXPECT_EQ(shape.n_elements(), 24U);
  EXPECT_EQ(shape.to_string(), "[2, 3, 4]");
  EXPECT_NE(shape, Shape({2, 3}));
  EXPECT_NE(Shape({2}), Shape({2, 0}));
  EXPECT_EQ(Shape().n_elements(), 1U);
  EXPECT_EQ(Shape().to_string(), "[]");
}

}  // namespace
}  // namespace ondol
