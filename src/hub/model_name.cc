#include "hub/model_name.h"

#include <algorithm>

namespace ondol::hub {
namespace {

constexpr std::size_t kMaxSegmentBytes = 96;
constexpr std::size_t kMaxPathBytes = 255;

bool is_word(std::string_view text, std::string_view extra) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           extra.find(c) != std::string_view::npos;
  });
}

bool is_repo_part(std::string_view part) {
  return part.size() <= kMaxSegmentBytes && is_word(part, "._-") && part != "." && part != "..";
}

tl::unexpected<Error> bad_name(std::string_view name, std::string_view detail) {
  return fail(ErrorCode::kInvalidArgument, "model name", name, detail, "",
              "hf:owner/repository[:file][@revision]");
}

Result<HfName> parse_hf(std::string_view name) {
  HfName out;
  std::string_view rest = name.substr(3);
  if (const auto at = rest.rfind('@'); at != std::string_view::npos) {
    out.revision = rest.substr(at + 1);
    rest = rest.substr(0, at);
    if (!is_word(out.revision, "._/-") || !is_safe_relative_path(out.revision)) {
      return bad_name(name, "the revision is no branch, tag or commit");
    }
  }
  if (const auto colon = rest.find(':'); colon != std::string_view::npos) {
    out.file = rest.substr(colon + 1);
    rest = rest.substr(0, colon);
    if (!is_safe_relative_path(out.file)) return bad_name(name, "the file name is not allowed");
  }
  const auto slash = rest.find('/');
  if (slash == std::string_view::npos || !is_repo_part(rest.substr(0, slash)) ||
      !is_repo_part(rest.substr(slash + 1))) {
    return bad_name(name, "the repository is not of the form owner/repository");
  }
  out.repo = rest;
  return out;
}

}  // namespace

std::string HfName::to_string() const {
  std::string out = "hf:" + repo;
  if (!file.empty()) out += ":" + file;
  if (revision != "main") out += "@" + revision;
  return out;
}

bool is_safe_relative_path(std::string_view path) {
  if (path.empty() || path.size() > kMaxPathBytes) return false;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || c == '\\' || c == ':' || c == '@') return false;
  }
  std::size_t begin = 0;
  while (begin <= path.size()) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view segment = path.substr(begin, end - begin);
    if (segment.empty() || segment == "." || segment == "..") return false;
    begin = end + 1;
  }
  return true;
}

Result<ModelName> parse_model_name(std::string_view name) {
  if (name.empty()) return bad_name(name, "a model name is empty");
  if (name.starts_with("hf:")) {
    ONDOL_TRY(HfName hf, parse_hf(name));
    return ModelName(std::move(hf));
  }
  if (const CatalogueEntry* entry = find_in_catalogue(name)) return ModelName(entry);
  return ModelName(std::filesystem::path(name));
}

}  // namespace ondol::hub
