// SQLite as values: a connection and prepared statements whose errors are Results.
//
// Owner: the store. Threads: one at a time; the owner's lock sees to that. Statements
// must go before their connection. Errors, `where` being the file: kLimit when there is
// no room for more (the disk, a quota), kInvalidFile for what is no database or a
// broken one, kIo for the rest that the system refuses.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace ondol::api {

class Statement;

class Database {
 public:
  /// Opens the file, which must exist.
  static Result<std::unique_ptr<Database>> open(const std::string& path);
  Database(const Database&) = delete;  // statements know where it lies
  Database& operator=(const Database&) = delete;

  /// Statements without results, one after the other.
  Result<void> run(const char* sql) const;
  Result<Statement> prepare(std::string_view sql) const;
  /// The first column of the first row; 0 when there is none.
  Result<std::int64_t> integer(std::string_view sql) const;
  Result<std::string> text(std::string_view sql) const;

  std::int64_t n_changes() const { return sqlite3_changes64(handle_.get()); }  // of the last one
  std::int64_t last_row() const { return sqlite3_last_insert_rowid(handle_.get()); }

 private:
  friend class Statement;
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  Database(std::string path, sqlite3* handle) : path_(std::move(path)), handle_(handle) {}
  tl::unexpected<Error> error() const;

  std::string path_;
  std::unique_ptr<sqlite3, Close> handle_;
};

/// Bound texts and blobs are copied; columns live until the next step.
class Statement {
 public:
  // Columns and parameters count from 0.
  Statement& bind(int index, std::int64_t value);
  Statement& bind(int index, std::string_view text);
  Statement& bind_blob(int index, std::string_view bytes);

  /// True: there is a row. After false and after an error it stands at its beginning
  /// again, with nothing bound.
  Result<bool> step();
  /// One step of a statement that has no rows.
  Result<void> run();
  /// Before its end.
  void reset();

  std::int64_t integer(int column) const { return sqlite3_column_int64(handle_.get(), column); }
  std::string text(int column) const;  // or a blob's bytes

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* handle) const { sqlite3_finalize(handle); }
  };
  Statement(const Database* database, sqlite3_stmt* handle)
      : database_(database), handle_(handle) {}

  const Database* database_;
  std::unique_ptr<sqlite3_stmt, Finalize> handle_;
  int bind_error_ = SQLITE_OK;  // the first; step() tells
};

/// BEGIN IMMEDIATE ... COMMIT; rolled back unless committed.
class Transaction {
 public:
  static Result<Transaction> begin(const Database& database);
  ~Transaction();
  Transaction(Transaction&& other) noexcept : database_(other.database_) {
    other.database_ = nullptr;
  }
  Transaction& operator=(Transaction&&) = delete;

  /// After an error nothing of it has happened.
  Result<void> commit();

 private:
  explicit Transaction(const Database* database) : database_(database) {}
  const Database* database_;  // null: over
};

}  // namespace ondol::api
