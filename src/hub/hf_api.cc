#include "hub/hf_api.h"

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <thread>

namespace ondol::hub {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxListBytes = std::size_t{16} << 20;
constexpr int kMaxFruitlessTries = 3;
constexpr std::uint64_t kUsefulBytes = 64 << 10;  // a try that brings less is fruitless

Result<void> status_error(const HttpReply& reply, const HfName& name, std::string_view what) {
  const std::string status = std::to_string(reply.status);
  switch (reply.status) {
    case 401:
      return fail(ErrorCode::kNetwork, name.to_string(), what,
                  "there is no such repository, or it needs a token: set HF_TOKEN", status);
    case 403:
      return fail(ErrorCode::kNetwork, name.to_string(), what,
                  "this token may not read it (its terms may have to be accepted first)", status);
    case 404:
      return fail(ErrorCode::kNotFound, name.to_string(), what,
                  "no such repository, revision or file", status);
    default:
      return fail(ErrorCode::kNetwork, name.to_string(), what, "the server refused", status, "200");
  }
}

std::optional<std::uint64_t> size_field(const json::object& object) {
  const json::value* value = object.if_contains("size");
  if (value == nullptr) return std::nullopt;
  boost::system::error_code error;
  const auto size = value->to_number<std::uint64_t>(error);
  if (error) return std::nullopt;
  return size;
}

std::string text_field(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  const json::string* text = value ? value->if_string() : nullptr;
  return text ? std::string(*text) : "";
}

// nullopt for an entry that cannot be fetched safely: no plain name, no checksum.
std::optional<HfFile> parse_sibling(const json::value& value) {
  const json::object* sibling = value.if_object();
  if (sibling == nullptr) return std::nullopt;
  HfFile file;
  file.path = text_field(*sibling, "rfilename");
  const json::value* lfs = sibling->if_contains("lfs");
  const json::object* blob = lfs ? lfs->if_object() : nullptr;
  if (blob != nullptr) {
    file.checksum = {Checksum::Kind::kSha256, text_field(*blob, "sha256")};
  } else {
    file.checksum = {Checksum::Kind::kGitBlob, text_field(*sibling, "blobId")};
  }
  const auto size = size_field(blob ? *blob : *sibling);
  if (!size || !is_safe_relative_path(file.path) || !file.checksum.well_formed()) {
    return std::nullopt;
  }
  file.size_bytes = *size;
  return file;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

// "m-00001-of-00003.gguf" -> "m-of-00003.gguf"; shards of one model share it.
std::string shard_group(const std::string& path) {
  const auto of = path.rfind("-of-");
  if (of == std::string::npos || of < 6 || path[of - 6] != '-') return path;
  return path.substr(0, of - 6) + path.substr(of);
}

std::vector<HfFile> group_of(const HfSnapshot& snapshot, const std::string& path) {
  std::vector<HfFile> out;
  for (const HfFile& file : snapshot.files) {
    if (shard_group(file.path) == shard_group(path)) out.push_back(file);
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return out;
}

// One path for each GGUF model: projectors of other modalities are no model.
std::vector<std::string> gguf_models(const HfSnapshot& snapshot) {
  std::vector<std::string> out;
  std::vector<std::string> groups;
  for (const HfFile& file : snapshot.files) {
    const std::string name = lower(file.path);
    if (!name.ends_with(".gguf") || name.find("mmproj") != std::string::npos) continue;
    const std::string group = shard_group(file.path);
    if (std::find(groups.begin(), groups.end(), group) != groups.end()) continue;
    groups.push_back(group);
    out.push_back(file.path);
  }
  return out;
}

Result<std::string> choose_gguf(const std::vector<std::string>& models, const HfName& name) {
  if (models.size() == 1) return models.front();
  for (const std::string_view wanted : {"q4_k_m", "q4_0", "q8_0"}) {
    const auto has = [&](const std::string& path) {
      return lower(path).find(wanted) != std::string::npos;
    };
    const auto n = std::count_if(models.begin(), models.end(), has);
    if (n == 1) return *std::find_if(models.begin(), models.end(), has);
    if (n > 1) break;
  }
  std::string list;
  for (const std::string& path : models) list += (list.empty() ? "" : ", ") + path;
  return fail(ErrorCode::kInvalidArgument, name.to_string(), "",
              "has several GGUF files, name one of them as hf:repo:file", list);
}

bool is_companion(std::string_view path) {
  constexpr std::string_view kNames[] = {"config.json",         "generation_config.json",
                                         "tokenizer.json",      "tokenizer_config.json",
                                         "chat_template.jinja", "special_tokens_map.json",
                                         "added_tokens.json",   "model.safetensors.index.json"};
  return std::find(std::begin(kNames), std::end(kNames), path) != std::end(kNames);
}

std::vector<HfFile> safetensors_set(const HfSnapshot& snapshot) {
  const auto is_weight = [](const std::string& path) {
    return path.ends_with(".safetensors") && path.find('/') == std::string::npos;
  };
  // Some repositories carry a second copy ("consolidated.safetensors").
  const bool standard = std::any_of(snapshot.files.begin(), snapshot.files.end(), [&](auto& f) {
    return is_weight(f.path) && f.path.starts_with("model");
  });
  std::vector<HfFile> out;
  bool any_weight = false;
  for (const HfFile& file : snapshot.files) {
    const bool weight = is_weight(file.path) && (!standard || file.path.starts_with("model"));
    any_weight = any_weight || weight;
    if (weight || is_companion(file.path)) out.push_back(file);
  }
  if (!any_weight) out.clear();
  return out;
}

// What a transfer does with the reply's kind before any byte comes.
Result<void> prepare_part(PartFile& part, const HttpReply& reply) {
  const bool continues = reply.status == 206 && reply.content_range_from == part.size();
  if (!continues && part.size() > 0) ONDOL_TRY_VOID(part.restart());
  if (reply.status == 206 && !continues) {
    return fail(ErrorCode::kNetwork, part.final_path().filename().string(), "Content-Range",
                "the server sent another part than asked for");
  }
  // A weak ETag says nothing about bytes; the checksum decides in the end anyway.
  return part.set_etag(reply.etag.starts_with("W/") ? "" : reply.etag);
}

}  // namespace

Result<HfSnapshot> parse_snapshot(std::string_view text, std::string_view where) {
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = 16;
  const json::value document = json::parse(text, error, {}, options);
  const json::object* root = error ? nullptr : document.if_object();
  const json::value* list = root ? root->if_contains("siblings") : nullptr;
  const json::array* siblings = list ? list->if_array() : nullptr;
  if (siblings == nullptr) {
    return fail(ErrorCode::kInvalidFile, where, "siblings", "the server's list of files is broken");
  }
  HfSnapshot snapshot;
  const Checksum commit{Checksum::Kind::kGitBlob, text_field(*root, "sha")};
  if (commit.well_formed()) snapshot.commit = commit.hex;
  for (const json::value& sibling : *siblings) {
    if (auto file = parse_sibling(sibling)) snapshot.files.push_back(*std::move(file));
  }
  return snapshot;
}

Result<HfSnapshot> fetch_snapshot(HttpClient& client, const HfName& name) {
  HttpRequest request;
  request.url = client.endpoint() + "/api/models/" + name.repo + "/revision/" +
                url_encode(name.revision, false) + "?blobs=true";
  for (int n_tries = 1;; ++n_tries) {
    std::string text;
    auto reply = client.get(request, {}, [&](std::string_view bytes) -> Result<void> {
      if (text.size() + bytes.size() > kMaxListBytes) {
        return fail(ErrorCode::kLimit, name.to_string(), "", "the list of files is too long", "",
                    std::to_string(kMaxListBytes));
      }
      text += bytes;
      return {};
    });
    const bool again =
        reply ? is_transient_status(reply->status) : reply.error().code == ErrorCode::kNetwork;
    if (again && n_tries < kMaxFruitlessTries) {
      std::this_thread::sleep_for(std::chrono::milliseconds(300 * n_tries));
      continue;
    }
    if (!reply) return tl::unexpected(std::move(reply).error());
    if (reply->status != 200) {
      ONDOL_TRY_VOID(status_error(*reply, name, "list of files"));
    }
    return parse_snapshot(text, name.to_string());
  }
}

Result<std::vector<HfFile>> choose_files(const HfSnapshot& snapshot, const HfName& name) {
  if (!name.file.empty()) {
    auto files = group_of(snapshot, name.file);
    if (!files.empty()) return files;
    return fail(ErrorCode::kNotFound, name.to_string(), "", "the repository has no such file");
  }
  const auto models = gguf_models(snapshot);
  if (!models.empty()) {
    ONDOL_TRY(const std::string path, choose_gguf(models, name));
    return group_of(snapshot, path);
  }
  auto files = safetensors_set(snapshot);
  if (!files.empty()) return files;
  return fail(ErrorCode::kNotFound, name.to_string(), "",
              "the repository has neither GGUF nor safetensors files");
}

Result<void> download_file(HttpClient& client, const HfName& name, const std::string& commit,
                           const HfFile& file, PartFile& part,
                           const std::function<void(std::uint64_t)>& progress) {
  HttpRequest request;
  request.url = client.endpoint() + "/" + name.repo + "/resolve/" +
                url_encode(commit.empty() ? name.revision : commit, false) + "/" +
                url_encode(file.path, true);
  int n_fruitless = 0;
  while (part.size() < part.expected_size() || part.expected_size() == 0) {
    const std::uint64_t before = part.size();
    request.first_byte = part.size();
    request.if_range = part.etag();
    auto reply = client.get(
        request, [&](const HttpReply& head) { return prepare_part(part, head); },
        [&](std::string_view bytes) -> Result<void> {
          ONDOL_TRY_VOID(part.append(bytes));
          if (progress) progress(part.size());
          return {};
        });
    const bool good = reply && (reply->status == 200 || reply->status == 206);
    if (good && part.size() == part.expected_size()) break;
    if (reply && reply->status == 416) {  // what we hold is not of this file
      ONDOL_TRY_VOID(part.restart());
    } else if (reply && !good && !is_transient_status(reply->status)) {
      return status_error(*reply, name, file.path);
    } else if (!reply && reply.error().code != ErrorCode::kNetwork) {
      return tl::unexpected(std::move(reply).error());
    }
    n_fruitless = part.size() >= before + kUsefulBytes ? 0 : n_fruitless + 1;
    if (n_fruitless >= kMaxFruitlessTries) {
      if (!reply) return tl::unexpected(std::move(reply).error());
      return status_error(*reply, name, file.path);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(300 * (n_fruitless + 1)));
  }
  return part.commit();
}

}  // namespace ondol::hub
