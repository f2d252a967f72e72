// A file mapped read-only. Weights are used where they lie in the page cache;
// whoever keeps a span into the bytes keeps the shared_ptr too.
//
// Threads: immutable after open. A file that another process truncates while it
// is mapped raises SIGBUS on access; model stores replace files by rename.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include "base/error.h"

namespace ondol {

class MappedFile {
 public:
  /// Errors: kNotFound, kIo; kInvalidFile if it is no regular file. An empty
  /// file maps to an empty span.
  static Result<std::shared_ptr<const MappedFile>> open(const std::filesystem::path& path);
  /// The same, for a file that is read whole and often: it begins at a multiple
  /// of 2 MiB, and the system is asked to use huge pages if its cache can.
  static Result<std::shared_ptr<const MappedFile>> open_huge(const std::filesystem::path& path);

  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }

  /// Gives back the memory that `bytes` takes in this process, if a living
  /// mapping holds them; does nothing for other memory. Reading them again is
  /// right and merely slower. For whoever has made its own copy.
  static void release_pages(std::span<const std::byte> bytes);
  const std::filesystem::path& path() const { return path_; }

 private:
  enum class Pages : std::uint8_t { kUsual, kHuge };
  static Result<std::shared_ptr<const MappedFile>> open_as(const std::filesystem::path& path,
                                                           Pages pages);
  MappedFile(std::filesystem::path path, std::span<const std::byte> bytes)
      : path_(std::move(path)), bytes_(bytes) {}

  std::filesystem::path path_;
  std::span<const std::byte> bytes_;
};

/// The whole of a small text file (configuration, template, prompt).
/// Errors: as MappedFile::open, and kLimit above max_bytes.
Result<std::string> read_text_file(const std::filesystem::path& path, std::size_t max_bytes);

}  // namespace ondol
