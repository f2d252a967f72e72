// NumPy's .npy, format version 1.0 (numpy.lib.format): a magic string, a header
// that is a Python literal, then the array, here always little-endian f32 of two
// dimensions. Rows are written as they come, and read where the file is mapped.
// Owner: the command. Threads: one.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>

#include "base/error.h"
#include "base/mapped_file.h"

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

class NpyReader {
 public:
  /// Errors: kInvalidFile for anything but little-endian f32 of two dimensions,
  /// rows together, with all its bytes there; as MappedFile::open.
  static Result<NpyReader> open(const std::filesystem::path& path);

  std::int64_t n_rows() const { return n_rows_; }
  std::int64_t n_cols() const { return n_cols_; }
  /// [n_cols]. REQUIRES: 0 <= i < n_rows().
  std::span<const float> row(std::int64_t i) const;

 private:
  NpyReader(std::shared_ptr<const MappedFile> file, std::size_t start, std::int64_t n_rows,
            std::int64_t n_cols)
      : file_(std::move(file)), start_(start), n_rows_(n_rows), n_cols_(n_cols) {}

  std::shared_ptr<const MappedFile> file_;
  std::size_t start_;  // of the data, a multiple of 4
  std::int64_t n_rows_;
  std::int64_t n_cols_;
};

}  // namespace ondol::app
