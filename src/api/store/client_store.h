// What the client keeps on the server, in a file: conversations, as documents that the
// server does not look into, and the devices that have been paired.
//
// What a call has done is on the disk when it returns (SQLite, write-ahead log,
// synchronous=FULL). A conversation belongs to a tenant, a device to the key that let it
// in; for every other one they do not exist. Counts and bytes are bounded for each
// tenant and for the file.
//
// Owner: the application; it outlives the Api. Threads: any; calls wait for each other
// and for the disk. Files: `path`, with -wal and -shm beside it, 0600. Several processes
// may share them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/access.h"
#include "api/store/sqlite.h"
#include "base/error.h"

namespace ondol::api {

struct ClientStoreOptions {
  std::string path;
  // Of one tenant.
  std::int64_t max_conversations = 2000;
  std::int64_t max_conversation_bytes = std::int64_t{256} << 20;
  std::int64_t max_devices = 32;
  // Of the file.
  std::int64_t max_bytes = std::int64_t{4} << 30;
  std::function<std::int64_t()> now;  // Unix time; empty: the system's
};

struct Conversation {
  std::string id;
  std::string title;
  std::int64_t updated_at = 0;  // Unix time
  std::string tag;              // the document's entity tag
  std::int64_t n_bytes = 0;     // of the document
};

struct ConversationPage {
  std::vector<Conversation> conversations;  // written last first
  bool has_more = false;
};

class ClientStore {
 public:
  /// Errors: those of open_store_file (schema.h).
  static Result<std::unique_ptr<ClientStore>> open(ClientStoreOptions options);
  ClientStore(const ClientStore&) = delete;
  ClientStore& operator=(const ClientStore&) = delete;

  // Of all below, errors: kLimit when there is no room; its field is not empty when it is
  // the tenant's own limit. kIo, kInvalidFile.

  /// Is asked with the tag of what is there (nullopt: nothing) before it is changed, and
  /// nothing else happens in between.
  using Condition = std::function<bool(std::optional<std::string_view> tag)>;
  struct Change {
    bool is_done = false;            // false: the condition did not hold
    std::optional<std::string> tag;  // of what was there
    Conversation conversation;       // what is there now; of a put that was done
  };
  Result<Change> put(std::uint64_t tenant, std::string_view id, std::string_view title,
                     std::string_view document, const Condition& condition);
  /// Not done either when there is none. Its bytes are overwritten, not only unlinked.
  Result<Change> erase(std::uint64_t tenant, std::string_view id, const Condition& condition);

  struct Found {
    Conversation conversation;
    std::string document;
  };
  Result<std::optional<Found>> find(std::uint64_t tenant, std::string_view id);
  /// At most `limit`, those behind `after` (an id; empty: from the first). Errors also:
  /// kInvalidArgument when `after` is not there.
  Result<ConversationPage> list(std::uint64_t tenant, std::int64_t limit, std::string_view after);

  Result<void> add_device(const Device& device);
  /// Of all keys; for Access when the server starts.
  Result<std::vector<Device>> devices();
  Result<std::vector<Device>> devices_of(const KeyDigest& owner);
  /// False: this key has no such device.
  Result<bool> erase_device(const KeyDigest& owner, std::string_view id);

 private:
  ClientStore(ClientStoreOptions options, std::unique_ptr<Database> database)
      : options_(std::move(options)), database_(std::move(database)) {}

  std::int64_t now() const;
  // REQUIRES of all below: mutex_ held.
  Result<std::optional<std::string>> tag_of(std::uint64_t tenant, std::string_view id) const;
  Result<void> check_room(std::uint64_t tenant, std::string_view id, std::size_t n_bytes) const;
  Result<std::vector<Device>> read_devices(Statement select) const;

  const ClientStoreOptions options_;
  std::mutex mutex_;
  const std::unique_ptr<Database> database_;  // under mutex_
};

}  // namespace ondol::api
