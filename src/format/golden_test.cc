// Files written by the formats' own Python packages (tests/golden/format/make.py)
// read the same here.
#include <gtest/gtest.h>

#include <limits>

#include "format/model_file.h"
#include "tensor/quantize.h"

namespace ondol::format {
namespace {

const std::filesystem::path kGoldens = "tests/golden/format";

/// What make.py calls ramp().
std::vector<float> ramp(std::size_t n) {
  std::vector<float> out(n);
  for (std::size_t i = 0; i < n; ++i) {
    out[i] = static_cast<float>(i) - static_cast<float>(n) / 2;
  }
  return out;
}

std::vector<float> values_of(const Weight& weight) {
  const TensorView& tensor = weight.tensor;
  std::vector<float> out(tensor.shape.n_elements());
  const std::size_t n_cols = tensor.shape.n_cols();
  const std::size_t n_row_bytes = tensor.bytes.size() / tensor.shape.n_rows();
  for (std::size_t row = 0; row < tensor.shape.n_rows(); ++row) {
    dequantize_row(tensor.dtype, tensor.bytes.data() + row * n_row_bytes, &out[row * n_cols],
                   n_cols);
  }
  return out;
}

void expect_ramp(const ModelFile& model, std::string_view name, DType dtype, const Shape& shape,
                 float tolerance) {
  SCOPED_TRACE(name);
  const Weight* weight = model.find(name);
  ASSERT_NE(weight, nullptr);
  EXPECT_EQ(weight->tensor.dtype, dtype);
  ASSERT_EQ(weight->tensor.shape, shape);
  const auto found = values_of(*weight);
  const auto expected = ramp(found.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    ASSERT_NEAR(found[i], expected[i], tolerance) << "element " << i;
  }
}

void expect_tensors(const ModelFile& model) {
  EXPECT_EQ(model.weights().size(), 4U);
  EXPECT_EQ(model.skipped().at("ids"), "dtype i32");
  expect_ramp(model, "f32", DType::kF32, {2, 3}, 0);
  expect_ramp(model, "f16", DType::kF16, {2, 3, 4}, 0);
  expect_ramp(model, "q8_0", DType::kQ8_0, {2, 32}, 32.0F / 127);
  expect_ramp(model, "q4_1", DType::kQ4_1, {3, 64}, 31.0F / 15);
}

TEST(FormatGolden, WholeGguf) {
  const auto opened = ModelFile::open(kGoldens / "whole.gguf");
  ASSERT_TRUE(opened) << opened.error().message();
  const ModelFile& model = **opened;
  EXPECT_EQ(model.architecture(), "llama");
  const Metadata& m = model.metadata();
  EXPECT_EQ(m.integer("general.alignment", 0, 64).value(), 64);
  EXPECT_EQ(m.integer("test.u8", 0, 255).value(), 200);
  EXPECT_EQ(m.integer("test.i8", -128, 127).value(), -100);
  EXPECT_EQ(m.integer("test.u16", 0, 65535).value(), 60000);
  EXPECT_EQ(m.integer("test.i16", -32768, 0).value(), -30000);
  EXPECT_EQ(m.integer("test.u32", 0, 4294967295).value(), 4000000000);
  EXPECT_EQ(m.integer("test.i32", -2147483648, 0).value(), -2000000000);
  EXPECT_EQ(std::get<std::uint64_t>(*m.find("test.u64")), ~std::uint64_t{0});
  EXPECT_EQ(std::get<std::int64_t>(*m.find("test.i64")), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(m.number("test.f32", 0, 1).value(), static_cast<double>(0.1F));
  EXPECT_EQ(m.number("test.f64", 0, 1).value(), 0.1);
  EXPECT_TRUE(m.boolean("test.bool").value());
  EXPECT_EQ(m.string("test.string").value(), "온돌 😀");
  EXPECT_EQ(*m.array<std::string_view>("test.strings").value(),
            (std::vector<std::string_view>{"", "Ġthe", "한"}));
  EXPECT_EQ(*m.array<std::int64_t>("test.ints").value(), (std::vector<std::int64_t>{1, -2, 3}));
  EXPECT_EQ(*m.array<double>("test.floats").value(), (std::vector<double>{0.5, -0.25}));
  EXPECT_EQ(*m.array<bool>("test.bools").value(), (std::vector<bool>{true, false}));
  expect_tensors(model);
}

TEST(FormatGolden, SplitGguf) {
  const auto model = ModelFile::open(kGoldens / "split-00001-of-00003.gguf");
  ASSERT_TRUE(model) << model.error().message();
  EXPECT_EQ((*model)->metadata().integer("test.u8", 0, 255).value(), 200);
  expect_tensors(**model);
}

TEST(FormatGolden, Safetensors) {
  const auto opened = ModelFile::open(kGoldens / "hf");
  ASSERT_TRUE(opened) << opened.error().message();
  const ModelFile& model = **opened;
  EXPECT_EQ(model.weights().size(), 3U);
  EXPECT_EQ(model.skipped().at("ids"), "dtype I64");
  expect_ramp(model, "f32", DType::kF32, {2, 3}, 0);
  expect_ramp(model, "f16", DType::kF16, {2, 3, 4}, 0);
  EXPECT_EQ(values_of(*model.find("scalar")), std::vector<float>{1.5F});
}

}  // namespace
}  // namespace ondol::format
