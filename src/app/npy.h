// NumPy's .npy, format version 1.0 (numpy.lib.format): a magic string, a header
// that is a Python literal, then the array, here always little-endian f32 of two
// dimensions. Rows are written as they come. Owner: the command. Threads: one.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>

#include "base/error.h"

namespace ondol::app {

class NpyWriter {
 public:
  /// Errors: kIo.
  static Result<NpyWriter> create(const std::filesystem::path& path, std::int64_t n_rows,
                                  std::int64_t n_cols);
  /// REQUIRES: n_cols floats, n_rows times.
  Result<void> write_row(std::span<const float> row);
  Result<void> close();

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  NpyWriter(std::filesystem::path path, std::FILE* file) : path_(std::move(path)), file_(file) {}

  std::filesystem::path path_;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace ondol::app
