// Writes a GGUF model anew with its matrices in other dtypes (quantize_recipe.h).
// Metadata is copied byte by byte; only general.file_type,
// general.quantization_version and, with importances, quantize.imatrix.* change.
// Split files become one.
//
// Memory: one strip of a tensor and a buffer a thread. The file appears under
// its name when it is whole; after an error or a crash what was there still is.
// Threads: its own inside; call from one thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <tuple>

#include "base/error.h"
#include "format/model_file.h"
#include "model/imatrix.h"
#include "model/quantize_recipe.h"

namespace ondol::model {

struct QuantizeOptions {
  const QuantizeType* type = nullptr;
  const Imatrix* imatrix = nullptr;  // null: none
  std::string imatrix_name;          // for the metadata
  int n_threads = 0;                 // 0: one per core this process may use
  bool overwrite = false;
  /// Called between strips with the tensor's name, done and total bytes of the
  /// source; an answer of false ends the work with kCancelled. May be empty.
  std::function<bool(std::string_view, std::uint64_t, std::uint64_t)> progress;
};

struct QuantizeSummary {
  struct Count {
    std::uint64_t n_tensors = 0;
    std::uint64_t n_bytes = 0;  // in the new file
  };
  std::map<std::string, Count> dtypes;
  /// (wanted, taken, columns) -> tensors whose rows do not fit the wanted block.
  std::map<std::tuple<std::string, std::string, std::uint64_t>, std::uint64_t> fallbacks;
  std::uint64_t n_elements = 0;
  std::uint64_t bytes_before = 0;  // of tensors
  std::uint64_t bytes_after = 0;
  std::uint64_t n_requantized = 0;          // had been quantized to something else before
  std::uint64_t n_without_importances = 0;  // searched dtypes that the imatrix lacks
};

/// Errors: kUnsupported for a Hugging Face directory or tensors that are no
/// weights; kInvalidArgument when `out` is (one of) the files read, or is there
/// and overwrite is false, or the importances fit another model; kInvalidFile
/// for values that are not finite; kIo; kCancelled.
Result<QuantizeSummary> quantize_file(const format::ModelFile& file,
                                      const std::filesystem::path& out,
                                      const QuantizeOptions& options);

}  // namespace ondol::model
