// TLS as this server speaks it: 1.2 and 1.3, forward secrecy and authenticated
// ciphers only, HTTP/1.1 by ALPN; the certificate and the key checked before the
// first connection.
// Threads: any, plain functions.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "http/server.h"

namespace ondol::http {

/// `warn` (may be empty) hears of a certificate that clients will not take today
/// or soon, and of a key that others can read. Errors: kIo (a file cannot be
/// read), kInvalidFile (no PEM, or the key is another's), kLimit (far too large).
Result<std::unique_ptr<boost::asio::ssl::context>> make_tls_context(
    const TlsFiles& files, const std::function<void(const std::string&)>& warn);

}  // namespace ondol::http
