// A Hugging Face checkpoint directory: config.json, *.safetensors with or
// without an index, and the tokenizer's files. Private to format/; callers go
// through ModelFile::open.
#pragma once

#include <deque>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "format/metadata.h"
#include "format/model_file.h"

namespace ondol::format {

enum class HfParts { kModel, kTokenizer };

/// Errors: kNotFound without config.json or weights (kModel), or without
/// tokenizer.json (kTokenizer); kInvalidFile as the parsers say.
Result<std::shared_ptr<const ModelFile>> open_hf_directory(const std::filesystem::path& path,
                                                           HfParts parts);

struct HfConfig {
  Metadata metadata;
  std::deque<std::string> strings;  // what the metadata's string arrays view
};

/// config.json with dotted keys. Left out, so absent: nulls, empty objects, and
/// arrays that hold arrays, objects, nulls or several kinds of scalar; integers
/// beside reals become reals.
Result<HfConfig> parse_hf_config(std::string_view where, std::string_view text);

}  // namespace ondol::format
