#include "format/gguf.h"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>

#include "base/test_clock.h"
#include "format/gguf_writer.h"
#include "format/test_bytes.h"

namespace ondol::format {
namespace {

// Type ids as docs/gguf.md numbers them, written out so that the test does not
// lean on the table it tests.
constexpr std::uint32_t kU8 = 0, kU32 = 4, kBool = 7, kString = 8, kArray = 9, kU64 = 10;
constexpr std::uint32_t kF32Id = 0, kQ4_0Id = 2;
constexpr std::uint64_t kHuge = ~std::uint64_t{0};

/// A GGUF file with two keys and two tensors, every part of which a case may
/// replace.
struct Parts {
  std::string magic = "GGUF";
  std::uint32_t version = 3;
  std::uint64_t n_tensors = 2;
  std::uint64_t n_kv = 2;
  ByteString kv = ByteString()
                      .string("general.architecture")
                      .put(kString)
                      .string("llama")
                      .string("llama.block_count")
                      .put(kU32)
                      .put<std::uint32_t>(1);
  ByteString infos =
      info("a.weight", {4, 3}, kF32Id, 0).raw(info("b.weight", {32}, kQ4_0Id, 64).get());
  std::size_t n_data = 64 + 18;
  std::size_t alignment = 32;

  static ByteString info(std::string_view name, const std::vector<std::uint64_t>& dims,
                         std::uint32_t type, std::uint64_t offset) {
    ByteString out;
    out.string(name).put(static_cast<std::uint32_t>(dims.size()));
    for (const std::uint64_t dim : dims) out.put(dim);
    return out.put(type).put(offset);
  }
  static ByteString key(std::string_view name, std::uint32_t type) {
    return ByteString().string(name).put(type);
  }
  /// One key, in place of both.
  void only_key(const ByteString& pair) {
    n_kv = 1;
    kv = pair;
  }
  void only_tensor(const ByteString& tensor) {
    n_tensors = 1;
    infos = tensor;
  }

  std::string build() const {
    ByteString out;
    out.raw(magic).put(version).put(n_tensors).put(n_kv).raw(kv.get()).raw(infos.get());
    out.pad(alignment).raw(std::string(n_data, '\x11'));
    return out.get();
  }
};

Result<Gguf> parse(const std::string& text) {
  const ExactBytes bytes(text);
  return parse_gguf("m.gguf", bytes);
}

TEST(Gguf, ReadsAPlainFile) {
  for (const std::uint32_t version : {2U, 3U}) {
    Parts parts;
    parts.version = version;
    const std::string text = parts.build();
    const ExactBytes bytes(text);
    const auto gguf = parse_gguf("m.gguf", bytes);
    ASSERT_TRUE(gguf) << gguf.error().message();
    EXPECT_EQ(gguf->metadata.string("general.architecture").value(), "llama");
    EXPECT_EQ(gguf->metadata.integer("llama.block_count", 0, 9).value(), 1);
    ASSERT_EQ(gguf->list.tensors.size(), 2U);
    const NamedTensor& a = gguf->list.tensors[0];
    EXPECT_EQ(a.name, "a.weight");
    EXPECT_EQ(a.tensor.shape, Shape({3, 4}));  // outermost first
    EXPECT_EQ(a.tensor.bytes.size(), 48U);
    const std::span<const std::byte> all = bytes;
    EXPECT_EQ(a.tensor.bytes.data(), all.data() + (text.size() - parts.n_data));
    EXPECT_EQ(gguf->list.tensors[1].tensor.dtype, DType::kQ4_0);
    EXPECT_EQ(gguf->list.tensors[1].tensor.bytes.size(), 18U);
  }
}

TEST(Gguf, PassesOverIntegerTensors) {
  Parts parts;
  parts.only_tensor(Parts::info("ids", {8}, 26, 0));
  const auto gguf = parse(parts.build());
  ASSERT_TRUE(gguf) << gguf.error().message();
  EXPECT_TRUE(gguf->list.tensors.empty());
  ASSERT_EQ(gguf->list.skipped.size(), 1U);
  EXPECT_EQ(gguf->list.skipped[0].reason, "dtype i32");
}

TEST(Gguf, VocabularyOnlyNeedsNoDataSection) {
  Parts parts;
  parts.n_tensors = 0;
  parts.infos = ByteString();
  parts.n_data = 0;
  parts.alignment = 1;
  EXPECT_TRUE(parse(parts.build()));
}

struct Hostile {
  const char* name;
  std::function<void(Parts&)> break_it;
  ErrorCode code;
  std::vector<std::string> words;  // field, value, limit: all in the message
};

constexpr ErrorCode kBad = ErrorCode::kInvalidFile;
constexpr ErrorCode kUnsupported = ErrorCode::kUnsupported;

const std::vector<Hostile>& hostile_headers() {
  static const std::vector<Hostile> cases = {
      {"wrong magic", [](Parts& p) { p.magic = "GGML"; }, kBad, {"magic", "47 47 4d 4c"}},
      {"version 1", [](Parts& p) { p.version = 1; }, kUnsupported, {"version", "version 1"}},
      {"version 4", [](Parts& p) { p.version = 4; }, kUnsupported, {"version", "found 4"}},
      {"version 0", [](Parts& p) { p.version = 0; }, kUnsupported, {"version", "found 0"}},
      {"big endian",
       [](Parts& p) { p.version = 0x03000000; },
       kUnsupported,
       {"version", "big-endian"}},
      {"n_tensors 2^64-1",
       [](Parts& p) { p.n_tensors = kHuge; },
       kBad,
       {"n_tensors", std::to_string(kHuge)}},
      {"n_tensors one more",
       [](Parts& p) {
         p.n_tensors = 3;
         p.n_data = 0;
         p.alignment = 1;
       },
       kBad,
       {"n_tensors", "found 3"}},
      {"n_kv 2^64-1", [](Parts& p) { p.n_kv = kHuge; }, kBad, {"n_kv", std::to_string(kHuge)}},
      {"n_kv 2^63", [](Parts& p) { p.n_kv = 1ULL << 63; }, kBad, {"n_kv"}},
      {"key length 2^64-1",
       [](Parts& p) { p.only_key(ByteString().put(kHuge).raw(std::string(40, 'k'))); },
       kBad,
       {"key 0", std::to_string(kHuge)}},
      {"empty key",
       [](Parts& p) { p.only_key(Parts::key("", kU32).put<std::uint32_t>(1)); },
       kBad,
       {"key 0", "0 bytes", "1024"}},
      {"long key",
       [](Parts& p) { p.only_key(Parts::key(std::string(1025, 'k'), kU32).put<std::uint32_t>(1)); },
       kBad,
       {"key 0", "1025 bytes"}},
      {"key with escape",
       [](Parts& p) { p.only_key(Parts::key("a\x1b[2J", kU32).put<std::uint32_t>(1)); },
       kBad,
       {"key 0", "printable"}},
      {"key that is no UTF-8",
       [](Parts& p) { p.only_key(Parts::key("a\xff", kU32).put<std::uint32_t>(1)); },
       kBad,
       {"key 0", "UTF-8"}},
      {"key twice",
       [](Parts& p) {
         p.kv = Parts::key("k", kU32).put<std::uint32_t>(1);
         p.kv.raw(Parts::key("k", kU32).put<std::uint32_t>(2).get());
       },
       kBad,
       {"k", "twice"}},
      {"unknown value type",
       [](Parts& p) { p.only_key(Parts::key("k", 13).put(kHuge)); },
       kBad,
       {"k: unknown value type", "found 13", "limit 12"}},
      {"value type 2^32-1",
       [](Parts& p) { p.only_key(Parts::key("k", 0xFFFFFFFF).put(kHuge)); },
       kBad,
       {"k: unknown value type"}},
      {"boolean of 2",
       [](Parts& p) { p.only_key(Parts::key("k", kBool).put<std::uint8_t>(2)); },
       kBad,
       {"k: not a boolean", "found 2"}},
      {"string length 2^64-1",
       [](Parts& p) { p.only_key(Parts::key("k", kString).put(kHuge)); },
       kBad,
       {"k: length", std::to_string(kHuge)}},
      {"array length 2^64-1",
       [](Parts& p) { p.only_key(Parts::key("k", kArray).put(kU8).put(kHuge)); },
       kBad,
       {"k: array", std::to_string(kHuge)}},
      {"array length times size overflows",
       [](Parts& p) { p.only_key(Parts::key("k", kArray).put(kU64).put(1ULL << 61)); },
       kBad,
       {"k: array"}},
      {"array of strings, too long",
       [](Parts& p) { p.only_key(Parts::key("k", kArray).put(kString).put<std::uint64_t>(1000)); },
       kBad,
       {"k: array", "found 1000"}},
      {"string in array, length 2^64-1",
       [](Parts& p) {
         p.only_key(
             Parts::key("k", kArray).put(kString).put<std::uint64_t>(2).string("x").put(kHuge));
       },
       kBad,
       {"k[1]", std::to_string(kHuge)}},
      {"array of arrays",
       [](Parts& p) {
         p.only_key(Parts::key("k", kArray).put(kArray).put<std::uint64_t>(1).put(kU8).put(kHuge));
       },
       kUnsupported,
       {"k: an array of arrays"}},
      {"array of unknown type",
       [](Parts& p) { p.only_key(Parts::key("k", kArray).put<std::uint32_t>(99).put(kHuge)); },
       kBad,
       {"k: unknown value type", "99"}},
      {"boolean of 3 in array",
       [](Parts& p) {
         p.only_key(Parts::key("k", kArray).put(kBool).put<std::uint64_t>(1).put<std::uint8_t>(3));
       },
       kBad,
       {"k[0]: not a boolean", "found 3"}},
      {"u64 in array above int64",
       [](Parts& p) {
         p.only_key(Parts::key("k", kArray).put(kU64).put<std::uint64_t>(1).put(kHuge));
       },
       kUnsupported,
       {"k[0]", std::to_string(kHuge)}},
      {"alignment 0",
       [](Parts& p) { p.only_key(Parts::key("general.alignment", kU32).put<std::uint32_t>(0)); },
       kBad,
       {"general.alignment", "found 0"}},
      {"alignment 48",
       [](Parts& p) { p.only_key(Parts::key("general.alignment", kU32).put<std::uint32_t>(48)); },
       kBad,
       {"general.alignment", "power of two", "48"}},
      {"alignment huge",
       [](Parts& p) { p.only_key(Parts::key("general.alignment", kU64).put(1ULL << 63)); },
       kBad,
       {"general.alignment", std::to_string(1ULL << 63)}},
      {"alignment is a string",
       [](Parts& p) { p.only_key(Parts::key("general.alignment", kString).string("32")); },
       kBad,
       {"general.alignment", "another type"}},
  };
  return cases;
}

const std::vector<Hostile>& hostile_tensors() {
  static const std::vector<Hostile> cases = {
      {"tensor name length 2^64-1",
       [](Parts& p) { p.only_tensor(ByteString().put(kHuge).raw(std::string(50, 'x'))); },
       kBad,
       {"tensor 0", std::to_string(kHuge)}},
      {"empty tensor name",
       [](Parts& p) { p.only_tensor(Parts::info("", {32}, kF32Id, 0)); },
       kBad,
       {"tensor 0", "0 bytes"}},
      {"tensor name with newline",
       [](Parts& p) { p.only_tensor(Parts::info("a\nb", {8}, kF32Id, 0)); },
       kBad,
       {"tensor 0", "printable"}},
      {"tensor twice",
       [](Parts& p) {
         p.infos = Parts::info("t", {8}, kF32Id, 0).raw(Parts::info("t", {8}, kF32Id, 32).get());
       },
       kBad,
       {"t: tensor appears twice"}},
      {"no dimensions",
       [](Parts& p) { p.only_tensor(Parts::info("t", {}, kF32Id, 0)); },
       kBad,
       {"n_dims of t", "found 0", "1 to 4"}},
      {"five dimensions",
       [](Parts& p) { p.only_tensor(Parts::info("t", {1, 1, 1, 1, 1}, kF32Id, 0)); },
       kBad,
       {"n_dims of t", "found 5"}},
      {"2^32-1 dimensions",
       [](Parts& p) {
         p.only_tensor(ByteString().string("t").put<std::uint32_t>(0xFFFFFFFF).pad(64));
       },
       kBad,
       {"n_dims of t", "4294967295"}},
      {"zero dimension",
       [](Parts& p) { p.only_tensor(Parts::info("t", {8, 0}, kF32Id, 0)); },
       kBad,
       {"shape of t", "zero", "[0, 8]"}},
      {"elements overflow",
       [](Parts& p) { p.only_tensor(Parts::info("t", {1ULL << 33, 1ULL << 33}, kF32Id, 0)); },
       kBad,
       {"shape of t", "overflows", "8589934592"}},
      {"bytes overflow",
       [](Parts& p) { p.only_tensor(Parts::info("t", {1ULL << 31, 1ULL << 31}, kF32Id, 0)); },
       kBad,
       {"shape of t", "overflows"}},
      {"row bytes overflow",
       [](Parts& p) { p.only_tensor(Parts::info("t", {1ULL << 63}, kF32Id, 0)); },
       kBad,
       {"shape of t", "overflows"}},
      {"skipped type's bytes overflow",
       [](Parts& p) { p.only_tensor(Parts::info("t", {1ULL << 62}, 27, 0)); },
       kBad,
       {"shape of t", "overflows"}},
      {"removed type 4",
       [](Parts& p) { p.only_tensor(Parts::info("t", {32}, 4, 0)); },
       kBad,
       {"dtype of t", "removed", "found 4"}},
      {"unknown type",
       [](Parts& p) { p.only_tensor(Parts::info("t", {32}, 77, 0)); },
       kBad,
       {"dtype of t", "unknown", "found 77"}},
      {"type that is not read here",
       [](Parts& p) { p.only_tensor(Parts::info("t", {256}, 16, 0)); },
       kUnsupported,
       {"dtype of t", "iq2_xxs"}},
      {"row is no multiple of the block",
       [](Parts& p) { p.only_tensor(Parts::info("t", {33, 32}, kQ4_0Id, 0)); },
       kBad,
       {"shape of t", "q4_0", "[32, 33]", "32"}},
      {"misaligned offset",
       [](Parts& p) { p.only_tensor(Parts::info("t", {8}, kF32Id, 16)); },
       kBad,
       {"offset of t", "alignment", "found 16", "limit 32"}},
      {"offset past the end",
       [](Parts& p) { p.only_tensor(Parts::info("t", {8}, kF32Id, 96)); },
       kBad,
       {"offset of t", "96 + 32", "82 bytes"}},
      {"offset 2^64-32",
       [](Parts& p) { p.only_tensor(Parts::info("t", {8}, kF32Id, kHuge - 31)); },
       kBad,
       {"offset of t", std::to_string(kHuge - 31)}},
      {"ends one byte past the end",
       [](Parts& p) { p.n_data -= 1; },
       kBad,
       {"offset of b.weight", "64 + 18", "81 bytes"}},
      {"overlap",
       [](Parts& p) {
         p.infos = Parts::info("a", {12}, kF32Id, 0).raw(Parts::info("b", {4}, kF32Id, 32).get());
       },
       kBad,
       {"offset of b", "overlaps tensor a", "found 32", "48"}},
      {"same offset",
       [](Parts& p) {
         p.infos = Parts::info("a", {4}, kF32Id, 0).raw(Parts::info("b", {4}, kF32Id, 0).get());
       },
       kBad,
       {"overlaps"}},
      {"padding runs past the end",
       [](Parts& p) {
         p.only_key(Parts::key("general.alignment", kU32).put<std::uint32_t>(1 << 20));
         p.only_tensor(Parts::info("t", {8}, kF32Id, 0));
       },
       kBad,
       {"data section", "1048576"}},
  };
  return cases;
}

void expect_refused(const std::vector<Hostile>& cases) {
  for (const Hostile& hostile : cases) {
    SCOPED_TRACE(hostile.name);
    Parts parts;
    hostile.break_it(parts);
    const auto gguf = parse(parts.build());
    ASSERT_FALSE(gguf);
    EXPECT_EQ(gguf.error().code, hostile.code);
    const std::string message = gguf.error().message();
    EXPECT_TRUE(message.starts_with("m.gguf: ")) << message;
    for (const std::string& word : hostile.words) {
      EXPECT_NE(message.find(word), std::string::npos) << "no \"" << word << "\" in: " << message;
    }
  }
}

TEST(Gguf, RefusesHostileHeaders) { expect_refused(hostile_headers()); }
TEST(Gguf, RefusesHostileTensors) { expect_refused(hostile_tensors()); }

/// One of everything: each value type, alone and in an array, and tensors.
std::string everything() {
  GgufWriter writer;
  writer.set("general.architecture", std::string("llama"));
  writer.set("u8", std::uint8_t{255});
  writer.set("i8", std::int8_t{-128});
  writer.set("u16", std::uint16_t{65535});
  writer.set("i16", std::int16_t{-32768});
  writer.set("u32", std::uint32_t{4294967295});
  writer.set("i32", std::int32_t{-2147483647});
  writer.set("u64", ~std::uint64_t{0});
  writer.set("i64", std::int64_t{-1});
  writer.set("f32", 1.5F);
  writer.set("f64", 1e-300);
  writer.set("bool", true);
  writer.set("a.u8", GgufArray(std::vector<std::uint8_t>{1, 2}));
  writer.set("a.i32", GgufArray(std::vector<std::int32_t>{-1, 7}));
  writer.set("a.f32", GgufArray(std::vector<float>{0.5F}));
  writer.set("a.f64", GgufArray(std::vector<double>{0.1, 0.2}));
  writer.set("a.bool", GgufArray(std::vector<bool>{true, false}));
  writer.set("a.string", GgufArray(std::vector<std::string>{"", "x", "온돌"}));
  writer.set("a.u64", GgufArray(std::vector<std::uint64_t>{9}));
  writer.set("a.empty", GgufArray(std::vector<std::string>{}));
  writer.add_tensor("a.weight", DType::kF32, {3, 4});
  writer.add_tensor("b.weight", DType::kQ8_0, {2, 32});
  return as_string(writer.header()) + std::string(64 + 68, '\x11');
}

TEST(Gguf, ReadsEveryValueType) {
  const std::string text = everything();
  const ExactBytes bytes(text);
  const auto gguf = parse_gguf("m.gguf", bytes);
  ASSERT_TRUE(gguf) << gguf.error().message();
  const Metadata& m = gguf->metadata;
  EXPECT_EQ(m.integer("u8", 0, 255).value(), 255);
  EXPECT_EQ(m.integer("i8", -128, 0).value(), -128);
  EXPECT_EQ(m.integer("u16", 0, 65535).value(), 65535);
  EXPECT_EQ(m.integer("i16", -32768, 0).value(), -32768);
  EXPECT_EQ(m.integer("u32", 0, 1LL << 32).value(), 4294967295);
  EXPECT_EQ(m.integer("i32", -(1LL << 31), 0).value(), -2147483647);
  EXPECT_EQ(std::get<std::uint64_t>(*m.find("u64")), ~std::uint64_t{0});
  EXPECT_EQ(m.integer("i64", -1, -1).value(), -1);
  EXPECT_EQ(m.number("f32", 0, 2).value(), 1.5);
  EXPECT_EQ(m.number("f64", 0, 2).value(), 1e-300);
  EXPECT_EQ(m.boolean("bool").value(), true);
  EXPECT_EQ(*m.array<std::int64_t>("a.u8").value(), (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(*m.array<std::int64_t>("a.i32").value(), (std::vector<std::int64_t>{-1, 7}));
  EXPECT_EQ(*m.array<std::int64_t>("a.u64").value(), (std::vector<std::int64_t>{9}));
  EXPECT_EQ(*m.array<double>("a.f32").value(), std::vector<double>{0.5});
  EXPECT_EQ(*m.array<double>("a.f64").value(), (std::vector<double>{0.1, 0.2}));
  EXPECT_EQ(*m.array<bool>("a.bool").value(), (std::vector<bool>{true, false}));
  EXPECT_EQ(*m.array<std::string_view>("a.string").value(),
            (std::vector<std::string_view>{"", "x", "온돌"}));
  EXPECT_TRUE(m.array<std::string_view>("a.empty").value()->empty());
}

TEST(Gguf, TruncatedAtAnyByteIsAnError) {
  const std::string text = everything();
  ASSERT_TRUE(parse(text));
  for (std::size_t n = 0; n < text.size(); ++n) {
    const auto gguf = parse(text.substr(0, n));
    ASSERT_FALSE(gguf) << "cut to " << n << " bytes";
    ASSERT_EQ(gguf.error().code, ErrorCode::kInvalidFile) << "cut to " << n << " bytes";
    ASSERT_FALSE(gguf.error().field.empty()) << "cut to " << n << " bytes";
  }
}

// Each byte of the header replaced: the file may still be good (a letter of a
// string), but whatever is handed out lies in the file.
TEST(Gguf, MutatedHeadersNeverLeadOutOfTheFile) {
  const std::string good = everything();
  std::size_t n_refused = 0;
  for (std::size_t i = 0; i < good.size() - 132; ++i) {
    for (const char value : {'\x00', '\x7f', '\xff', '\x80'}) {
      std::string text = good;
      text[i] = value;
      const ExactBytes bytes(text);
      const std::span<const std::byte> all = bytes;
      const auto gguf = parse_gguf("m.gguf", bytes);
      if (!gguf) {
        ++n_refused;
        continue;
      }
      for (const NamedTensor& tensor : gguf->list.tensors) {
        const auto view = tensor.tensor.bytes;
        ASSERT_GE(view.data(), all.data());
        ASSERT_LE(view.data() + view.size(), all.data() + all.size());
      }
    }
  }
  EXPECT_GT(n_refused, good.size());
}

// The most that a file of 16 MB can ask for stays well under a second.
TEST(Gguf, HostileCountsAreQuick) {
  Parts many_keys;
  many_keys.n_kv = 1 << 20;
  many_keys.n_data = 16 << 20;
  Parts big_array;
  big_array.only_key(Parts::key("k", kArray).put(kU8).put<std::uint64_t>(16 << 20));
  big_array.n_data = 17 << 20;
  Parts many_strings;  // 0x11 times eight is a length that no file has
  many_strings.only_key(Parts::key("k", kArray).put(kString).put<std::uint64_t>(2 << 20));
  many_strings.n_data = 17 << 20;
  for (const Parts& parts : {many_keys, big_array, many_strings}) {
    const std::string text = parts.build();
    const CpuTimer timer;
    EXPECT_FALSE(parse(text));
    EXPECT_LT(timer.elapsed(), std::chrono::seconds(1));
  }
}

}  // namespace
}  // namespace ondol::format
