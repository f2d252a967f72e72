#include "format/safetensors.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>

#include "base/test_clock.h"
#include "format/test_bytes.h"

namespace ondol::format {
namespace {

constexpr std::uint64_t kHuge = ~std::uint64_t{0};

std::string with_header(std::string_view header, std::size_t n_data) {
  return ByteString()
      .put<std::uint64_t>(header.size())
      .raw(header)
      .raw(std::string(n_data, '\x11'))
      .get();
}

Result<TensorList> parse(const std::string& text) {
  const ExactBytes bytes(text);
  return parse_safetensors("m.safetensors", bytes);
}

const std::string kGood =
    with_header(R"({"__metadata__":{"format":"pt"},)"
                R"("b":{"dtype":"BF16","shape":[2,3],"data_offsets":[16,28]},)"
                R"("a":{"data_offsets":[0,16],"shape":[4],"dtype":"F32"},)"
                R"("ids":{"dtype":"I64","shape":[1],"data_offsets":[28,36]},)"
                R"("scale":{"dtype":"F16","shape":[],"data_offsets":[36,38]}}  )",
                38);

TEST(Safetensors, ReadsAPlainFile) {
  const ExactBytes bytes(kGood);
  const auto list = parse_safetensors("m.safetensors", bytes);
  ASSERT_TRUE(list) << list.error().message();
  ASSERT_EQ(list->tensors.size(), 3U);
  const NamedTensor& b = list->tensors[0];
  EXPECT_EQ(b.name, "b");
  EXPECT_EQ(b.tensor.dtype, DType::kBF16);
  EXPECT_EQ(b.tensor.shape, Shape({2, 3}));
  const std::span<const std::byte> all = bytes;
  EXPECT_EQ(b.tensor.bytes.data(), all.data() + all.size() - 38 + 16);
  EXPECT_EQ(b.tensor.bytes.size(), 12U);
  EXPECT_EQ(list->tensors[1].name, "a");
  EXPECT_EQ(list->tensors[2].tensor.shape.rank(), 0U);
  ASSERT_EQ(list->skipped.size(), 1U);
  EXPECT_EQ(list->skipped[0].name, "ids");
  EXPECT_EQ(list->skipped[0].reason, "dtype I64");
}

TEST(Safetensors, PassesOverFiveDimensions) {
  const auto list =
      parse(with_header(R"({"conv":{"dtype":"F16","shape":[1,1,2,1,1],"data_offsets":[0,4]}})", 4));
  ASSERT_TRUE(list) << list.error().message();
  ASSERT_EQ(list->skipped.size(), 1U);
  EXPECT_EQ(list->skipped[0].reason, "5 dimensions");
}

TEST(Safetensors, NoTensorsIsAFileToo) { EXPECT_TRUE(parse(with_header("{}", 0))); }

struct Hostile {
  const char* name;
  std::string bytes;
  ErrorCode code;
  std::vector<std::string> words;
};

constexpr ErrorCode kBad = ErrorCode::kInvalidFile;

/// One tensor "t" with these fields, and 16 bytes of data.
std::string one(std::string_view fields) {
  return with_header(fmt::format(R"({{"t":{{{}}}}})", fields), 16);
}

std::string deep(std::string_view open, std::size_t n) {
  std::string out = R"({"t":)";
  for (std::size_t i = 0; i < n; ++i) out += open;
  return out;
}

const std::vector<Hostile>& hostile_files() {
  static const std::vector<Hostile> cases = {
      {"empty file", "", kBad, {"header length", "found 0", "limit 8"}},
      {"header past the end",
       ByteString().put<std::uint64_t>(3).raw("{}").get(),
       kBad,
       {"header length", "past the end", "found 3", "limit 2"}},
      {"header of 2^64-1",
       ByteString().put(kHuge).raw("{}").get(),
       kBad,
       {"header length", std::to_string(kHuge)}},
      {"header above the limit",
       ByteString().put<std::uint64_t>(100'000'001).raw("{}").get(),
       kBad,
       {"header length", "100000001"}},
      {"header of nothing", with_header("", 0), kBad, {"header"}},
      {"not an object", with_header("[1]", 0), kBad, {"header", "{"}},
      {"leading space", with_header(" {}", 0), kBad, {"header", "{"}},
      {"unfinished JSON", with_header(R"({"t":)", 0), kBad, {"JSON", "byte"}},
      {"text after the JSON", with_header("{} x", 0), kBad, {"JSON", "byte 3"}},
      {"no UTF-8", with_header("{\"\xff\":{}}", 0), kBad, {"JSON", "byte"}},
      {"lone surrogate", with_header(R"({"\ud800":{}})", 0), kBad, {"JSON"}},
      {"nested objects",
       with_header(deep(R"({"k":)", 100000), 0),
       ErrorCode::kLimit,
       {"JSON", "deep"}},
      {"nested arrays", with_header(deep("[", 100000), 0), ErrorCode::kLimit, {"JSON", "deep"}},
      {"entry is a number", with_header(R"({"t":1})", 0), kBad, {"t: entry"}},
      {"entry is empty", with_header(R"({"t":{}})", 0), kBad, {"t: entry"}},
      {"unknown field", one(R"("dtype":"F32","x":1)"), kBad, {"t: entry", "t.x"}},
      {"empty name", with_header(R"({"":{"dtype":"F32"}})", 0), kBad, {"tensor 0", "0 bytes"}},
      {"name with escape", with_header(R"({"\u001b[2J":{"dtype":"F32"}})", 0), kBad, {"printable"}},
      {"tensor twice",
       with_header(R"({"t":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},)"
                   R"("t":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})",
                   16),
       kBad,
       {"t: key appears twice"}},
      {"field twice", one(R"("dtype":"F32","dtype":"F16")"), kBad, {"t.dtype: key appears twice"}},
      {"metadata twice",
       with_header(R"({"__metadata__":{},"__metadata__":{}})", 0),
       kBad,
       {"__metadata__", "twice"}},
      {"metadata of numbers",
       with_header(R"({"__metadata__":{"a":1}})", 0),
       kBad,
       {"__metadata__"}},
      {"metadata is an array", with_header(R"({"__metadata__":[]})", 0), kBad, {"__metadata__"}},
      {"dtype missing", one(R"("shape":[4],"data_offsets":[0,16])"), kBad, {"t: dtype is missing"}},
      {"shape missing",
       one(R"("dtype":"F32","data_offsets":[0,16])"),
       kBad,
       {"t: shape is missing"}},
      {"offsets missing",
       one(R"("dtype":"F32","shape":[4])"),
       kBad,
       {"t: data_offsets is missing"}},
      {"unknown dtype", one(R"("dtype":"F31")"), kBad, {"dtype of t", "F31"}},
      {"dtype is a number", one(R"("dtype":7)"), kBad, {"dtype of t"}},
      {"dtype that is not read here",
       one(R"("dtype":"F8_E4M3")"),
       ErrorCode::kUnsupported,
       {"dtype of t", "F8_E4M3"}},
      {"shape is a string", one(R"("dtype":"F32","shape":"4")"), kBad, {"shape of t"}},
      {"shape is nested", one(R"("dtype":"F32","shape":[[4]])"), kBad, {"shape of t"}},
      {"negative dimension", one(R"("dtype":"F32","shape":[-4])"), kBad, {"shape of t", "-4"}},
      {"broken dimension", one(R"("dtype":"F32","shape":[1.5])"), kBad, {"shape of t", "1.5"}},
      {"dimension above 2^64",
       one(R"("dtype":"F32","shape":[18446744073709551616])"),
       kBad,
       {"shape of t"}},
      {"number above a double",
       one(R"("dtype":"F32","shape":[1e999])"),
       kBad,
       {"t.shape", "1e999"}},
      {"shape of 65 numbers",
       one(R"("shape":[)" +
           [] {
             std::string s = "1";
             for (int i = 0; i < 64; ++i) s += ",1";
             return s;
           }() +
           "]"),
       ErrorCode::kLimit,
       {"t.shape", "65", "64"}},
      {"zero dimension",
       one(R"("dtype":"F32","shape":[0,4],"data_offsets":[0,0])"),
       kBad,
       {"shape of t", "zero", "[0, 4]"}},
      {"elements overflow",
       one(R"("dtype":"F32","shape":[8589934592,8589934592],"data_offsets":[0,16])"),
       kBad,
       {"shape of t", "overflows"}},
      {"bits overflow",
       one(R"("dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,16])"),
       kBad,
       {"data_offsets of t", "found 16"}},
      {"shape and bytes differ",
       one(R"("dtype":"F32","shape":[5],"data_offsets":[0,16])"),
       kBad,
       {"data_offsets of t", "found 16", "limit 20"}},
      {"offsets reversed",
       one(R"("dtype":"F32","shape":[4],"data_offsets":[16,0])"),
       kBad,
       {"data_offsets of t", "found 16", "limit 0"}},
      {"one offset",
       one(R"("dtype":"F32","shape":[4],"data_offsets":[16])"),
       kBad,
       {"data_offsets of t", "two"}},
      {"offset past the end",
       one(R"("dtype":"F32","shape":[5],"data_offsets":[0,20])"),
       kBad,
       {"data_offsets of t", "found 20", "limit 16"}},
      {"offset of 2^64-1",
       one(R"("dtype":"F32","shape":[4],"data_offsets":[18446744073709551599,18446744073709551615])"),
       kBad,
       {"data_offsets of t", std::to_string(kHuge)}},
      {"hole at the front",
       one(R"("dtype":"F32","shape":[2],"data_offsets":[8,16])"),
       kBad,
       {"data_offsets of t", "hole", "found 8"}},
      {"bytes left over",
       one(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])"),
       kBad,
       {"data", "found 16", "limit 8"}},
      {"overlap",
       with_header(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},)"
                   R"("b":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}})",
                   16),
       kBad,
       {"offset of b", "overlaps tensor a"}},
  };
  return cases;
}

TEST(Safetensors, RefusesHostileFiles) {
  for (const Hostile& hostile : hostile_files()) {
    SCOPED_TRACE(hostile.name);
    const auto list = parse(hostile.bytes);
    ASSERT_FALSE(list);
    const std::string message = list.error().message();
    EXPECT_EQ(list.error().code, hostile.code) << message;
    EXPECT_TRUE(message.starts_with("m.safetensors: ")) << message;
    for (const std::string& word : hostile.words) {
      EXPECT_NE(message.find(word), std::string::npos) << "no \"" << word << "\" in: " << message;
    }
  }
}

TEST(Safetensors, TruncatedAtAnyByteIsAnError) {
  ASSERT_TRUE(parse(kGood));
  for (std::size_t n = 0; n < kGood.size(); ++n) {
    const auto list = parse(kGood.substr(0, n));
    ASSERT_FALSE(list) << "cut to " << n << " bytes";
    ASSERT_FALSE(list.error().field.empty()) << "cut to " << n << " bytes";
  }
}

TEST(Safetensors, MutatedHeadersNeverLeadOutOfTheFile) {
  for (std::size_t i = 0; i < kGood.size() - 38; ++i) {
    for (const char value : {'\x00', '\x7f', '\xff', '"', '9', '}'}) {
      std::string text = kGood;
      text[i] = value;
      const ExactBytes bytes(text);
      const std::span<const std::byte> all = bytes;
      const auto list = parse_safetensors("m.safetensors", bytes);
      if (!list) continue;
      for (const NamedTensor& tensor : list->tensors) {
        const auto view = tensor.tensor.bytes;
        ASSERT_GE(view.data(), all.data());
        ASSERT_LE(view.data() + view.size(), all.data() + all.size());
      }
    }
  }
}

TEST(Safetensors, HostileHeadersAreQuick) {
  std::string metadata = R"({"__metadata__":{"a":")" + std::string(30 << 20, 'x') + R"("},"t":1})";
  std::string brackets = R"({"t":)" + std::string(30 << 20, '[');
  for (const std::string& header : {metadata, brackets}) {
    const std::string text = with_header(header, 0);
    const CpuTimer timer;
    EXPECT_FALSE(parse(text));
    EXPECT_LT(timer.elapsed(), std::chrono::seconds(1));
  }
}

TEST(SafetensorsIndex, ReadsTheWeightMap) {
  const auto index = parse_safetensors_index(
      "i.json",
      R"({"metadata":{"total_size":8},"weight_map":{"a.w":"x-1.safetensors","b":"y.safetensors"}})");
  ASSERT_TRUE(index) << index.error().message();
  EXPECT_EQ(*index, (ShardIndex{{"a.w", "x-1.safetensors"}, {"b", "y.safetensors"}}));
}

TEST(SafetensorsIndex, RefusesNamesThatLeadOut) {
  for (const std::string file :
       {"../x.safetensors", "/etc/x.safetensors", "a/b.safetensors", "..", ".safetensors",
        "a\\\\b.safetensors", "", "x.bin", "a\\u0000.safetensors", "a\\n.safetensors"}) {
    const auto index = parse_safetensors_index("i.json", R"({"weight_map":{"w":")" + file + "\"}}");
    ASSERT_FALSE(index) << file;
    EXPECT_EQ(index.error().field, "weight_map of w") << file;
  }
}

TEST(SafetensorsIndex, RefusesWhatIsNoMap) {
  for (const char* text :
       {"{}", R"({"weight_map":{}})", R"({"weight_map":[]})", R"({"weight_map":{"a":1}})",
        R"({"weight_map":{"a":{"b":"c"}}})", R"({"weight_map":"x"})", "[]", "", "null",
        R"({"weight_map":{"a":"x.safetensors","a":"y.safetensors"}})"}) {
    EXPECT_FALSE(parse_safetensors_index("i.json", text)) << text;
  }
}

}  // namespace
}  // namespace ondol::format
