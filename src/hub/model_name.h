// How a model is named on the command line:
//
//   name      = "hf:" repo [":" file] ["@" revision]
//             | catalogue name            ("smollm2")
//             | path of a file or directory
//   repo      = owner "/" repository      [A-Za-z0-9._-]
//   file      = segment *("/" segment)    no "." or "..", no ":" or "@"
//   revision  = branch, tag or commit     [A-Za-z0-9._/-]
//
// A catalogue name wins over a file of the same name; "./smollm2" is the file.
// Values; pure functions.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <variant>

#include "base/error.h"
#include "hub/catalogue.h"

namespace ondol::hub {

struct HfName {
  std::string repo;
  std::string file;  // may be empty: chosen from the repository's list
  std::string revision = "main";

  std::string to_string() const;  // the shortest spelling
  bool operator==(const HfName&) const = default;
};

using ModelName = std::variant<std::filesystem::path, const CatalogueEntry*, HfName>;

/// Errors: kInvalidArgument says which part is wrong. A path is not looked at.
Result<ModelName> parse_model_name(std::string_view name);

/// Whether a relative path from outside stays inside the folder it is joined
/// to: no empty, "." or ".." segment, no backslash, colon or control character.
bool is_safe_relative_path(std::string_view path);

}  // namespace ondol::hub
