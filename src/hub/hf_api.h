// The Hugging Face hub as far as a download needs it: what files a revision
// has, which of them make up a model, and the bytes of one of them.
//
//   GET {endpoint}/api/models/{repo}/revision/{revision}?blobs=true
//     {"sha": commit, "siblings": [{"rfilename", "size", "blobId",
//                                   "lfs": {"sha256", "size"}}]}
//   GET {endpoint}/{repo}/resolve/{commit}/{file}      (redirects to a CDN)
//
// Threads: as HttpClient. Errors: kNetwork; kNotFound; kInvalidFile for an
// answer that is not of this form; kInvalidArgument when the choice is open.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "hub/digest.h"
#include "hub/http_client.h"
#include "hub/model_name.h"
#include "hub/part_file.h"

namespace ondol::hub {

struct HfFile {
  std::string path;  // safe and relative
  std::uint64_t size_bytes = 0;
  Checksum checksum;
};

struct HfSnapshot {
  std::string commit;
  std::vector<HfFile> files;  // of unsafe names and without checksum: left out
};

Result<HfSnapshot> fetch_snapshot(HttpClient& client, const HfName& name);

/// The snapshot in an answer of the API. Pure.
Result<HfSnapshot> parse_snapshot(std::string_view text, std::string_view where);

/// Which files to fetch; the first is what is opened for GGUF. With name.file
/// that file (all of its shards); else the repository's GGUF, preferring
/// Q4_K_M, Q4_0, Q8_0 when there are several; else the safetensors set. Pure.
Result<std::vector<HfFile>> choose_files(const HfSnapshot& snapshot, const HfName& name);

/// Continues `part` until it is complete and committed. Cut connections and
/// transient statuses are tried again, with pauses, as long as bytes arrive.
/// `progress` gets the bytes of this file so far.
Result<void> download_file(HttpClient& client, const HfName& name, const std::string& commit,
                           const HfFile& file, PartFile& part,
                           const std::function<void(std::uint64_t)>& progress);

}  // namespace ondol::hub
