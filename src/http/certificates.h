// A certificate authority of this machine's own, and a server certificate signed
// by it, for devices at home: a phone that has the authority installed takes the
// server for what it is.
//
//   <folder>/ca.crt        installed on devices; made once, for ten years
//   <folder>/ca.key        signs; 0600, never leaves the machine
//   <folder>/server.crt    for `ondol serve`; renewed when it nears its end, when
//   <folder>/server.key    the names change, or when the authority is another
//
// Owner: the command line. Threads: any; several processes at once are fine, the
// folder is locked. Errors: kIo; kInvalidFile for a file that is there and is not
// what it should be (it is never overwritten: devices may trust it); kInvalidArgument
// for a name that no certificate can carry.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"

namespace ondol::http {

inline constexpr int kCaDays = 3650;
inline constexpr int kServerDays = 397;  // the most that browsers take
inline constexpr int kRenewDays = 30;    // before the end

struct Certificates {
  std::filesystem::path ca;
  std::filesystem::path certificate;
  std::filesystem::path key;
  std::vector<std::string> names;  // host names and IP addresses, sorted
  std::int64_t ca_expires = 0;     // Unix seconds
  std::int64_t expires = 0;
  std::string ca_sha256;   // fingerprint as devices show it: "AB:CD:..."
  bool is_ca_new = false;  // devices have to install it (again)
  bool is_server_new = false;
};

/// localhost, this machine's name, its .local name, and the addresses of its
/// interfaces as they are now.
std::vector<std::string> local_names();

/// Makes what is missing or due. `now` is Unix seconds.
Result<Certificates> ensure_certificates(const std::filesystem::path& folder,
                                         const std::vector<std::string>& names, std::int64_t now);

}  // namespace ondol::http
