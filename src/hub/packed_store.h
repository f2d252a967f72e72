// Files that a device makes of a checkpoint's weights (device/weight_cache.h),
// kept beside the model store so that the next start need not make them again:
//
//   <root>/packed/<model>-<files>-<choice>.packed
//   <root>/packed/lock                    held by whoever writes or removes
//
// <model> is 16 hex digits of the SHA-256 of the model's path, <files> of the
// identity of its weight files: path, size, inode, and times of last change of
// content and of anything. <choice> says how it is loaded ("asis", "q4_0"). A
// file is only ever a copy of what can be made again: removing one is harmless,
// also while another process has it mapped.
//
// When room is needed, the file that was used least recently goes first (its
// modification time is that of its last use); a file of a model whose weights
// have changed goes at the next write.
//
// Threads: any; several processes are fine. Errors: kIo; kLimit.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace ondol::hub {

/// A checkpoint and a way to load it.
struct PackedKey {
  std::string model;  // the parts of the file's name
  std::string files;
  std::string choice;
  std::array<std::byte, 32> digest{};  // of all of it, for the file's header
};

/// `choice`: letters, digits and '_'. Errors: kIo, kNotFound when a file cannot be asked.
Result<PackedKey> packed_key(const std::filesystem::path& model,
                             const std::vector<std::filesystem::path>& weight_files,
                             std::string_view choice);

class PackedStore {
 public:
  static constexpr std::uint64_t kDefaultMaxBytes = 32'000'000'000;

  /// `root` is that of the Store.
  PackedStore(const std::filesystem::path& root, std::uint64_t max_bytes)
      : folder_(root / "packed"), max_bytes_(max_bytes) {}

  const std::filesystem::path& folder() const { return folder_; }
  std::uint64_t max_bytes() const { return max_bytes_; }
  std::filesystem::path path_of(const PackedKey& key) const;

  /// Marks it as used now.
  void touch(const PackedKey& key) const;

  /// Makes room for n_bytes, has `write` make a temporary file of at most that
  /// size, and gives it its name. `write` sees to it that the bytes are on disk.
  /// Errors: those of `write`; kLimit when n_bytes are more than the store or the
  /// disk has room for; kIo at once while another process writes.
  Result<void> put(const PackedKey& key, std::uint64_t n_bytes,
                   const std::function<Result<void>(const std::filesystem::path&)>& write) const;

  struct Usage {
    std::uint64_t n_files = 0;
    std::uint64_t n_bytes = 0;
  };
  Usage usage() const;
  Usage usage_of(const std::filesystem::path& model) const;
  /// Removes the files of one model, or all; answers what was there.
  Usage remove_of(const std::filesystem::path& model) const;
  Usage remove_all() const;

 private:
  struct Entry;
  std::vector<Entry> entries(std::string_view prefix) const;
  Usage remove(std::string_view prefix) const;
  Result<void> make_room(const PackedKey& key, std::uint64_t n_bytes) const;

  std::filesystem::path folder_;
  std::uint64_t max_bytes_;
};

}  // namespace ondol::hub
