// Where models lie on this machine:
//
//   <root>/models/<folder>/ondol.json     the record, written last: a model
//                                         without it is not complete
//   <root>/models/<folder>/...            the model's files
//   <root>/locks/<folder>                 locked while a pull or rm works
//
// <root> is $ONDOL_HOME, else $XDG_DATA_HOME/ondol, else ~/.local/share/ondol.
// <folder> spells the model's name reversibly without slashes.
//
// Threads: any; several processes at once are fine, changes happen under the
// model's lock. Errors: kIo, kNotFound, kInvalidFile for a broken record.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace ondol::hub {

struct StoredModel {
  std::string name;              // "smollm2", "hf:org/repo:file.gguf"
  std::filesystem::path path;    // what to open: a file, or the folder
  std::uint64_t size_bytes = 0;  // of all files
  std::string source;            // where it came from, for people
};

/// Holds the lock of one model; released on destruction or when the process ends.
class StoreLock {
 public:
  explicit StoreLock(int fd) : fd_(fd) {}
  StoreLock(StoreLock&& other) noexcept;
  StoreLock& operator=(StoreLock&&) = delete;
  ~StoreLock();

 private:
  int fd_;
};

class Store {
 public:
  explicit Store(std::filesystem::path root) : root_(std::move(root)) {}
  /// Reads the environment as said above. Errors: kNotFound when not even HOME is set.
  static Result<Store> from_environment();

  const std::filesystem::path& root() const { return root_; }
  std::filesystem::path folder_of(std::string_view name) const;

  /// nullopt when it is not there, or not complete.
  Result<std::optional<StoredModel>> find(std::string_view name) const;
  /// Complete models, by name. Broken records are left out.
  Result<std::vector<StoredModel>> list() const;

  /// Waits for the lock; calls `waiting` once if somebody else holds it.
  Result<StoreLock> lock(std::string_view name, const std::function<void()>& waiting) const;
  /// kIo at once if somebody else holds it.
  Result<StoreLock> try_lock(std::string_view name) const;

  /// Writes the record that makes the model complete. REQUIRES: its lock is held;
  /// model.path is the model's folder or lies in it.
  Result<void> record(const StoredModel& model) const;
  /// Takes the record away: the model is no longer complete. REQUIRES: lock held.
  Result<void> unrecord(std::string_view name) const;
  /// Removes a model's folder, complete or not, and says how many bytes of
  /// files that freed. Errors: kNotFound; kIo if it is being pulled.
  Result<std::uint64_t> remove(std::string_view name) const;

 private:
  Result<StoredModel> read_record(const std::filesystem::path& folder) const;

  std::filesystem::path root_;
};

/// "hf:org/repo:a.gguf" <-> "hf=org+repo=a.gguf". Only [A-Za-z0-9._@+=%-] comes out.
std::string folder_from_name(std::string_view name);

}  // namespace ondol::hub
