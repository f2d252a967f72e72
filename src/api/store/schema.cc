#include "api/store/schema.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace ondol::api {
namespace {

// FULL: a commit is on the disk before it is acknowledged. secure_delete: what is
// deleted is overwritten, not only unlinked from the tree.
constexpr const char* kSettings =
    "PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA secure_delete=ON;"
    "PRAGMA cell_size_check=ON; PRAGMA journal_size_limit=16777216;";

tl::unexpected<Error> refused(const std::string& path, std::string_view what) {
  return fail(ErrorCode::kIo, path, "", fmt::format("{}: {}", what, std::strerror(errno)));
}

Result<void> make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  if (folder.empty() || std::filesystem::is_directory(folder, error)) return {};
  std::filesystem::create_directories(folder.parent_path(), error);
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return refused(folder.string(), "the folder cannot be made");
  }
  return {};
}

// SQLite gives its files beside this one (-wal, -shm) the same mode.
Result<void> make_file(const std::string& path) {
  ONDOL_TRY_VOID(make_folder(std::filesystem::path(path).parent_path()));
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
  if (fd < 0) return refused(path, "the file cannot be opened for writing");
  struct stat status{};
  const bool is_known = ::fstat(fd, &status) == 0;
  const bool is_regular = is_known && S_ISREG(status.st_mode);
  if (is_regular && (status.st_mode & 077U) != 0) static_cast<void>(::fchmod(fd, 0600));
  ::close(fd);
  if (!is_regular) return fail(ErrorCode::kInvalidFile, path, "", "is no regular file");
  return {};
}

Result<void> check_whose(const Database& database, const std::string& path,
                         const StoreSchema& schema) {
  ONDOL_TRY(const std::int64_t application, database.integer("PRAGMA application_id"));
  ONDOL_TRY(const std::int64_t version, database.integer("PRAGMA user_version"));
  ONDOL_TRY(const std::int64_t n_tables, database.integer("SELECT count(*) FROM sqlite_schema"));
  if (application == 0 && version == 0 && n_tables == 0) return {};  // new, or its making was cut
  if (application != schema.application_id) {
    return fail(ErrorCode::kInvalidFile, path, "",
                fmt::format("is a database of another program, no store of {}", schema.contents));
  }
  const auto latest = static_cast<std::int64_t>(schema.migrations.size());
  if (version > latest) {
    return fail(ErrorCode::kInvalidFile, path, "user_version",
                "a later version of ondol has made this store", version, latest);
  }
  return {};
}

Result<void> check_whole(const Database& database, const std::string& path) {
  ONDOL_TRY(const std::string found, database.text("PRAGMA quick_check(1)"));
  if (found == "ok") return {};
  return fail(ErrorCode::kInvalidFile, path, "", "the store is broken: " + found);
}

Result<void> use_write_ahead_log(const Database& database, const std::string& path) {
  ONDOL_TRY(const std::string mode, database.text("PRAGMA journal_mode=WAL"));
  if (mode == "wal") return {};
  return fail(ErrorCode::kIo, path, "journal_mode", "the file system cannot hold a write-ahead log",
              mode, "wal");
}

// All steps and the new version are one transaction: it is done wholly or not at all.
Result<void> migrate(const Database& database, const StoreSchema& schema) {
  const auto latest = static_cast<std::int64_t>(schema.migrations.size());
  ONDOL_TRY(const std::int64_t before, database.integer("PRAGMA user_version"));
  if (before == latest) return {};
  ONDOL_TRY(Transaction transaction, Transaction::begin(database));
  ONDOL_TRY(const std::int64_t version, database.integer("PRAGMA user_version"));
  for (std::int64_t i = version; i < latest; ++i) {
    ONDOL_TRY_VOID(database.run(schema.migrations[static_cast<std::size_t>(i)]));
  }
  const std::string marks = fmt::format("PRAGMA application_id={}; PRAGMA user_version={}",
                                        schema.application_id, latest);
  ONDOL_TRY_VOID(database.run(marks.c_str()));
  return transaction.commit();
}

}  // namespace

Result<std::unique_ptr<Database>> open_store_file(const std::string& path,
                                                  const StoreSchema& schema) {
  ONDOL_TRY_VOID(make_file(path));
  ONDOL_TRY(auto database, Database::open(path));
  ONDOL_TRY_VOID(database->run(kSettings));
  ONDOL_TRY_VOID(check_whose(*database, path, schema));
  ONDOL_TRY_VOID(check_whole(*database, path));
  ONDOL_TRY_VOID(use_write_ahead_log(*database, path));
  ONDOL_TRY_VOID(migrate(*database, schema));
  return database;
}

}  // namespace ondol::api
