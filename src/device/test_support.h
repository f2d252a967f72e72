// What the tests of device/ share: a device with its buffers held, and random
// operands. Only tests include this.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "device/device.h"
#include "tensor/quantize.h"

namespace ondol::device::test {

using Floats = std::vector<float>;

/// The value, or an exception that fails the test with the error's line.
template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message());
  return *std::move(result);
}

/// A weight's bytes on the host, to be loaded by several devices.
struct HostWeight {
  DType dtype = DType::kF32;
  std::int64_t n_rows = 0;
  std::int64_t n_cols = 0;
  std::vector<std::byte> bytes;
};

/// A device and everything that was made on it.
class Workbench {
 public:
  explicit Workbench(const DeviceOptions& options) : device_(must(make_device(options))) {}

  Device& operator*() { return *device_; }
  Device* operator->() { return device_.get(); }

  Tensor tensor(std::int64_t n_rows, std::int64_t n_cols) {
    // Not at the buffer's start: an operation that forgets the offset is found.
    constexpr std::int64_t kOffset = 16;
    const auto n = static_cast<std::size_t>(n_rows * n_cols + kOffset);
    buffers_.push_back(must(device_->alloc(n * sizeof(float))));
    return {buffers_.back().get(), kOffset, n_rows, n_cols};
  }
  Tensor tensor(std::int64_t n_rows, std::int64_t n_cols, const Floats& values) {
    const Tensor t = tensor(n_rows, n_cols);
    device_->upload(t, values);
    return t;
  }
  Floats read(const Tensor& t) {
    Floats out(static_cast<std::size_t>(t.n_elements()));
    device_->download(t, out);
    return out;
  }
  const Weight& load(const HostWeight& host, WeightUse use) {
    auto keep_alive = std::make_shared<std::vector<std::byte>>(host.bytes);
    const Shape shape{static_cast<std::uint64_t>(host.n_rows),
                      static_cast<std::uint64_t>(host.n_cols)};
    weights_.push_back(
        must(device_->load_weight({host.dtype, shape, *keep_alive}, use, keep_alive)));
    return *weights_.back();
  }
  const Weight& vector(const Floats& values) {
    const auto* bytes = reinterpret_cast<const std::byte*>(values.data());
    return load({DType::kF32, 1, std::ssize(values), {bytes, bytes + values.size() * 4}},
                WeightUse::kVector);
  }

 private:
  std::unique_ptr<Device> device_;  // outlives what was made on it
  std::vector<std::unique_ptr<Buffer>> buffers_;
  std::vector<std::unique_ptr<Weight>> weights_;
};

class Random {
 public:
  explicit Random(std::uint32_t seed) : engine_(seed) {}

  /// Standard normal values times sigma.
  Floats normal(std::int64_t n, float sigma = 1.0F) {
    std::normal_distribution<float> distribution(0.0F, sigma);
    Floats out(static_cast<std::size_t>(n));
    for (float& v : out) v = distribution(engine_);
    return out;
  }
  std::int64_t below(std::int64_t n) {
    return static_cast<std::int64_t>(engine_() % static_cast<std::uint64_t>(n));
  }
  std::mt19937& engine() { return engine_; }

 private:
  std::mt19937 engine_;
};

/// The arrays of a file written by tests/golden/device/generate.py.
inline std::vector<Floats> load_golden(const std::string& name) {
  const std::string path = "tests/golden/device/" + name + ".bin";
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  std::vector<Floats> arrays;
  for (std::uint32_t n = 0; file.read(reinterpret_cast<char*>(&n), sizeof n);) {
    Floats values(n);
    EXPECT_TRUE(file.read(reinterpret_cast<char*>(values.data()), n * sizeof(float))) << path;
    arrays.push_back(std::move(values));
  }
  return arrays;
}

/// |got - want| <= tolerance for every element; `what` says where it came from.
inline void expect_near(const Floats& got, const Floats& want, float tolerance,
                        const std::string& what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  for (std::size_t i = 0; i < got.size(); ++i) {
    // Written so that a NaN fails.
    ASSERT_TRUE(std::abs(got[i] - want[i]) <= tolerance)
        << what << ": element " << i << " is " << got[i] << ", not " << want[i] << " +- "
        << tolerance;
  }
}

}  // namespace ondol::device::test
