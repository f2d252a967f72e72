// A device's own form of a checkpoint's weights, kept in a file from one start
// of the program to the next, so that packing (or quantizing on load) is done
// once.
//
// The device decides what it keeps and how it lies in the file; its user says
// where the file is, for which checkpoint, and when to write. A kept weight is
// used where the file is mapped: it never exists beside the checkpoint's form.
//
// Nothing in the file is trusted. The header must name this checkpoint and this
// build's layout, every table entry the dtype, shape and size that the model
// asks for, and of every weight rows picked at random are made again from the
// checkpoint and compared. `verify` compares the checksum of every byte as well.
//
// How to use it: find() each weight; what is not found is loaded as always and
// handed to keep(). An error from find() says the file is not to be trusted:
// drop what was found, reset(), and load everything anew. At the end, if bytes_to_write() > 0, a
// write() to a new file.
//
// Owner: the application; the device outlives it. Threads: one at a time;
// write() may run on another thread once no find() or keep() will come.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string_view>

#include "device/device.h"

namespace ondol::device {

struct WeightCacheOptions {
  std::filesystem::path path;     // need not exist
  std::array<std::byte, 32> key;  // of the checkpoint and of how it is loaded
  bool verify = false;            // compare the checksums of all bytes
};

/// What a model asks for.
struct WantedWeight {
  std::string_view name;
  DType dtype = DType::kF32;
  std::int64_t n_rows = 0;
  std::int64_t n_cols = 0;
  WeightUse use = WeightUse::kMatrix;
  bool is_made = false;  // quantized while loading: the checkpoint holds another dtype
};

/// Rows first .. first + n - 1 of the wanted weight, in its dtype, out of the
/// checkpoint. The bytes are valid until the next call.
using RowSource = std::function<Result<TensorView>(std::int64_t first, std::int64_t n)>;

class WeightCache {
 public:
  virtual ~WeightCache() = default;

  /// Null when the device keeps no such weight or there is no file yet.
  /// Errors: kInvalidFile when the file is not what it should be; those of `rows`.
  virtual Result<std::unique_ptr<Weight>> find(const WantedWeight& wanted,
                                               const RowSource& rows) = 0;
  /// Notes a weight that find() did not have; shares its bytes, copies nothing.
  virtual void keep(const WantedWeight& wanted, const Weight& weight) = 0;
  /// Forgets the file, for this reason, and what was kept.
  virtual void reset(Error reason) = 0;

  /// Whether weights come out of a file.
  virtual bool is_open() const = 0;
  /// Why a file that was there is not used.
  virtual const std::optional<Error>& refusal() const = 0;

  /// Bytes of the file that write() would make; 0 when there is nothing new.
  virtual std::uint64_t bytes_to_write() const = 0;
  /// Makes `path` and has it on disk. Errors: kIo, kCancelled after request_stop().
  virtual Result<void> write(const std::filesystem::path& path, std::stop_token stop) const = 0;
};

}  // namespace ondol::device
