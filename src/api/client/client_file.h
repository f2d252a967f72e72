// The files of the client that a browser gets: part of the program, public, without
// any data of users.
//
// Owner: the program; views live for ever. Threads: immutable.
#pragma once

#include <span>
#include <string_view>

namespace ondol::api {

struct ClientFile {
  std::string_view path;  // "/assets/index-1a2b.js"; "/" and "/tv/" are their index.html
  std::string_view type;  // for Content-Type
  std::string_view hash;  // of its bytes, 32 hex digits
  std::string_view bytes;
  std::string_view gzip;      // the same packed; empty where that is not smaller
  std::string_view location;  // not empty: there is nothing here, look there
};

/// What the build has embedded; made by cmake/embed_client.py.
std::span<const ClientFile> embedded_client();

}  // namespace ondol::api
