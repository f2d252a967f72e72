#include "device/observing_device.h"

#include "device/test_support.h"

namespace ondol::device {
namespace {

using test::Floats;
using test::must;

TEST(ObservingDevice, SumsTheSquaresOfInputsAndChangesNoResult) {
  const auto inner = must(make_device({.name = "reference", .n_threads = 1}));
  ObservingDevice observing(*inner);
  const Floats weights = {1, 2, 3, 4, 5, 6};  // two matrices of one row: [1, 3]
  const auto bytes = std::as_bytes(std::span(weights));
  const TensorView first = {DType::kF32, {1, 3}, bytes.first(12)};
  const TensorView second = {DType::kF32, {1, 3}, bytes.subspan(12)};
  const auto a = must(observing.load_weight(first, WeightUse::kMatrix, nullptr));
  const auto b = must(observing.load_weight(second, WeightUse::kMatrix, nullptr));
  const auto buffer = must(observing.alloc(10 * sizeof(float)));
  const Tensor x = {buffer.get(), 0, 2, 3};
  const Tensor out_a = {buffer.get(), 6, 2, 1};
  const Tensor out_b = {buffer.get(), 8, 2, 1};
  observing.upload(x, Floats{1, 2, 3, -4, 5, -6});

  const std::array both = {MatmulTarget{a.get(), out_a}, MatmulTarget{b.get(), out_b}};
  observing.matmul(x, both);
  const std::array alone = {MatmulTarget{a.get(), out_a.head(1)}};
  observing.matmul(x.head(1), alone);

  Floats got(2);
  observing.download(out_a, got);
  EXPECT_EQ(got, (Floats{14, -12}));
  observing.download(out_b, got);
  EXPECT_EQ(got, (Floats{32, -27}));
  ASSERT_EQ(observing.observed().size(), 2U);
  const auto& of_a = observing.observed().at(first.bytes.data());
  EXPECT_EQ(of_a.n_inputs, 3U);
  EXPECT_EQ(of_a.sums, (std::vector<double>{1 + 16 + 1, 4 + 25 + 4, 9 + 36 + 9}));
  const auto& of_b = observing.observed().at(second.bytes.data());
  EXPECT_EQ(of_b.n_inputs, 2U);
  EXPECT_EQ(of_b.sums, (std::vector<double>{17, 29, 45}));
}

}  // namespace
}  // namespace ondol::device
