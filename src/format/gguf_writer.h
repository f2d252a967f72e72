// Writes GGUF version 3, as gguf.h has the grammar: for tools (make_model,
// quantize) and tests.
//
//   GgufWriter writer;
//   writer.set("general.architecture", std::string("llama"));
//   writer.add_tensor("output.weight", DType::kQ8_0, {n_vocab, d_model});
//   ONDOL_TRY_VOID(writer.open(path));
//   ONDOL_TRY_VOID(writer.write(bytes));   // in pieces of any size, tensor by tensor
//   ONDOL_TRY_VOID(writer.finish());
//
// The file appears under its name only when finish() succeeds, and is on the disk
// then: whatever breaks off before leaves an older file of that name as it was.
// Tensor bytes are streamed, never held. Threads: one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "format/gguf.h"
#include "tensor/tensor_view.h"

namespace ondol::format {

using GgufArray =
    std::variant<std::vector<std::uint8_t>, std::vector<std::int8_t>, std::vector<std::uint16_t>,
                 std::vector<std::int16_t>, std::vector<std::uint32_t>, std::vector<std::int32_t>,
                 std::vector<float>, std::vector<bool>, std::vector<std::string>,
                 std::vector<std::uint64_t>, std::vector<std::int64_t>, std::vector<double>>;
/// The index of an alternative is its GgufType.
using GgufValue = std::variant<std::uint8_t, std::int8_t, std::uint16_t, std::int16_t,
                               std::uint32_t, std::int32_t, float, bool, std::string, GgufArray,
                               std::uint64_t, std::int64_t, double>;

class GgufWriter {
 public:
  /// `alignment` is a power of two from 8 on; other than 32, it is written as
  /// general.alignment.
  explicit GgufWriter(std::uint32_t alignment = kDefaultAlignment);
  ~GgufWriter();
  GgufWriter(const GgufWriter&) = delete;
  GgufWriter& operator=(const GgufWriter&) = delete;

  /// Keys are written in the order of their first setting.
  void set(std::string key, GgufValue value);
  /// A value as another file has it (RawKeyValue), which keeps its exact type.
  /// REQUIRES: it came from parse_gguf; the key is not general.alignment.
  void set_raw(std::string key, std::span<const std::byte> type_and_value);

  /// REQUIRES: before open(); the name is new; a row is a multiple of the
  /// dtype's block; 1 to 4 dimensions, none zero.
  void add_tensor(std::string name, DType dtype, Shape shape);

  /// All that stands before the data section, padding included.
  std::vector<std::byte> header() const;

  /// Writes the header to a temporary file beside `path`. Errors: kIo.
  Result<void> open(const std::filesystem::path& path);
  /// The next bytes of the current tensor; a piece must not cross into the next
  /// tensor (kInvalidArgument). Errors: kIo.
  Result<void> write(std::span<const std::byte> bytes);
  /// Errors: kInvalidArgument when tensor bytes are missing; kIo.
  Result<void> finish();

 private:
  struct Tensor {
    std::string name;
    DType dtype;
    Shape shape;
    std::uint64_t n_bytes;
  };

  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  void set_bytes(std::string key, std::vector<std::byte> type_and_value);
  Result<void> put(std::span<const std::byte> bytes, std::string_view what);
  Result<void> io_error(std::string_view what) const;

  std::uint32_t alignment_;
  std::vector<std::pair<std::string, std::vector<std::byte>>> values_;  // type and value
  std::unordered_map<std::string, std::size_t> value_of_key_;
  std::vector<Tensor> tensors_;
  std::unordered_set<std::string> names_;

  std::filesystem::path path_;
  std::filesystem::path partial_path_;  // empty when nothing is open
  std::unique_ptr<std::FILE, Close> file_;
  std::size_t current_ = 0;      // tensor that write() goes on with
  std::uint64_t n_written_ = 0;  // bytes of it
};

}  // namespace ondol::format
