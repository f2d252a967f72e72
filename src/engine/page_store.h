// Full KV pages in a folder on disk, under a budget of bytes: a prefix cache that
// survives the process.
//
//   folder := page* lock
//   page   := named <fingerprint><key>.kv (16 hexadecimal digits each):
//             sum u64           checksum64() of all that follows
//             magic 8 bytes, tenant u64, n_tokens u64, fingerprint_bytes u64, kv_bytes u64
//             fingerprint, tokens i32[n_tokens], keys and values
//
// The tokens are all those from the beginning to the page's end: who reads a page compares
// them, the tenant and the whole fingerprint, not only hashes. A file that is not exactly
// as it must be is deleted and never used. Numbers are in the machine's byte order.
//
// A page is written under another name and renamed, so that a killed process leaves whole
// pages and at most one rest, which the next start removes. (After a power cut a
// page may be torn: its checksum tells.) Pages of other fingerprints count as bytes, and go like
// all others: those used longest ago first. Their times of use are the files' own.
//
// Only the user may look: the folder is made 0700 and refused if others can enter it,
// files are 0600. One store at a time has a folder (lock).
//
// Threads: any; calls that touch the disk block.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/error.h"

namespace ondol::engine {

/// Which page is meant, and everything that must agree.
struct StoredPage {
  std::uint64_t key = 0;  // page_key() of the tokens
  std::uint64_t tenant = 0;
  std::span<const std::int32_t> tokens;  // from the beginning to the page's end
};

/// A page as it was read; the file's bytes are kept whole.
class PageBytes {
 public:
  PageBytes() = default;
  PageBytes(std::vector<std::byte> file, std::size_t kv_at) : file_(std::move(file)), at_(kv_at) {}
  std::span<const std::byte> kv() const { return std::span(file_).subspan(at_); }

 private:
  std::vector<std::byte> file_;
  std::size_t at_ = 0;
};

struct PageStoreOptions {
  std::string folder;
  std::uint64_t max_bytes = 0;
  std::string fingerprint;   // of all that the numbers depend on
  std::size_t kv_bytes = 0;  // of a page
};

class PageStore {
 public:
  /// Makes the folder if need be, removes rests, and what exceeds the budget. Errors: kIo
  /// (also when another has the folder), kInvalidArgument (others may enter it).
  static Result<std::unique_ptr<PageStore>> open(const PageStoreOptions& options);
  ~PageStore();
  PageStore(const PageStore&) = delete;
  PageStore& operator=(const PageStore&) = delete;

  /// How many of the first keys have a page here.
  std::int64_t count_first(std::span<const std::uint64_t> keys) const;
  bool has(std::uint64_t key) const { return count_first({&key, 1}) == 1; }
  std::uint64_t n_bytes() const;

  /// Errors: kIo; kLimit when the page alone exceeds the budget. Nothing is left of it then.
  Result<void> write(const StoredPage& page, std::span<const std::byte> kv);
  /// Errors: kNotFound, kIo; kInvalidFile for a file that is not what it must be, which is
  /// gone then.
  Result<PageBytes> read(const StoredPage& page);
  /// These were used now, the first one last: pages go from the end of a prefix.
  void touch(std::span<const std::uint64_t> keys);

 private:
  struct Name {
    std::uint64_t fingerprint = 0;
    std::uint64_t key = 0;
    bool operator==(const Name&) const = default;
  };
  struct NameHash {
    std::size_t operator()(const Name& name) const { return name.key ^ name.fingerprint; }
  };
  struct File {
    Name name;
    std::uint64_t n_bytes = 0;
    std::chrono::nanoseconds used_at{};  // since the epoch, as the file system has it
  };
  using Files = std::list<File>;

  PageStore(const PageStoreOptions& options, int folder_fd, int lock_fd);
  Result<void> scan();
  static std::string file_name(const Name& name);
  std::chrono::nanoseconds next_use();  // REQUIRES: the lock
  std::vector<std::byte> head_of(const StoredPage& page) const;
  Result<void> write_file(const std::string& name, std::chrono::nanoseconds used_at,
                          std::span<const std::span<const std::byte>> parts);
  void make_room(std::uint64_t n_bytes);  // REQUIRES: the lock
  void forget(Files::iterator file);      // REQUIRES: the lock; deletes it
  tl::unexpected<Error> io_error(std::string_view what) const;

  const PageStoreOptions options_;
  const std::uint64_t fingerprint_;
  const int folder_fd_;
  const int lock_fd_;
  mutable std::mutex mutex_;
  Files files_;  // used longest ago first
  std::unordered_map<Name, Files::iterator, NameHash> by_name_;
  std::uint64_t n_bytes_ = 0;
  std::chrono::nanoseconds last_use_{};
};

}  // namespace ondol::engine
