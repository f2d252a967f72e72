// A file on its way into the store: bytes go to "<name>.part", are hashed as
// they come, and take the final name in one rename after size and checksum
// have been verified and the bytes are on disk.
//
// A part that was left behind is continued if it was begun for the same
// checksum ("<name>.part.tag" remembers it and the server's ETag).
//
// Owner: the pull that holds the model's lock. Threads: one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"
#include "hub/digest.h"

namespace ondol::hub {

class PartFile {
 public:
  /// Makes the folders above it. Errors: kIo.
  static Result<PartFile> open(std::filesystem::path final_path, std::uint64_t size_bytes,
                               Checksum checksum);
  ~PartFile();
  PartFile(PartFile&& other) noexcept;
  PartFile& operator=(PartFile&&) = delete;

  std::uint64_t size() const { return n_written_; }  // so far
  std::uint64_t expected_size() const { return size_bytes_; }
  /// The ETag under which the bytes so far were sent; may be empty.
  const std::string& etag() const { return etag_; }
  const std::filesystem::path& final_path() const { return final_path_; }

  Result<void> set_etag(std::string etag);
  /// Errors: kIo; kInvalidFile beyond the expected size.
  Result<void> append(std::string_view bytes);
  /// Forgets what has been written.
  Result<void> restart();
  /// Verifies, syncs, renames. A wrong size or checksum removes the part:
  /// kInvalidFile names found and expected.
  Result<void> commit();

 private:
  PartFile(std::filesystem::path final_path, std::uint64_t size_bytes, Checksum checksum);
  std::filesystem::path part_path() const;
  std::filesystem::path tag_path() const;
  Result<void> continue_or_restart();
  Result<void> write_tag();
  void discard();

  std::filesystem::path final_path_;
  std::uint64_t size_bytes_;
  Checksum checksum_;
  Digest digest_;
  std::string etag_;
  std::uint64_t n_written_ = 0;
  int fd_ = -1;
};

/// Whether a file is there with this size and checksum.
bool file_matches(const std::filesystem::path& path, std::uint64_t size_bytes,
                  const Checksum& checksum);

/// Writes a small file by way of a temporary one beside it, a sync and a rename.
Result<void> write_file_atomically(const std::filesystem::path& path, std::string_view text);

/// kIo with the text of errno.
tl::unexpected<Error> io_error(const std::filesystem::path& path, std::string_view what);

}  // namespace ondol::hub
