// The server under TLS, and what it says about certificates that do not fit.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <ctime>
#include <fstream>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "http/certificates.h"
#include "http/test_client.h"
#include "http/test_folder.h"
#include "http/test_server.h"
#include "http/x509.h"

namespace ondol::http {
namespace {

const std::string kGet = "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n";

class Tls : public ::testing::Test {
 protected:
  Tls() : files_(make(std::time(nullptr))) {
    options_.tls = TlsFiles{files_.certificate, files_.key};
    options_.limits.header_timeout_ms = 2000;
  }

  Certificates make(std::int64_t now) const {
    return *ensure_certificates(folder_.path(), {"localhost", "127.0.0.1"}, now);
  }

  Error start_error() const {
    auto started = Server::start(options_, [](const auto&) {});
    EXPECT_FALSE(started);
    return started ? Error{} : started.error();
  }

  std::vector<std::string> warnings() {
    std::vector<std::string> out;
    options_.on_warning = [&out](const std::string& text) { out.push_back(text); };
    EXPECT_TRUE(Server::start(options_, [](const auto&) {}));
    options_.on_warning = nullptr;
    return out;
  }

  const TestFolder folder_;
  const Certificates files_;
  ServerOptions options_;
};

TEST_F(Tls, AnswersAndStreams) {
  TestServer server(options_);
  std::promise<bool> is_secure;
  server.on("/secure", [&](const auto& exchange) {
    is_secure.set_value(exchange->request().is_secure);
    exchange->reply({200, {}, ""});
  });
  TestClient client(server.port(), files_.ca);
  ASSERT_TRUE(client.is_open());
  EXPECT_EQ(client.ask("GET /secure HTTP/1.1\r\nHost: a\r\n\r\n")->status(), 200);
  EXPECT_TRUE(is_secure.get_future().get());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(client.ask(kGet)->body, "hello");
    EXPECT_TRUE(
        client.ask("GET /stream?500 HTTP/1.1\r\nHost: a\r\n\r\n")->body.ends_with("499\n\n"));
  }
  const std::string body(1'000'000, 'x');
  EXPECT_EQ(client
                .ask(fmt::format("POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                                 "Content-Length: {}\r\n\r\n{}",
                                 body.size(), body))
                ->body.size(),
            body.size() + 12);
  EXPECT_TRUE(client.is_at_end());
  EXPECT_EQ(SSL_get_shutdown(client.tls()) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
}

TEST_F(Tls, DisconnectIsNoticed) {
  TestServer server(options_);
  std::promise<void> gone;
  std::promise<std::shared_ptr<Exchange>> promise;
  server.on("/kept", [&](const auto& exchange) {
    exchange->on_gone([&] { gone.set_value(); });
    exchange->begin(200, {});
    promise.set_value(exchange);
  });
  TestClient client(server.port(), files_.ca);
  client.send("GET /kept HTTP/1.1\r\nHost: a\r\n\r\n");
  const auto kept = promise.get_future().get();
  client.close();
  EXPECT_EQ(gone.get_future().wait_for(std::chrono::seconds(5)), std::future_status::ready);
}

TEST_F(Tls, OldOrForeignProtocolsFail) {
  options_.limits.max_connections = 2;
  TestServer server(options_);
  TestClient plain(server.port());
  plain.send(kGet);
  EXPECT_FALSE(plain.read_reply());
  TestClient silent(server.port());  // cut by the header time-out
  TestClient good(server.port(), files_.ca);
  EXPECT_EQ(good.ask(kGet)->status(), 200);
  TestClient excess(server.port(), files_.ca);
  EXPECT_EQ(excess.ask(kGet)->status(), 503);
  EXPECT_TRUE(silent.is_at_end(5000));

  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_security_level(context, 0);
  SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION);
  TestClient old(server.port());
  SSL* tls = SSL_new(context);
  SSL_set_fd(tls, old.fd());
  EXPECT_NE(SSL_connect(tls), 1);
  SSL_free(tls);
  SSL_CTX_free(context);
}

TEST_F(Tls, ProtocolIsAgreedOn) {
  TestServer server(options_);
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  const unsigned char offer[] = "\x02h2\x08http/1.1";
  SSL_CTX_set_alpn_protos(context, offer, sizeof offer - 1);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TestClient client(server.port());
    SSL* tls = SSL_new(context);
    SSL_set_max_proto_version(tls, version);
    SSL_set_fd(tls, client.fd());
    EXPECT_EQ(SSL_connect(tls), 1);
    EXPECT_EQ(SSL_version(tls), version);
    const unsigned char* chosen = nullptr;
    unsigned int n_chosen = 0;
    SSL_get0_alpn_selected(tls, &chosen, &n_chosen);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(chosen), n_chosen), "http/1.1");
    SSL_free(tls);
  }
  SSL_CTX_free(context);
}

TEST_F(Tls, BadFiles) {
  EXPECT_TRUE(warnings().empty());
  const std::string other_key = *to_pem(**make_key());
  const std::string path = (folder_.path() / "other.pem").string();
  std::ofstream(path) << other_key;
  options_.tls->key = path;
  EXPECT_EQ(start_error().code, ErrorCode::kInvalidFile);
  EXPECT_NE(start_error().message().find("does not fit"), std::string::npos);
  options_.tls = TlsFiles{path, files_.key};
  EXPECT_NE(start_error().message().find("no certificate"), std::string::npos);
  options_.tls = TlsFiles{files_.certificate, files_.certificate};
  EXPECT_NE(start_error().message().find("no private key"), std::string::npos);
  options_.tls = TlsFiles{files_.certificate, "/no/such.key"};
  EXPECT_EQ(start_error().code, ErrorCode::kNotFound);
}

TEST_F(Tls, WarnsOfDatesAndModes) {
  const std::int64_t now = std::time(nullptr);
  const auto write = [&](std::int64_t from, std::int64_t to) {
    const KeyPtr key = *make_key();
    const CertificatePtr certificate = *make_certificate({"x", {}, from, to}, *key, nullptr, *key);
    std::ofstream(folder_.path() / "x.crt") << *to_pem(*certificate);
    std::ofstream(folder_.path() / "x.key") << *to_pem(*key);
    std::filesystem::permissions(folder_.path() / "x.key", std::filesystem::perms(0600));
  };
  options_.tls = TlsFiles{folder_.path() / "x.crt", folder_.path() / "x.key"};
  write(now - 1000, now - 10);
  ASSERT_EQ(warnings().size(), 1u);
  EXPECT_NE(warnings()[0].find("has expired"), std::string::npos);
  write(now + 1000, now + 100'000'000);
  EXPECT_NE(warnings()[0].find("not valid yet"), std::string::npos);
  write(now - 1000, now + 86'400);
  EXPECT_NE(warnings()[0].find("expires within"), std::string::npos);
  write(now - 1000, now + 100'000'000);
  EXPECT_TRUE(warnings().empty());
  std::filesystem::permissions(folder_.path() / "x.key", std::filesystem::perms(0644));
  EXPECT_NE(warnings()[0].find("can read the key"), std::string::npos);
}

}  // namespace
}  // namespace ondol::http
