// For tests: while one of these lives, SQLite's writes fail as they do on a disk
// without room. Threads: any.
#pragma once

#include <sqlite3.h>
#include <sys/types.h>

#include <cerrno>
#include <cstddef>

namespace ondol::api {

class FullDisk {
 public:
  FullDisk() {
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
    errno = ENOSPC;
    return -1;
  }
  static ssize_t no_room_to_pwrite(int, const void*, std::size_t, off_t) {
    errno = ENOSPC;
    return -1;
  }
};

}  // namespace ondol::api
