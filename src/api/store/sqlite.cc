#include "api/store/sqlite.h"

#include <cerrno>
#include <limits>
#include <utility>

namespace ondol::api {
namespace {

constexpr int kBusyTimeoutMs = 5000;  // another process of ours may be writing

bool is_out_of_room(sqlite3* handle, int code) {
  if (code == SQLITE_FULL) return true;
  if (code != SQLITE_IOERR) return false;
  // SQLite keeps no number of a write to the log that failed in a commit; the system's is
  // still there, since nothing else has failed in this thread.
  const int system = errno;
  const int kept = sqlite3_system_errno(handle);
  const int number = kept != 0 ? kept : system;
  return number == ENOSPC || number == EDQUOT || number == EFBIG;
}

ErrorCode code_of(sqlite3* handle, int code) {
  if (is_out_of_room(handle, code)) return ErrorCode::kLimit;
  switch (code) {
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return ErrorCode::kInvalidFile;
    case SQLITE_NOMEM:
      return ErrorCode::kOutOfMemory;
    case SQLITE_TOOBIG:
      return ErrorCode::kLimit;
    case SQLITE_MISUSE:
    case SQLITE_RANGE:
      return ErrorCode::kInternal;
    default:
      return ErrorCode::kIo;
  }
}

}  // namespace

tl::unexpected<Error> Database::error() const {
  const int code = sqlite3_errcode(handle_.get());
  if (is_out_of_room(handle_.get(), code)) {
    return fail(ErrorCode::kLimit, path_, "", "the disk is full");
  }
  return fail(code_of(handle_.get(), code), path_, "", sqlite3_errmsg(handle_.get()));
}

Result<std::unique_ptr<Database>> Database::open(const std::string& path) {
  sqlite3* handle = nullptr;
  // Every connection has its owner's lock; SQLite need not lock again.
  constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
  const int code = sqlite3_open_v2(path.c_str(), &handle, kFlags, nullptr);
  if (handle == nullptr) return fail(ErrorCode::kOutOfMemory, path, "", "cannot be opened");
  std::unique_ptr<Database> out(new Database(path, handle));
  if (code != SQLITE_OK) return out->error();
  sqlite3_extended_result_codes(handle, 0);
  sqlite3_busy_timeout(handle, kBusyTimeoutMs);
  // A file may come from anywhere: its schema can neither call functions nor lie about pages.
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  return out;
}

Result<void> Database::run(const char* sql) const {
  if (sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) return error();
  return {};
}

Result<Statement> Database::prepare(std::string_view sql) const {
  sqlite3_stmt* handle = nullptr;
  if (sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                         SQLITE_PREPARE_PERSISTENT, &handle, nullptr) != SQLITE_OK) {
    return error();
  }
  return Statement(this, handle);
}

Result<std::int64_t> Database::integer(std::string_view sql) const {
  ONDOL_TRY(Statement statement, prepare(sql));
  ONDOL_TRY(const bool has_row, statement.step());
  return has_row ? statement.integer(0) : 0;
}

Result<std::string> Database::text(std::string_view sql) const {
  ONDOL_TRY(Statement statement, prepare(sql));
  ONDOL_TRY(const bool has_row, statement.step());
  return has_row ? statement.text(0) : std::string();
}

Statement& Statement::bind(int index, std::int64_t value) {
  const int code = sqlite3_bind_int64(handle_.get(), index + 1, value);
  if (bind_error_ == SQLITE_OK) bind_error_ = code;
  return *this;
}

Statement& Statement::bind(int index, std::string_view text) {
  const int code = sqlite3_bind_text64(handle_.get(), index + 1, text.data(), text.size(),
                                       SQLITE_TRANSIENT, SQLITE_UTF8);
  if (bind_error_ == SQLITE_OK) bind_error_ = code;
  return *this;
}

Statement& Statement::bind_blob(int index, std::string_view bytes) {
  // An empty view may have no address, which would bind NULL.
  const void* data = bytes.empty() ? "" : bytes.data();
  const int code =
      sqlite3_bind_blob64(handle_.get(), index + 1, data, bytes.size(), SQLITE_TRANSIENT);
  if (bind_error_ == SQLITE_OK) bind_error_ = code;
  return *this;
}

void Statement::reset() {
  sqlite3_reset(handle_.get());
  sqlite3_clear_bindings(handle_.get());
  bind_error_ = SQLITE_OK;
}

Result<bool> Statement::step() {
  if (bind_error_ != SQLITE_OK) {
    const ErrorCode code = code_of(database_->handle_.get(), bind_error_);
    reset();
    return fail(code, database_->path_, "", "a value cannot be taken");
  }
  const int code = sqlite3_step(handle_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    reset();
    return false;
  }
  auto error = database_->error();
  reset();
  return error;
}

Result<void> Statement::run() {
  ONDOL_TRY(const bool has_row, step());
  if (has_row) reset();
  return {};
}

std::string Statement::text(int column) const {
  const void* bytes = sqlite3_column_blob(handle_.get(), column);
  const int n_bytes = sqlite3_column_bytes(handle_.get(), column);
  if (bytes == nullptr) return {};
  return {static_cast<const char*>(bytes), static_cast<std::size_t>(n_bytes)};
}

Result<Transaction> Transaction::begin(const Database& database) {
  ONDOL_TRY_VOID(database.run("BEGIN IMMEDIATE"));
  return Transaction(&database);
}

Transaction::~Transaction() {
  // SQLite has rolled back by itself after some errors; then this one says nothing new.
  if (database_ != nullptr) static_cast<void>(database_->run("ROLLBACK"));
}

Result<void> Transaction::commit() {
  ONDOL_TRY_VOID(database_->run("COMMIT"));
  database_ = nullptr;
  return {};
}

}  // namespace ondol::api
