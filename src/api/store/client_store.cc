#include "api/store/client_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstring>
#include <utility>

#include "api/entity_tags.h"
#include "api/store/schema.h"

namespace ondol::api {
namespace {

// A conversation that is written again gets a new sequence number, by which they are listed.
constexpr std::array kMigrations = {
    "CREATE TABLE conversations("
    "  sequence INTEGER PRIMARY KEY AUTOINCREMENT, tenant INTEGER NOT NULL, id TEXT NOT NULL,"
    "  title TEXT NOT NULL, updated_at INTEGER NOT NULL, tag TEXT NOT NULL,"
    "  bytes INTEGER NOT NULL, document TEXT NOT NULL, UNIQUE(tenant, id));"
    "CREATE INDEX conversations_by_tenant ON conversations(tenant, sequence, id, bytes);"
    "CREATE TABLE devices("
    "  id TEXT NOT NULL UNIQUE, owner BLOB NOT NULL, digest BLOB NOT NULL, name TEXT NOT NULL,"
    "  created_at INTEGER NOT NULL);"
    "CREATE INDEX devices_by_owner ON devices(owner);",
};
constexpr StoreSchema kSchema{0x6f6e6463, "conversations", kMigrations};  // "ondc"

// SQLite's integers are signed; the bits are the tenant.
std::int64_t signed_bits(std::uint64_t tenant) { return std::bit_cast<std::int64_t>(tenant); }

std::string_view bytes_of(const KeyDigest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

// Columns: id, title, updated_at, tag, bytes.
Conversation conversation_in(const Statement& row) {
  return {.id = row.text(0),
          .title = row.text(1),
          .updated_at = row.integer(2),
          .tag = row.text(3),
          .n_bytes = row.integer(4)};
}

}  // namespace

Result<std::unique_ptr<ClientStore>> ClientStore::open(ClientStoreOptions options) {
  ONDOL_TRY(auto database, open_store_file(options.path, kSchema));
  ONDOL_TRY(const std::int64_t page_bytes, database->integer("PRAGMA page_size"));
  const std::string bound = fmt::format("PRAGMA max_page_count={}",
                                        std::max<std::int64_t>(options.max_bytes / page_bytes, 1));
  ONDOL_TRY_VOID(database->integer(bound));
  return std::unique_ptr<ClientStore>(new ClientStore(std::move(options), std::move(database)));
}

std::int64_t ClientStore::now() const {
  if (options_.now) return options_.now();
  const auto time = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(time).count();
}

Result<std::optional<std::string>> ClientStore::tag_of(std::uint64_t tenant,
                                                       std::string_view id) const {
  ONDOL_TRY(Statement find,
            database_->prepare("SELECT tag FROM conversations WHERE tenant = ? AND id = ?"));
  find.bind(0, signed_bits(tenant)).bind(1, id);
  ONDOL_TRY(const bool is_there, find.step());
  return is_there ? std::optional(find.text(0)) : std::nullopt;
}

Result<void> ClientStore::check_room(std::uint64_t tenant, std::string_view id,
                                     std::size_t n_bytes) const {
  ONDOL_TRY(Statement others,
            database_->prepare("SELECT count(*), coalesce(sum(bytes), 0) FROM conversations "
                               "WHERE tenant = ? AND id <> ?"));
  others.bind(0, signed_bits(tenant)).bind(1, id);
  ONDOL_TRY(const bool has_row, others.step());
  const std::int64_t n_after = has_row ? others.integer(0) + 1 : 1;
  const std::int64_t n_bytes_after =
      static_cast<std::int64_t>(n_bytes) + (has_row ? others.integer(1) : 0);
  if (n_after > options_.max_conversations) {
    return fail(ErrorCode::kLimit, options_.path, "conversations",
                "there is no room for one more conversation", n_after, options_.max_conversations);
  }
  if (n_bytes_after > options_.max_conversation_bytes) {
    return fail(ErrorCode::kLimit, options_.path, "bytes",
                "all conversations together would take too many bytes", n_bytes_after,
                options_.max_conversation_bytes);
  }
  return {};
}

Result<ClientStore::Change> ClientStore::put(std::uint64_t tenant, std::string_view id,
                                             std::string_view title, std::string_view document,
                                             const Condition& condition) {
  const std::lock_guard lock(mutex_);
  ONDOL_TRY(Transaction transaction, Transaction::begin(*database_));
  Change out;
  ONDOL_TRY(out.tag, tag_of(tenant, id));
  if (!condition(out.tag)) return out;
  ONDOL_TRY_VOID(check_room(tenant, id, document.size()));
  out.conversation = {.id = std::string(id),
                      .title = std::string(title),
                      .updated_at = now(),
                      .tag = entity_tag_of(document),
                      .n_bytes = static_cast<std::int64_t>(document.size())};
  ONDOL_TRY(Statement insert,
            database_->prepare("INSERT OR REPLACE INTO conversations(tenant, id, title, "
                               "updated_at, tag, bytes, document) VALUES(?, ?, ?, ?, ?, ?, ?)"));
  insert.bind(0, signed_bits(tenant))
      .bind(1, id)
      .bind(2, title)
      .bind(3, out.conversation.updated_at)
      .bind(4, out.conversation.tag)
      .bind(5, out.conversation.n_bytes)
      .bind(6, document);
  ONDOL_TRY_VOID(insert.run());
  ONDOL_TRY_VOID(transaction.commit());
  out.is_done = true;
  return out;
}

Result<ClientStore::Change> ClientStore::erase(std::uint64_t tenant, std::string_view id,
                                               const Condition& condition) {
  const std::lock_guard lock(mutex_);
  ONDOL_TRY(Transaction transaction, Transaction::begin(*database_));
  Change out;
  ONDOL_TRY(out.tag, tag_of(tenant, id));
  if (!out.tag || !condition(out.tag)) return out;
  ONDOL_TRY(Statement remove,
            database_->prepare("DELETE FROM conversations WHERE tenant = ? AND id = ?"));
  remove.bind(0, signed_bits(tenant)).bind(1, id);
  ONDOL_TRY_VOID(remove.run());
  ONDOL_TRY_VOID(transaction.commit());
  // The log still has the text in older frames. Another process that reads may be in
  // the way; then the log is emptied later.
  static_cast<void>(database_->run("PRAGMA wal_checkpoint(TRUNCATE)"));
  out.is_done = true;
  return out;
}

Result<std::optional<ClientStore::Found>> ClientStore::find(std::uint64_t tenant,
                                                            std::string_view id) {
  const std::lock_guard lock(mutex_);
  ONDOL_TRY(Statement select,
            database_->prepare("SELECT id, title, updated_at, tag, bytes, document FROM "
                               "conversations WHERE tenant = ? AND id = ?"));
  select.bind(0, signed_bits(tenant)).bind(1, id);
  ONDOL_TRY(const bool is_there, select.step());
  if (!is_there) return std::nullopt;
  return Found{conversation_in(select), select.text(5)};
}

Result<ConversationPage> ClientStore::list(std::uint64_t tenant, std::int64_t limit,
                                           std::string_view after) {
  const std::lock_guard lock(mutex_);
  std::int64_t before = INT64_MAX;
  if (!after.empty()) {
    ONDOL_TRY(Statement find,
              database_->prepare("SELECT sequence FROM conversations WHERE tenant = ? AND id = ?"));
    find.bind(0, signed_bits(tenant)).bind(1, after);
    ONDOL_TRY(const bool is_there, find.step());
    if (!is_there) {
      return fail(ErrorCode::kInvalidArgument, "request", "after", "there is no such conversation");
    }
    before = find.integer(0);
  }
  ONDOL_TRY(Statement select,
            database_->prepare("SELECT id, title, updated_at, tag, bytes FROM conversations WHERE "
                               "tenant = ? AND sequence < ? ORDER BY sequence DESC LIMIT ?"));
  select.bind(0, signed_bits(tenant)).bind(1, before).bind(2, limit + 1);
  ConversationPage out;
  for (;;) {
    ONDOL_TRY(const bool has_row, select.step());
    if (!has_row) return out;
    out.has_more = static_cast<std::int64_t>(out.conversations.size()) == limit;
    if (out.has_more) return out;
    out.conversations.push_back(conversation_in(select));
  }
}

Result<void> ClientStore::add_device(const Device& device) {
  const std::lock_guard lock(mutex_);
  ONDOL_TRY(Transaction transaction, Transaction::begin(*database_));
  ONDOL_TRY(Statement count, database_->prepare("SELECT count(*) FROM devices WHERE owner = ?"));
  count.bind_blob(0, bytes_of(device.owner));
  ONDOL_TRY(const bool has_row, count.step());
  const std::int64_t n_after = has_row ? count.integer(0) + 1 : 1;
  count.reset();
  if (n_after > options_.max_devices) {
    return fail(ErrorCode::kLimit, options_.path, "devices",
                "there is no room for one more device: remove another one", n_after,
                options_.max_devices);
  }
  ONDOL_TRY(Statement insert,
            database_->prepare("INSERT INTO devices(id, owner, digest, name, created_at) "
                               "VALUES(?, ?, ?, ?, ?)"));
  insert.bind(0, device.id)
      .bind_blob(1, bytes_of(device.owner))
      .bind_blob(2, bytes_of(device.digest))
      .bind(3, device.name)
      .bind(4, device.created_at);
  ONDOL_TRY_VOID(insert.run());
  return transaction.commit();
}

// Columns: id, owner, digest, name, created_at.
Result<std::vector<Device>> ClientStore::read_devices(Statement select) const {
  std::vector<Device> out;
  for (;;) {
    ONDOL_TRY(const bool has_row, select.step());
    if (!has_row) return out;
    Device device;
    device.id = select.text(0);
    device.name = select.text(3);
    device.created_at = select.integer(4);
    for (const auto& [column, digest] :
         {std::pair(1, &device.owner), std::pair(2, &device.digest)}) {
      const std::string bytes = select.text(column);
      if (bytes.size() != digest->size()) {
        return fail(ErrorCode::kInvalidFile, options_.path, "devices", "is no digest", bytes.size(),
                    digest->size());
      }
      std::memcpy(digest->data(), bytes.data(), digest->size());
    }
    out.push_back(std::move(device));
  }
}

Result<std::vector<Device>> ClientStore::devices() {
  const std::lock_guard lock(mutex_);
  ONDOL_TRY(Statement select,
            database_->prepare("SELECT id, owner, digest, name, created_at FROM devices"));
  return read_devices(std::move(select));
}

Result<std::vector<Device>> ClientStore::devices_of(const KeyDigest& owner) {
  const std::lock_guard lock(mutex_);
  ONDOL_TRY(Statement select,
            database_->prepare("SELECT id, owner, digest, name, created_at FROM devices "
                               "WHERE owner = ? ORDER BY created_at, rowid"));
  select.bind_blob(0, bytes_of(owner));
  return read_devices(std::move(select));
}

Result<bool> ClientStore::erase_device(const KeyDigest& owner, std::string_view id) {
  const std::lock_guard lock(mutex_);
  ONDOL_TRY(Statement remove, database_->prepare("DELETE FROM devices WHERE owner = ? AND id = ?"));
  remove.bind_blob(0, bytes_of(owner)).bind(1, id);
  ONDOL_TRY_VOID(remove.run());
  return database_->n_changes() > 0;
}

}  // namespace ondol::api
