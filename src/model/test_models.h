// For tests only: running the golden models of tests/golden/models and comparing
// logits.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/mapped_file.h"
#include "model/model.h"

namespace ondol::model {

inline constexpr std::int64_t kGoldenTokens = 64;
inline constexpr std::string_view kGoldenFolder = "tests/golden/models/";

/// Every variant that generate.py makes.
inline constexpr std::string_view kGoldenNames[] = {
    "llama_grouped_untied_llama3",
    "llama_mha_tied_linear",
    "llama_biases_head_dim",
    "llama_groups_of_three",
    "mistral_window_bf16",
    "qwen2_f16",
    "qwen2_plain_f16",
    "hyperclovax",
    "qwen3_tied",
    "qwen3_untied_yarn",
    "gemma3",
    "gemma3_caps_linear",
    "gemma3_conditional",
};

/// The ids of generate.py's tokens().
inline std::vector<std::int32_t> golden_tokens(std::int64_t n_vocab,
                                               std::int64_t n = kGoldenTokens) {
  std::vector<std::int32_t> out;
  std::uint64_t state = 12345;
  for (std::int64_t i = 0; i < n; ++i) {
    state = (state * 1103515245 + 12345) % (std::uint64_t{1} << 31U);
    out.push_back(static_cast<std::int32_t>((state >> 8U) % static_cast<std::uint64_t>(n_vocab)));
  }
  return out;
}

/// The floats of a little-endian .npy file of dtype <f4 in C order.
inline std::vector<float> read_npy(const std::filesystem::path& path) {
  constexpr std::size_t kFixedBytes = 10;  // magic, version, u16 header length
  const auto file = MappedFile::open(path);
  EXPECT_TRUE(file.has_value()) << (file ? "" : file.error().message());
  if (!file || (*file)->bytes().size() < kFixedBytes) return {};
  const auto bytes = (*file)->bytes();
  const std::size_t n_header =
      std::to_integer<std::size_t>(bytes[8]) + 256 * std::to_integer<std::size_t>(bytes[9]);
  const auto body = bytes.subspan(std::min(bytes.size(), kFixedBytes + n_header));
  std::vector<float> out(body.size() / sizeof(float));
  std::memcpy(out.data(), body.data(), out.size() * sizeof(float));
  return out;
}

inline std::vector<float> golden_logits(std::string_view name) {
  return read_npy(std::string(kGoldenFolder) + std::string(name) + "/logits.npy");
}

/// max |a - b| / max |b|; infinite when the lengths differ or a value is no number.
inline double relative_error(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size() || a.empty()) return HUGE_VAL;
  double worst = 0;
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(a[i])) return HUGE_VAL;
    worst = std::max(worst, std::abs(double{a[i]} - double{b[i]}));
    largest = std::max(largest, std::abs(double{b[i]}));
  }
  return worst / largest;
}

/// A model on a device with room for a few sequences.
class Runner {
 public:
  static constexpr std::int64_t kPageTokens = 8;

  explicit Runner(std::string_view device_name = "reference") {
    device::DeviceOptions options;
    options.name = device_name;
    options.n_threads = 2;
    auto made = device::make_device(options);
    EXPECT_TRUE(made.has_value()) << (made ? "" : made.error().message());
    if (made) device_ = *std::move(made);
  }

  Result<void> load(const std::filesystem::path& path, const LoadOptions& options = {}) {
    ONDOL_TRY(file_, format::ModelFile::open(path));
    ONDOL_TRY(model_, model::load(file_, *device_, options));
    return make_cache();
  }

  Result<void> make_cache(DType dtype = DType::kF32, std::int64_t n_pages = 40) {
    const ModelInfo& m = model_->info();
    device::KvCacheShape shape = {m.n_layers, n_pages, kPageTokens, m.n_kv_heads, m.d_head, dtype};
    ONDOL_TRY(cache_, device_->make_kv_cache(shape));
    return {};
  }

  /// A part of a sequence: tokens, of which `n_past` have been computed before.
  struct Part {
    std::span<const std::int32_t> tokens;
    std::int32_t n_past;
    std::span<const std::int32_t> pages;
  };

  /// One forward over all parts: the logits of every row.
  std::vector<float> step(std::span<const Part> parts) {
    std::vector<std::int32_t> tokens;
    std::vector<std::int32_t> positions;
    std::vector<std::int32_t> slots;
    std::vector<device::AttentionSequence> sequences;
    for (const Part& part : parts) {
      const auto n = static_cast<std::int32_t>(part.tokens.size());
      sequences.push_back({static_cast<std::int32_t>(tokens.size()), n, part.n_past, part.pages});
      for (std::int32_t i = 0; i < n; ++i) {
        const std::int32_t position = part.n_past + i;
        const std::int32_t page = part.pages[static_cast<std::size_t>(position / kPageTokens)];
        tokens.push_back(part.tokens[static_cast<std::size_t>(i)]);
        positions.push_back(position);
        slots.push_back(static_cast<std::int32_t>(page * kPageTokens + position % kPageTokens));
      }
    }
    std::vector<std::int32_t> rows(tokens.size());
    std::iota(rows.begin(), rows.end(), 0);
    const auto logits = model_->forward({tokens, positions, slots, sequences, rows}, *cache_);
    return {logits.begin(), logits.end()};
  }

  /// One sequence in pieces of the given sizes (the last takes the rest).
  std::vector<float> run(std::span<const std::int32_t> tokens,
                         std::span<const std::size_t> pieces = {}) {
    std::vector<std::int32_t> pages(tokens.size() / kPageTokens + 1);
    std::iota(pages.begin(), pages.end(), 0);
    std::vector<float> out;
    std::size_t done = 0;
    for (std::size_t i = 0; done < tokens.size(); ++i) {
      const std::size_t n =
          std::min(i < pieces.size() ? pieces[i] : tokens.size(), tokens.size() - done);
      const Part part = {tokens.subspan(done, n), static_cast<std::int32_t>(done), pages};
      const auto logits = step(std::span(&part, 1));
      out.insert(out.end(), logits.begin(), logits.end());
      done += n;
    }
    return out;
  }

  Model& model() { return *model_; }
  const format::ModelFile& file() const { return *file_; }
  device::Device& device() { return *device_; }

 private:
  std::unique_ptr<device::Device> device_;
  std::shared_ptr<const format::ModelFile> file_;
  std::unique_ptr<Model> model_;
  std::unique_ptr<device::KvCache> cache_;
};

/// Fails the test with the error's line.
#define ONDOL_ASSERT_OK(expression)                                    \
  do {                                                                 \
    const auto& result_ok = (expression);                              \
    ASSERT_TRUE(result_ok.has_value()) << result_ok.error().message(); \
  } while (false)

}  // namespace ondol::model
