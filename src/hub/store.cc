#include "hub/store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "base/mapped_file.h"
#include "hub/model_name.h"
#include "hub/part_file.h"

namespace ondol::hub {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::string_view kRecordName = "ondol.json";
constexpr std::size_t kMaxRecordBytes = 64 << 10;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Result<int> open_lock_file(const fs::path& root, std::string_view name) {
  const fs::path folder = root / "locks";
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    return fail(ErrorCode::kIo, folder.string(), "", "cannot make the folder", error.message());
  }
  const fs::path path = folder / folder_from_name(name);
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return io_error(path, "cannot open the lock");
  return fd;
}

std::uint64_t bytes_below(const fs::path& folder) {
  std::uint64_t total = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code ignored;
    if (it->is_regular_file(ignored) && !it->is_symlink(ignored)) total += it->file_size(ignored);
  }
  return total;
}

const json::string* string_field(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value == nullptr ? nullptr : value->if_string();
}

}  // namespace

StoreLock::StoreLock(StoreLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

StoreLock::~StoreLock() {
  if (fd_ >= 0) ::close(fd_);
}

std::string folder_from_name(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '_' || c == '-' || c == '@' || (c == '.' && !out.empty());
    if (plain) {
      out += c;
    } else if (c == '/') {
      out += '+';
    } else if (c == ':') {
      out += '=';
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

Result<Store> Store::from_environment() {
  if (const auto home = environment("ONDOL_HOME"); !home.empty()) return Store(home);
  if (const auto data = environment("XDG_DATA_HOME"); !data.empty()) {
    return Store(fs::path(data) / "ondol");
  }
  if (const auto home = environment("HOME"); !home.empty()) {
    return Store(fs::path(home) / ".local" / "share" / "ondol");
  }
  return fail(ErrorCode::kNotFound, "model store", "",
              "none of ONDOL_HOME, XDG_DATA_HOME, HOME is set");
}

fs::path Store::folder_of(std::string_view name) const {
  return root_ / "models" / folder_from_name(name);
}

Result<StoredModel> Store::read_record(const fs::path& folder) const {
  const fs::path path = folder / kRecordName;
  ONDOL_TRY(const std::string text, read_text_file(path, kMaxRecordBytes));
  boost::system::error_code error;
  const json::value document = json::parse(text, error);
  const json::object* object = error ? nullptr : document.if_object();
  const json::string* name = object ? string_field(*object, "name") : nullptr;
  const json::string* file = object ? string_field(*object, "file") : nullptr;
  const json::string* source = object ? string_field(*object, "source") : nullptr;
  const bool inside = file && (file->empty() || is_safe_relative_path(*file));
  if (!name || !inside || folder_from_name(*name) != folder.filename().string()) {
    return fail(ErrorCode::kInvalidFile, path.string(), "", "is no record of a model");
  }
  StoredModel model;
  model.name = *name;
  model.path = file->empty() ? folder : folder / std::string_view(*file);
  model.source = source ? std::string(*source) : "";
  model.size_bytes = bytes_below(folder) - text.size();
  return model;
}

Result<std::optional<StoredModel>> Store::find(std::string_view name) const {
  const fs::path folder = folder_of(name);
  std::error_code error;
  if (!fs::exists(folder / kRecordName, error)) return std::nullopt;
  ONDOL_TRY(StoredModel model, read_record(folder));
  if (!fs::exists(model.path, error)) return std::nullopt;
  return model;
}

Result<std::vector<StoredModel>> Store::list() const {
  std::vector<StoredModel> out;
  std::error_code error;
  for (fs::directory_iterator it(root_ / "models", error), end; !error && it != end;
       it.increment(error)) {
    if (auto model = read_record(it->path())) out.push_back(*std::move(model));
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return fail(ErrorCode::kIo, (root_ / "models").string(), "", "cannot list", error.message());
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return out;
}

Result<StoreLock> Store::lock(std::string_view name, const std::function<void()>& waiting) const {
  ONDOL_TRY(const int fd, open_lock_file(root_, name));
  StoreLock held(fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return held;
  if (waiting) waiting();
  while (::flock(fd, LOCK_EX) != 0) {
    if (errno != EINTR) return io_error(root_ / "locks", "cannot lock");
  }
  return held;
}

Result<StoreLock> Store::try_lock(std::string_view name) const {
  ONDOL_TRY(const int fd, open_lock_file(root_, name));
  StoreLock held(fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return held;
  return fail(ErrorCode::kIo, name, "", "another ondol is working on this model");
}

Result<void> Store::record(const StoredModel& model) const {
  const fs::path folder = folder_of(model.name);
  const fs::path file = model.path.lexically_relative(folder);
  const json::object record{
      {"name", model.name}, {"file", file == "." ? "" : file.string()}, {"source", model.source}};
  return write_file_atomically(folder / kRecordName, json::serialize(record) + "\n");
}

Result<void> Store::unrecord(std::string_view name) const {
  const fs::path path = folder_of(name) / kRecordName;
  std::error_code error;
  fs::remove(path, error);
  if (error) return fail(ErrorCode::kIo, path.string(), "", "cannot remove", error.message());
  return {};
}

Result<std::uint64_t> Store::remove(std::string_view name) const {
  const fs::path folder = folder_of(name);
  std::error_code error;
  // A link would lead the removal out of the store.
  if (fs::symlink_status(folder, error).type() != fs::file_type::directory) {
    return fail(ErrorCode::kNotFound, name, "", "is not in the store", "", root_.string());
  }
  ONDOL_TRY(const StoreLock lock, try_lock(name));
  ONDOL_TRY_VOID(unrecord(name));
  const std::uint64_t freed = bytes_below(folder);
  fs::remove_all(folder, error);
  if (error) return fail(ErrorCode::kIo, folder.string(), "", "cannot remove", error.message());
  return freed;
}

}  // namespace ondol::hub
