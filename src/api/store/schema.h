// A store's file: how it is made, recognised and brought up to date.
//
// PRAGMA application_id tells that a file is ours, user_version which schema it has.
// Owner: the store. Threads: none of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "api/store/sqlite.h"

namespace ondol::api {

struct StoreSchema {
  std::int64_t application_id;
  std::string_view contents;  // "responses": for messages
  // Step i leads from version i to version i + 1.
  std::span<const char* const> migrations;
};

/// Makes the file (0600) and its folder (0700) if they are not there. Errors: kIo,
/// kLimit (no room), kInvalidFile: no regular file, no database, one of somebody else's,
/// a broken one, or one that a later version has made.
Result<std::unique_ptr<Database>> open_store_file(const std::string& path,
                                                  const StoreSchema& schema);

}  // namespace ondol::api
