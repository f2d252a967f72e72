// An importance matrix: for each weight matrix of a model, the mean squares of
// the inputs that it was multiplied with over some text, column by column. It
// tells a quantizer which errors reach the output.
//
// Stored as GGUF, the way llama.cpp's tools do since 2025 (its pull request
// 9400), so that either program reads the other's:
//   general.type           "imatrix"
//   imatrix.datasets       array of strings
//   imatrix.chunk_count    u32
//   imatrix.chunk_size     u32, tokens
//   NAME.in_sum2           f32 [n_matrices, n_cols]: sums of squared inputs
//   NAME.counts            f32 [n_matrices, 1]: how many inputs were summed
//
// Owner: the caller. Threads: plain value.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"

namespace ondol::model {

struct Imatrix {
  struct Entry {
    std::uint64_t n_cols = 0;
    std::vector<double> sums;    // [n_matrices * n_cols]
    std::vector<double> counts;  // [n_matrices]; n_matrices is 1 but for experts

    /// sums / counts, [n_matrices * n_cols]; all 1 for a matrix that no input reached.
    std::vector<float> mean_squares() const;
  };

  std::map<std::string, Entry, std::less<>> entries;  // by the weight's name
  std::vector<std::string> datasets;
  std::uint32_t n_chunks = 0;
  std::uint32_t chunk_tokens = 0;

  /// Errors: kInvalidFile for what is no importance matrix, for sums without
  /// counts and for numbers that are negative or not finite; kIo, kNotFound.
  static Result<Imatrix> read(const std::filesystem::path& path);
  /// Errors: kIo.
  Result<void> write(const std::filesystem::path& path) const;
};

}  // namespace ondol::model
