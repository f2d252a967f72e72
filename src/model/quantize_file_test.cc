// Files that quantize_file writes, read back with our own reader; and what it
// refuses. Sources are small files with every kind of tensor.
#include "model/quantize_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <random>

#include "format/gguf_writer.h"
#include "model/convert_tensor.h"
#include "model/test_models.h"
#include "tensor/quantize.h"

namespace ondol::model {
namespace {

using format::GgufArray;
using format::GgufWriter;
using format::ModelFile;

constexpr std::uint64_t kLayers = 8;

class QuantizeFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "ondol_quant_XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    write_source(512, DType::kF32);
  }
  void TearDown() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  std::filesystem::path in() const { return folder_ / "in.gguf"; }
  std::filesystem::path out() const { return folder_ / "out.gguf"; }

  /// Values of a tensor by its name alone.
  static std::vector<float> values_of(std::string_view name, std::uint64_t n) {
    std::mt19937 random(static_cast<std::uint32_t>(std::hash<std::string_view>{}(name)));
    std::normal_distribution<float> normal(0.0F, 0.05F);
    std::vector<float> out(n);
    for (float& v : out) v = normal(random);
    return out;
  }

  void write_source(std::uint64_t n_cols, DType dtype, float first = 0.5F) {
    GgufWriter writer(64);
    writer.set("general.architecture", std::string("llama"));
    writer.set("a.u8", std::uint8_t{7});
    writer.set("a.i16", std::int16_t{-7});
    writer.set("a.u64", std::numeric_limits<std::uint64_t>::max());
    writer.set("a.f64", 0.1);
    writer.set("a.bool", true);
    writer.set("a.strings", GgufArray(std::vector<std::string>{"", "two"}));
    writer.set("a.floats", GgufArray(std::vector<float>{1.5F, -2}));
    writer.set("general.file_type", std::uint32_t{0});
    struct Row {
      std::string name;
      Shape shape;
    };
    std::vector<Row> rows = {{"token_embd.weight", {40, n_cols}},
                             {"output.weight", {40, n_cols}},
                             {"output_norm.weight", {n_cols}}};
    for (std::uint64_t layer = 0; layer < kLayers; ++layer) {
      const std::string prefix = "blk." + std::to_string(layer) + ".";
      rows.push_back({prefix + "attn_v.weight", {3, n_cols}});
      rows.push_back({prefix + "attn_q.weight", {5, n_cols}});
      rows.push_back({prefix + "attn_q.bias", {5}});
    }
    for (const Row& row : rows) {
      writer.add_tensor(row.name, row.shape.rank() == 1 ? DType::kF32 : dtype, row.shape);
    }
    ONDOL_ASSERT_OK(writer.open(in()));
    for (const Row& row : rows) {
      const DType stored = row.shape.rank() == 1 ? DType::kF32 : dtype;
      std::vector<float> values = values_of(row.name, row.shape.n_elements());
      if (row.name == "output.weight") values[0] = first;
      std::vector<std::byte> bytes(row_bytes(stored, row.shape.n_cols()).value() *
                                   row.shape.n_rows());
      quantize_row(stored, values.data(), bytes.data(), values.size());
      ONDOL_ASSERT_OK(writer.write(bytes));
    }
    ONDOL_ASSERT_OK(writer.finish());
  }

  Result<QuantizeSummary> quantize(std::string_view type, const QuantizeOptions& more = {}) {
    QuantizeOptions options = more;
    options.type = find_quantize_type(type);
    ONDOL_TRY(const auto file, ModelFile::open(in()));
    return quantize_file(*file, out(), options);
  }

  DType dtype_of(const std::string& name) {
    const auto file = ModelFile::open(out());
    EXPECT_TRUE(file.has_value());
    return (*file)->find(name)->tensor.dtype;
  }

  std::string bytes_of(const std::filesystem::path& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }

  void expect_refused(const Result<QuantizeSummary>& result, ErrorCode code,
                      std::string_view piece) {
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code, code);
    EXPECT_NE(result.error().message().find(piece), std::string::npos) << result.error().message();
    std::size_t n_files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      n_files += entry.path().extension() == ".partial" ? 1 : 0;
    }
    EXPECT_EQ(n_files, 0U) << "a partial file is left";
  }

  std::filesystem::path folder_;
};

TEST_F(QuantizeFile, EachTensorIsWhatTheEncoderMakesOfIt) {
  for (const QuantizeType& type : quantize_types()) {
    std::filesystem::remove(out());
    const auto summary = quantize(type.name);
    ONDOL_ASSERT_OK(summary);
    EXPECT_TRUE(summary->fallbacks.empty());
    const auto source = ModelFile::open(in());
    const auto made = ModelFile::open(out());
    ONDOL_ASSERT_OK(made);
    ASSERT_EQ((*made)->weights().size(), (*source)->weights().size());
    for (const auto& [name, weight] : (*made)->weights()) {
      const TensorView& old = (*source)->find(name)->tensor;
      const TensorView& view = weight.tensor;
      ASSERT_EQ(view.shape, old.shape);
      EXPECT_EQ(is_quantized(view.dtype),
                is_quantized(type.base) && name.ends_with(".weight") && old.shape.rank() == 2)
          << name;
      std::vector<std::byte> want(view.bytes.size());
      const std::size_t n_cols = old.shape.n_cols();
      std::vector<float> row(n_cols);
      for (std::size_t i = 0; i < old.shape.n_rows(); ++i) {
        dequantize_row(old.dtype, old.bytes.data() + i * n_cols * 4, row.data(), n_cols);
        quantize_row(view.dtype, row.data(), want.data() + i * (want.size() / old.shape.n_rows()),
                     n_cols);
      }
      EXPECT_TRUE(std::ranges::equal(view.bytes, want)) << type.name << " " << name;
    }
  }
}

TEST_F(QuantizeFile, MetadataKeepsItsExactTypes) {
  ONDOL_ASSERT_OK(quantize("q8_0"));
  const auto raw = [this](const std::filesystem::path& path) {
    const std::string text = bytes_of(path);
    const auto gguf = format::parse_gguf("m", std::as_bytes(std::span(text.data(), text.size())));
    std::map<std::string, std::string> values;
    for (const auto& pair : gguf->raw_metadata) {
      values[std::string(pair.key)] = std::string(
          reinterpret_cast<const char*>(pair.type_and_value.data()), pair.type_and_value.size());
    }
    return values;
  };
  const auto before = raw(in());
  auto after = raw(out());
  for (const auto& [key, value] : before) {
    if (key == "general.file_type") continue;
    EXPECT_EQ(after.at(key), value) << key;
  }
  const auto file = ModelFile::open(out());
  EXPECT_EQ(*(*file)->metadata().integer("general.file_type", 0, 99), 7);
  EXPECT_EQ(*(*file)->metadata().integer("general.quantization_version", 0, 99), 2);
  EXPECT_EQ(after.size(), before.size() + 1);
}

TEST_F(QuantizeFile, MixturesFavourHalfOfTheLayersAndTheHead) {
  ONDOL_ASSERT_OK(quantize("q4_k_m"));
  EXPECT_EQ(dtype_of("output.weight"), DType::kQ6_K);
  EXPECT_EQ(dtype_of("token_embd.weight"), DType::kQ4_K);
  std::string favoured;
  for (std::uint64_t layer = 0; layer < kLayers; ++layer) {
    const std::string prefix = "blk." + std::to_string(layer) + ".";
    favoured += dtype_of(prefix + "attn_v.weight") == DType::kQ6_K ? '6' : '4';
    EXPECT_EQ(dtype_of(prefix + "attn_q.weight"), DType::kQ4_K);
    EXPECT_EQ(dtype_of(prefix + "attn_q.bias"), DType::kF32);
  }
  EXPECT_EQ(favoured, "64464466");
}

TEST_F(QuantizeFile, RowsThatDoNotFitTakeBlocksOf32OrStay) {
  write_source(96, DType::kF16);
  auto summary = quantize("q4_k_m");
  ONDOL_ASSERT_OK(summary);
  EXPECT_EQ(dtype_of("output.weight"), DType::kQ8_0);
  EXPECT_EQ(dtype_of("blk.1.attn_q.weight"), DType::kQ5_0);
  const std::tuple<std::string, std::string, std::uint64_t> head = {"q6_k", "q8_0", 96};
  EXPECT_EQ(summary->fallbacks.at(head), 1U + 4);  // and four attn_v
  std::filesystem::remove(out());
  write_source(33, DType::kF16);
  summary = quantize("q8_0");
  ONDOL_ASSERT_OK(summary);
  EXPECT_EQ(dtype_of("output.weight"), DType::kF16);
  EXPECT_EQ(summary->bytes_after, summary->bytes_before);
}

TEST_F(QuantizeFile, RowsLongerThanAPieceAndThreads) {
  write_source(2 * TensorConverter::kPieceElements + 512, DType::kF16);
  QuantizeOptions options;
  options.n_threads = 1;
  ONDOL_ASSERT_OK(quantize("q5_k", options));
  const std::string once = bytes_of(out());
  options.n_threads = 3;
  options.overwrite = true;
  ONDOL_ASSERT_OK(quantize("q5_k", options));
  EXPECT_EQ(bytes_of(out()), once);
  // No importances, so each block stands alone: pieces change nothing.
  const auto source = ModelFile::open(in());
  const auto made = ModelFile::open(out());
  const TensorView& old = (*source)->find("output.weight")->tensor;
  const TensorView& view = (*made)->find("output.weight")->tensor;
  std::vector<float> row(old.shape.n_cols());
  std::vector<std::byte> want(row_bytes(view.dtype, row.size()).value());
  dequantize_row(old.dtype, old.bytes.data(), row.data(), row.size());
  quantize_row(view.dtype, row.data(), want.data(), row.size());
  EXPECT_TRUE(std::ranges::equal(view.bytes.first(want.size()), want));
}

TEST_F(QuantizeFile, TheTiedTableIsTheHead) {
  GgufWriter writer;
  writer.set("general.architecture", std::string("llama"));
  writer.add_tensor("token_embd.weight", DType::kF32, {1, 256});
  ONDOL_ASSERT_OK(writer.open(in()));
  ONDOL_ASSERT_OK(writer.write(std::as_bytes(std::span<const float>(values_of("t", 256)))));
  ONDOL_ASSERT_OK(writer.finish());
  ONDOL_ASSERT_OK(quantize("q4_0"));
  EXPECT_EQ(dtype_of("token_embd.weight"), DType::kQ6_K);
}

Imatrix importances(std::uint64_t n_cols) {
  Imatrix out;
  std::vector<double> sums(n_cols, 1.0);
  for (std::size_t i = 0; i < n_cols; i += 2) sums[i] = 1000;
  out.entries["blk.0.attn_q.weight"] = {n_cols, sums, {2.0}};
  out.datasets = {"prose.txt"};
  out.n_chunks = 3;
  return out;
}

TEST_F(QuantizeFile, ImportancesMoveErrorsAway) {
  ONDOL_ASSERT_OK(quantize("q4_0"));
  const auto errors = [this] {
    const auto file = ModelFile::open(out());
    const TensorView& view = (*file)->find("blk.0.attn_q.weight")->tensor;
    const auto want = values_of("blk.0.attn_q.weight", view.shape.n_elements());
    std::vector<float> got(want.size());
    dequantize_row(view.dtype, view.bytes.data(), got.data(), got.size());
    std::array<double, 2> sums{};
    for (std::size_t i = 0; i < got.size(); ++i) sums[i % 2] += std::pow(got[i] - want[i], 2);
    return sums;
  };
  const auto plain = errors();
  const Imatrix imatrix = importances(512);
  QuantizeOptions options;
  options.imatrix = &imatrix;
  options.imatrix_name = "im.gguf";
  options.overwrite = true;
  const auto summary = quantize("q4_0", options);
  ONDOL_ASSERT_OK(summary);
  EXPECT_EQ(summary->n_without_importances, 2 + 2 * kLayers - 1);
  const auto weighted = errors();
  EXPECT_LT(weighted[0], 0.9 * plain[0]);
  EXPECT_GT(weighted[1], plain[1]);
  const auto file = ModelFile::open(out());
  EXPECT_EQ(*(*file)->metadata().string("quantize.imatrix.file"), "im.gguf");
  EXPECT_EQ(*(*file)->metadata().string("quantize.imatrix.dataset"), "prose.txt");
  EXPECT_EQ(*(*file)->metadata().integer("quantize.imatrix.chunks_count", 0, 9), 3);
}

TEST_F(QuantizeFile, ImportancesOfAnotherModelAreRefused) {
  Imatrix imatrix = importances(511);
  QuantizeOptions options;
  options.imatrix = &imatrix;
  expect_refused(quantize("q4_0", options), ErrorCode::kInvalidArgument, "[1, 511]");
  imatrix.entries = {{"blk.0.elsewhere.weight", {512, std::vector<double>(512, 1.0), {1.0}}}};
  expect_refused(quantize("q4_0", options), ErrorCode::kInvalidArgument, "no tensor has one");
  EXPECT_FALSE(std::filesystem::exists(out()));
}

TEST_F(QuantizeFile, ValuesThatAreNoNumbersAreRefused) {
  for (const float broken :
       {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    write_source(512, DType::kF32, broken);
    expect_refused(quantize("q4_k"), ErrorCode::kInvalidFile, "output.weight");
  }
  write_source(512, DType::kF32, 70000.0F);
  expect_refused(quantize("f16"), ErrorCode::kInvalidFile, "65504");
  EXPECT_FALSE(std::filesystem::exists(out()));
}

TEST_F(QuantizeFile, NothingIsOverwrittenUnasked) {
  std::ofstream(out()) << "precious";
  expect_refused(quantize("q8_0"), ErrorCode::kInvalidArgument, "--force");
  EXPECT_EQ(bytes_of(out()), "precious");
  QuantizeOptions options;
  options.overwrite = true;
  options.progress = [](auto, auto, auto) { return false; };
  expect_refused(quantize("q8_0", options), ErrorCode::kCancelled, "interrupted");
  EXPECT_EQ(bytes_of(out()), "precious");
  options.progress = {};
  ONDOL_ASSERT_OK(quantize("q8_0", options));

  std::filesystem::remove(out());
  std::filesystem::create_symlink(in(), out());
  expect_refused(quantize("q8_0", options), ErrorCode::kInvalidArgument, "is the model");
  std::filesystem::remove(out());
  std::filesystem::create_directory(out());
  expect_refused(quantize("q8_0", options), ErrorCode::kInvalidArgument, "no regular file");
}

TEST_F(QuantizeFile, SplitFilesBecomeOne) {
  for (std::uint16_t number = 0; number < 2; ++number) {
    GgufWriter writer;
    if (number == 0) writer.set("general.architecture", std::string("llama"));
    writer.set("split.no", number);
    writer.set("split.count", std::uint16_t{2});
    const std::string name = "blk." + std::to_string(number) + ".attn_q.weight";
    writer.add_tensor(name, DType::kF32, {1, 32});
    ONDOL_ASSERT_OK(
        writer.open(folder_ / ("m-0000" + std::to_string(number + 1) + "-of-00002.gguf")));
    ONDOL_ASSERT_OK(writer.write(std::as_bytes(std::span<const float>(values_of(name, 32)))));
    ONDOL_ASSERT_OK(writer.finish());
  }
  const auto file = ModelFile::open(folder_ / "m-00001-of-00002.gguf");
  ONDOL_ASSERT_OK(file);
  QuantizeOptions options;
  options.type = find_quantize_type("f32");
  ONDOL_ASSERT_OK(quantize_file(**file, out(), options));
  const auto made = ModelFile::open(out());
  ONDOL_ASSERT_OK(made);
  EXPECT_EQ((*made)->weights().size(), 2U);
  EXPECT_FALSE((*made)->metadata().has("split.count"));
  for (const auto& [name, weight] : (*made)->weights()) {
    EXPECT_TRUE(std::ranges::equal(weight.tensor.bytes, (*file)->find(name)->tensor.bytes));
  }
  options.overwrite = true;
  const auto second = quantize_file(**file, folder_ / "m-00002-of-00002.gguf", options);
  expect_refused(second, ErrorCode::kInvalidArgument, "is the model");
}

TEST_F(QuantizeFile, TensorsThatAreNoWeightsAreRefused) {
  const auto file = ModelFile::open("tests/golden/format/whole.gguf");
  ONDOL_ASSERT_OK(file);
  QuantizeOptions options;
  options.type = find_quantize_type("q8_0");
  expect_refused(quantize_file(**file, out(), options), ErrorCode::kUnsupported, "i32");
}

TEST_F(QuantizeFile, HuggingFaceDirectoriesAreRefused) {
  const auto file = ModelFile::open("tests/golden/models/qwen3_tied");
  ONDOL_ASSERT_OK(file);
  QuantizeOptions options;
  options.type = find_quantize_type("q8_0");
  expect_refused(quantize_file(**file, out(), options), ErrorCode::kUnsupported, "--dtype");
}

}  // namespace
}  // namespace ondol::model
