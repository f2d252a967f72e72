// Responses that outlive their request, in a file: what a client may ask for again by
// its id, and the conversations that they form (each response names the one before).
//
// What put() has acknowledged is on the disk (SQLite, write-ahead log, synchronous=FULL):
// kill -9 or a power cut at any later moment loses none of it. A response belongs to a
// tenant; for every other one it does not exist. The file is bounded: conversations that
// have not been used for max_age_s go, and those used least recently go when the file
// would become larger than max_bytes.
//
// Owner: the application; it outlives the Api. Threads: any; a thread of its own writes.
// Files: `path`, with -wal and -shm beside it, 0600. Several processes may share them.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/error.h"

namespace ondol::api {

struct StoredResponse {
  std::string id;
  std::uint64_t tenant = 0;
  std::string previous_id;  // empty: it begins a conversation
  std::string body;         // the response object, JSON
  std::string input;        // its own input items, a JSON array
  // The tokens of its prompt and answer: the first n_shared of the previous response's,
  // then tail.
  std::int64_t n_shared = 0;
  std::vector<std::int32_t> tail;
};

struct StoreOptions {
  std::string path;
  std::int64_t max_bytes = std::int64_t{1} << 30;
  std::int64_t max_age_s = std::int64_t{30} * 24 * 3600;
  std::function<std::int64_t()> now;  // Unix time; empty: the system's
};

/// Below this a store could not hold one conversation of a usual length.
inline constexpr std::int64_t kMinStoreBytes = 1'000'000;
/// Of one conversation, counted back from its latest response.
inline constexpr std::size_t kMaxTurns = 4096;
inline constexpr std::size_t kMaxConversationBytes = std::size_t{64} << 20;  // of JSON

class ResponseStore {
 public:
  /// Errors: those of open_store_file (schema.h).
  static Result<std::unique_ptr<ResponseStore>> open(StoreOptions options);
  /// Writes what was put first.
  ~ResponseStore();
  ResponseStore(const ResponseStore&) = delete;
  ResponseStore& operator=(const ResponseStore&) = delete;

  /// Never waits. `done` is called once, on the store's thread, when the response is on
  /// the disk. Errors: kLimit when there is no room (the disk is full, or the response
  /// does not fit max_bytes); kIo, kInvalidFile. After an error nothing is stored, and
  /// the store goes on.
  using Done = std::function<void(Result<void>)>;
  void put(StoredResponse response, Done done);

  /// Waits until what was put has been acknowledged, and its `done` is gone.
  void flush();

  // These wait for the disk. Errors: kIo, kInvalidFile; kLimit as in put.
  Result<std::optional<StoredResponse>> find(std::uint64_t tenant, std::string_view id);
  /// The response and those before it, oldest first; empty when one of them is not
  /// there any more. Errors: kInvalidArgument when it is too long.
  Result<std::vector<StoredResponse>> conversation(std::uint64_t tenant, std::string_view id);
  /// False: there was none. Its bytes are overwritten, not only unlinked.
  Result<bool> erase(std::uint64_t tenant, std::string_view id);

 private:
  class Reader;
  class Writer;
  struct Pending {
    StoredResponse response;
    Done done;
  };

  explicit ResponseStore(StoreOptions options);
  void write_pending();
  void write(Pending pending);

  const StoreOptions options_;
  std::mutex read_mutex_;
  std::unique_ptr<Reader> reader_;  // under read_mutex_
  std::mutex write_mutex_;
  std::unique_ptr<Writer> writer_;  // under write_mutex_

  std::mutex pending_mutex_;
  std::condition_variable has_pending_;
  std::condition_variable has_written_;
  // Under pending_mutex_:
  std::deque<Pending> pending_;
  std::size_t n_unfinished_ = 0;  // those of pending_, and the one that is being written
  bool is_closing_ = false;
  std::thread thread_;
};

}  // namespace ondol::api
