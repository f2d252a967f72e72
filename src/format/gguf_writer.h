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
// The file appears under its name only when finish() succeeds. Tensor bytes are
// streamed, never held. Threads: one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
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

  Result<void> check_stream(std::string_view what);

  std::uint32_t alignment_;
  std::vector<std::pair<std::string, GgufValue>> values_;
  std::vector<Tensor> tensors_;

  std::filesystem::path path_;
  std::filesystem::path partial_path_;  // empty when nothing is open
  std::ofstream stream_;
  std::size_t current_ = 0;      // tensor that write() goes on with
  std::uint64_t n_written_ = 0;  // bytes of it
};

}  // namespace ondol::format
