// The file of stored responses: how it is made, recognised and brought up to date.
//
//   conversations(id, tenant, used_at)        used_at: of its latest response
//   responses(id, tenant, conversation, previous, created_at, body, input, n_shared, tail)
//                                             see StoredResponse
//
// PRAGMA application_id tells that a file is ours, user_version which schema it has.
// Owner: the store. Threads: none of its own.
#pragma once

#include <memory>
#include <string>

#include "api/store/sqlite.h"

namespace ondol::api {

/// Makes the file (0600) and its folder (0700) if they are not there. Errors: kIo,
/// kLimit (no room), kInvalidFile: no regular file, no database, one of somebody else's,
/// a broken one, or one that a later version has made.
Result<std::unique_ptr<Database>> open_store_file(const std::string& path);

}  // namespace ondol::api
