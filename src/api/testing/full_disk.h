// For tests: while one of these lives, SQLite's writes fail as they do on a disk
// without room (ENOSPC), over a quota (EDQUOT) or beyond the largest size of a file
// (EFBIG). One at a time; threads: any.
#pragma once

#include <sqlite3.h>
#include <sys/types.h>

#include <atomic>
#include <cerrno>
#include <cstddef>

namespace ondol::api {

class FullDisk {
 public:
  explicit FullDisk(int number = ENOSPC) {
    number_ = number;
    sqlite3_vfs* const vfs = sqlite3_vfs_find(nullptr);
    vfs->xSetSystemCall(vfs, "write", as_call(&no_room_to_write));
    vfs->xSetSystemCall(vfs, "pwrite", as_call(&no_room_to_pwrite));
    vfs->xSetSystemCall(vfs, "pwrite64", as_call(&no_room_to_pwrite));
  }
  ~FullDisk() {
    sqlite3_vfs* const vfs = sqlite3_vfs_find(nullptr);
    for (const char* name : {"write", "pwrite", "pwrite64"}) {
      vfs->xSetSystemCall(vfs, name, nullptr);  // the system's own again
    }
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  template <class Function>
  static sqlite3_syscall_ptr as_call(Function* function) {
    return reinterpret_cast<sqlite3_syscall_ptr>(function);
  }
  static ssize_t no_room_to_write(int, const void*, std::size_t) {
    errno = number_;
    return -1;
  }
  static ssize_t no_room_to_pwrite(int, const void*, std::size_t, off_t) {
    errno = number_;
    return -1;
  }

  static inline std::atomic<int> number_ = ENOSPC;
};

}  // namespace ondol::api
