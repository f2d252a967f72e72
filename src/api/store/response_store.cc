#include "api/store/response_store.h"

#include <array>
#include <bit>
#include <chrono>
#include <cstring>
#include <utility>

#include "api/store/schema.h"

namespace ondol::api {
namespace {

// conversations.used_at: of its latest response. responses: see StoredResponse.
constexpr std::array kMigrations = {
    "CREATE TABLE conversations("
    "  id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, used_at INTEGER NOT NULL);"
    "CREATE INDEX conversations_by_use ON conversations(used_at);"
    "CREATE TABLE responses("
    "  id TEXT NOT NULL UNIQUE, tenant INTEGER NOT NULL,"
    "  conversation INTEGER NOT NULL REFERENCES conversations ON DELETE CASCADE,"
    "  previous TEXT NOT NULL, created_at INTEGER NOT NULL,"
    "  body TEXT NOT NULL, input TEXT NOT NULL, n_shared INTEGER NOT NULL, tail BLOB NOT NULL);"
    "CREATE INDEX responses_by_conversation ON responses(conversation);",
};
constexpr StoreSchema kSchema{0x6f6e646c, "responses", kMigrations};  // "ondl"

constexpr auto kExpiryPeriod = std::chrono::minutes(30);  // without it an idle store keeps all

// Ids in the file are little-endian, as all machines that this is built for.
static_assert(std::endian::native == std::endian::little);

std::string_view bytes_of(const std::vector<std::int32_t>& ids) {
  return {reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof(std::int32_t)};
}

std::vector<std::int32_t> ids_of(const std::string& bytes) {
  std::vector<std::int32_t> out(bytes.size() / sizeof(std::int32_t));
  if (!out.empty()) std::memcpy(out.data(), bytes.data(), out.size() * sizeof(std::int32_t));
  return out;
}

std::int64_t system_time() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// SQLite's integers are signed; the bits are the tenant.
std::int64_t signed_bits(std::uint64_t tenant) { return std::bit_cast<std::int64_t>(tenant); }

}  // namespace

class ResponseStore::Reader {
 public:
  static Result<std::unique_ptr<Reader>> create(std::unique_ptr<Database> database) {
    ONDOL_TRY(Statement find,
              database->prepare("SELECT previous, body, input, n_shared, tail FROM responses "
                                "WHERE id = ? AND tenant = ?"));
    return std::unique_ptr<Reader>(new Reader(std::move(database), std::move(find)));
  }

  Result<std::optional<StoredResponse>> find(std::uint64_t tenant, std::string_view id) {
    find_.bind(0, id).bind(1, signed_bits(tenant));
    ONDOL_TRY(const bool is_there, find_.step());
    if (!is_there) return std::nullopt;
    StoredResponse out;
    out.id = id;
    out.tenant = tenant;
    out.previous_id = find_.text(0);
    out.body = find_.text(1);
    out.input = find_.text(2);
    out.n_shared = find_.integer(3);
    out.tail = ids_of(find_.text(4));
    find_.reset();
    return out;
  }

 private:
  Reader(std::unique_ptr<Database> database, Statement find)
      : database_(std::move(database)), find_(std::move(find)) {}

  std::unique_ptr<Database> database_;
  Statement find_;
};

class ResponseStore::Writer {
 public:
  static Result<std::unique_ptr<Writer>> create(std::unique_ptr<Database> database,
                                                const StoreOptions& options);

  Result<void> put(const StoredResponse& response);
  Result<bool> erase(std::uint64_t tenant, std::string_view id);
  Result<void> expire();

 private:
  Writer(std::unique_ptr<Database> database, const StoreOptions& options, Statement insert)
      : database_(std::move(database)), options_(options), insert_(std::move(insert)) {}

  std::int64_t now() const { return options_.now ? options_.now() : system_time(); }
  Result<std::int64_t> conversation_of(const StoredResponse& response);
  Result<void> insert(const StoredResponse& response, std::int64_t conversation);
  Result<void> delete_expired();
  Result<void> make_room(std::int64_t conversation);
  tl::unexpected<Error> too_large() const {
    return fail(ErrorCode::kLimit, options_.path, "", "the store may not grow beyond its limit", "",
                std::to_string(options_.max_bytes));
  }

  std::unique_ptr<Database> database_;
  const StoreOptions& options_;
  Statement insert_;
};

Result<std::unique_ptr<ResponseStore::Writer>> ResponseStore::Writer::create(
    std::unique_ptr<Database> database, const StoreOptions& options) {
  ONDOL_TRY(Statement insert,
            database->prepare("INSERT INTO responses(id, tenant, conversation, previous, "
                              "created_at, body, input, n_shared, tail) "
                              "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  return std::unique_ptr<Writer>(new Writer(std::move(database), options, std::move(insert)));
}

// That of the previous response, or a new one (the previous one may have been deleted
// while this was generated).
Result<std::int64_t> ResponseStore::Writer::conversation_of(const StoredResponse& response) {
  ONDOL_TRY(Statement find, database_->prepare("SELECT conversation FROM responses "
                                               "WHERE id = ? AND tenant = ?"));
  find.bind(0, response.previous_id).bind(1, signed_bits(response.tenant));
  ONDOL_TRY(const bool is_there, find.step());
  if (!is_there) {
    ONDOL_TRY(Statement make,
              database_->prepare("INSERT INTO conversations(tenant, used_at) VALUES(?, ?)"));
    make.bind(0, signed_bits(response.tenant)).bind(1, now());
    ONDOL_TRY_VOID(make.run());
    return database_->last_row();
  }
  const std::int64_t out = find.integer(0);
  ONDOL_TRY(Statement touch,
            database_->prepare("UPDATE conversations SET used_at = ? WHERE id = ?"));
  touch.bind(0, now()).bind(1, out);
  ONDOL_TRY_VOID(touch.run());
  return out;
}

Result<void> ResponseStore::Writer::insert(const StoredResponse& response,
                                           std::int64_t conversation) {
  insert_.bind(0, response.id)
      .bind(1, signed_bits(response.tenant))
      .bind(2, conversation)
      .bind(3, response.previous_id)
      .bind(4, now())
      .bind(5, response.body)
      .bind(6, response.input)
      .bind(7, response.n_shared)
      .bind_blob(8, bytes_of(response.tail));
  return insert_.run();
}

Result<void> ResponseStore::Writer::delete_expired() {
  ONDOL_TRY(Statement expired, database_->prepare("DELETE FROM conversations WHERE used_at < ?"));
  expired.bind(0, now() - options_.max_age_s);
  return expired.run();
}

// Counts the pages in use: what the file would be without its free ones, which are
// taken first. All but this conversation may go.
Result<void> ResponseStore::Writer::make_room(std::int64_t conversation) {
  ONDOL_TRY(const std::int64_t page_bytes, database_->integer("PRAGMA page_size"));
  ONDOL_TRY(Statement oldest,
            database_->prepare("DELETE FROM conversations WHERE id = (SELECT id FROM "
                               "conversations WHERE id <> ? ORDER BY used_at, id LIMIT 1)"));
  for (;;) {
    ONDOL_TRY(const std::int64_t n_pages, database_->integer("PRAGMA page_count"));
    ONDOL_TRY(const std::int64_t n_free, database_->integer("PRAGMA freelist_count"));
    if ((n_pages - n_free) * page_bytes <= options_.max_bytes) return {};
    oldest.bind(0, conversation);
    ONDOL_TRY_VOID(oldest.run());
    if (database_->n_changes() == 0) return too_large();
  }
}

Result<void> ResponseStore::Writer::put(const StoredResponse& response) {
  const std::size_t n_bytes =
      response.body.size() + response.input.size() + bytes_of(response.tail).size();
  if (static_cast<std::int64_t>(n_bytes) > options_.max_bytes) return too_large();
  ONDOL_TRY(Transaction transaction, Transaction::begin(*database_));
  ONDOL_TRY_VOID(delete_expired());
  ONDOL_TRY(const std::int64_t conversation, conversation_of(response));
  ONDOL_TRY_VOID(insert(response, conversation));
  ONDOL_TRY_VOID(make_room(conversation));
  return transaction.commit();
}

Result<bool> ResponseStore::Writer::erase(std::uint64_t tenant, std::string_view id) {
  ONDOL_TRY(Transaction transaction, Transaction::begin(*database_));
  ONDOL_TRY(Statement remove, database_->prepare("DELETE FROM responses WHERE id = ? AND "
                                                 "tenant = ? RETURNING conversation"));
  remove.bind(0, id).bind(1, signed_bits(tenant));
  ONDOL_TRY(const bool is_there, remove.step());
  if (!is_there) return false;
  const std::int64_t conversation = remove.integer(0);
  remove.reset();
  ONDOL_TRY(Statement remove_empty,
            database_->prepare("DELETE FROM conversations WHERE id = ? AND NOT EXISTS (SELECT 1 "
                               "FROM responses WHERE conversation = conversations.id)"));
  remove_empty.bind(0, conversation);
  ONDOL_TRY_VOID(remove_empty.run());
  ONDOL_TRY_VOID(transaction.commit());
  // The log still has the text in older frames. Another process that reads may be in
  // the way; then the log is emptied later.
  static_cast<void>(database_->run("PRAGMA wal_checkpoint(TRUNCATE)"));
  return true;
}

Result<void> ResponseStore::Writer::expire() {
  ONDOL_TRY(Transaction transaction, Transaction::begin(*database_));
  ONDOL_TRY_VOID(delete_expired());
  return transaction.commit();
}

ResponseStore::ResponseStore(StoreOptions options) : options_(std::move(options)) {}

Result<std::unique_ptr<ResponseStore>> ResponseStore::open(StoreOptions options) {
  std::unique_ptr<ResponseStore> out(new ResponseStore(std::move(options)));
  const StoreOptions& kept = out->options_;
  ONDOL_TRY(auto for_writing, open_store_file(kept.path, kSchema));
  ONDOL_TRY(out->writer_, Writer::create(std::move(for_writing), kept));
  ONDOL_TRY_VOID(out->writer_->expire());
  ONDOL_TRY(auto for_reading, Database::open(kept.path));
  ONDOL_TRY(out->reader_, Reader::create(std::move(for_reading)));
  out->thread_ = std::thread([store = out.get()] { store->write_pending(); });
  return out;
}

ResponseStore::~ResponseStore() {
  {
    const std::lock_guard lock(pending_mutex_);
    is_closing_ = true;
  }
  has_pending_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void ResponseStore::put(StoredResponse response, Done done) {
  {
    const std::lock_guard lock(pending_mutex_);
    pending_.push_back({std::move(response), std::move(done)});
    ++n_unfinished_;
  }
  has_pending_.notify_one();
}

void ResponseStore::flush() {
  std::unique_lock lock(pending_mutex_);
  has_written_.wait(lock, [this] { return n_unfinished_ == 0; });
}

void ResponseStore::write(Pending pending) {
  Result<void> result = [&] {
    const std::lock_guard lock(write_mutex_);
    return writer_->put(pending.response);
  }();
  pending.done(std::move(result));
}

void ResponseStore::write_pending() {
  std::unique_lock lock(pending_mutex_);
  for (;;) {
    const bool has_news = has_pending_.wait_for(
        lock, kExpiryPeriod, [this] { return is_closing_ || !pending_.empty(); });
    if (!has_news) {
      lock.unlock();
      {
        const std::lock_guard writing(write_mutex_);
        static_cast<void>(writer_->expire());  // tried again after the same time
      }
      lock.lock();
      continue;
    }
    if (pending_.empty()) return;  // closing
    Pending next = std::move(pending_.front());
    pending_.pop_front();
    lock.unlock();
    write(std::move(next));
    lock.lock();
    --n_unfinished_;
    has_written_.notify_all();
  }
}

Result<std::optional<StoredResponse>> ResponseStore::find(std::uint64_t tenant,
                                                          std::string_view id) {
  const std::lock_guard lock(read_mutex_);
  return reader_->find(tenant, id);
}

Result<std::vector<StoredResponse>> ResponseStore::conversation(std::uint64_t tenant,
                                                                std::string_view id) {
  std::vector<StoredResponse> newest_first;
  std::string next(id);
  std::size_t n_bytes = 0;
  while (!next.empty()) {
    ONDOL_TRY(auto found, find(tenant, next));
    if (!found) return std::vector<StoredResponse>();
    n_bytes += found->body.size() + found->input.size();
    if (newest_first.size() == kMaxTurns || n_bytes > kMaxConversationBytes) {
      return fail(ErrorCode::kInvalidArgument, "request", "previous_response_id",
                  "the conversation is too long");
    }
    next = found->previous_id;
    newest_first.push_back(*std::move(found));
  }
  return std::vector<StoredResponse>(std::make_move_iterator(newest_first.rbegin()),
                                     std::make_move_iterator(newest_first.rend()));
}

Result<bool> ResponseStore::erase(std::uint64_t tenant, std::string_view id) {
  const std::lock_guard lock(write_mutex_);
  return writer_->erase(tenant, id);
}

}  // namespace ondol::api
