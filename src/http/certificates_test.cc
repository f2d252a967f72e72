#include "http/certificates.h"

#include <gtest/gtest.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <iterator>

#include "http/test_folder.h"
#include "http/x509.h"

namespace ondol::http {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kDay = 86'400;
const std::vector<std::string> kNames = {"localhost", "127.0.0.1", "::1", "Box.local"};

std::string text_of(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

CertificatePtr certificate_at(const fs::path& path) {
  return *certificate_from_pem(path.string(), text_of(path));
}

Certificates ensure(const fs::path& folder, const std::vector<std::string>& names,
                    std::int64_t now) {
  auto made = ensure_certificates(folder, names, now);
  EXPECT_TRUE(made) << (made ? "" : made.error().message());
  return made ? *made : Certificates{};
}

ErrorCode refused(const fs::path& folder, const std::vector<std::string>& names) {
  const auto made = ensure_certificates(folder, names, std::time(nullptr));
  EXPECT_FALSE(made);
  return made ? ErrorCode::kInternal : made.error().code;
}

TEST(Certificates, FirstRunMakesBoth) {
  const TestFolder folder;
  const std::int64_t now = std::time(nullptr);
  const Certificates made = ensure(folder.path() / "new/certs", kNames, now);
  EXPECT_TRUE(made.is_ca_new);
  EXPECT_TRUE(made.is_server_new);
  EXPECT_EQ(made.names, (std::vector<std::string>{"127.0.0.1", "::1", "box.local", "localhost"}));
  EXPECT_NEAR(static_cast<double>(made.expires), static_cast<double>(now + kServerDays * kDay),
              7200);
  EXPECT_NEAR(static_cast<double>(made.ca_expires), static_cast<double>(now + kCaDays * kDay),
              7200);
  EXPECT_EQ(made.ca_sha256.size(), 32u * 3 - 1);
  for (const char* key : {"ca.key", "server.key"}) {
    struct stat info{};
    ASSERT_EQ(::stat((folder.path() / "new/certs" / key).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u) << key;
  }

  const CertificatePtr ca = certificate_at(made.ca);
  const CertificatePtr server = certificate_at(made.certificate);
  EXPECT_EQ(X509_check_ca(ca.get()), 1);
  EXPECT_EQ(X509_get_pathlen(ca.get()), 0);
  EXPECT_EQ(X509_check_ca(server.get()), 0);
  EXPECT_EQ(X509_verify(server.get(), X509_get0_pubkey(ca.get())), 1);
  EXPECT_EQ(X509_check_issued(ca.get(), server.get()), X509_V_OK);
  EXPECT_EQ(X509_check_purpose(server.get(), X509_PURPOSE_SSL_SERVER, 0), 1);
  EXPECT_EQ(X509_check_host(server.get(), "box.local", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_host(server.get(), "other.local", 0, 0, nullptr), 0);
  EXPECT_EQ(X509_check_ip_asc(server.get(), "::1", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(server.get(), "127.0.0.1", 0), 1);
}

TEST(Certificates, KeptUntilDue) {
  const TestFolder folder;
  const std::int64_t now = std::time(nullptr);
  const Certificates first = ensure(folder.path(), kNames, now);
  const std::string server = text_of(first.certificate);
  const std::string ca = text_of(first.ca);

  const Certificates again = ensure(folder.path(), kNames, now + 300 * kDay);
  EXPECT_FALSE(again.is_ca_new || again.is_server_new);
  EXPECT_EQ(text_of(first.certificate), server);

  const Certificates renewed = ensure(folder.path(), kNames, now + (kServerDays - 20) * kDay);
  EXPECT_FALSE(renewed.is_ca_new);
  EXPECT_TRUE(renewed.is_server_new);
  EXPECT_NE(text_of(first.certificate), server);
  EXPECT_EQ(text_of(first.ca), ca);

  std::vector<std::string> more = kNames;
  more.push_back("192.168.1.7");
  EXPECT_TRUE(ensure(folder.path(), more, now).is_server_new);
  EXPECT_FALSE(ensure(folder.path(), more, now).is_server_new);

  // A server certificate never outlives its authority; then both are made anew.
  const Certificates late = ensure(folder.path(), kNames, now + (kCaDays - 100) * kDay);
  EXPECT_TRUE(late.is_server_new);
  EXPECT_EQ(late.expires, late.ca_expires);
  const Certificates anew = ensure(folder.path(), kNames, now + (kCaDays - 5) * kDay);
  EXPECT_TRUE(anew.is_ca_new && anew.is_server_new);
}

TEST(Certificates, BrokenFiles) {
  const TestFolder folder;
  const std::int64_t now = std::time(nullptr);
  const Certificates first = ensure(folder.path(), kNames, now);
  // The server's are made again ...
  std::ofstream(first.key) << "broken";
  EXPECT_TRUE(ensure(folder.path(), kNames, now).is_server_new);
  fs::remove(first.certificate);
  EXPECT_TRUE(ensure(folder.path(), kNames, now).is_server_new);
  // ... the authority's never, for devices trust it.
  const std::string ca = text_of(first.ca);
  std::ofstream(first.ca) << text_of(first.certificate);
  EXPECT_EQ(refused(folder.path(), kNames), ErrorCode::kInvalidFile);
  std::ofstream(first.ca) << "broken";
  EXPECT_EQ(refused(folder.path(), kNames), ErrorCode::kInvalidFile);
  std::ofstream(first.ca) << ca;
  const TestFolder other;
  fs::copy_file(ensure(other.path(), kNames, now).ca, first.ca,
                fs::copy_options::overwrite_existing);
  EXPECT_EQ(refused(folder.path(), kNames), ErrorCode::kInvalidFile);  // another's key
  fs::remove(folder.path() / "ca.key");
  EXPECT_EQ(refused(folder.path(), kNames), ErrorCode::kNotFound);
  // A key that was written just before the power went.
  fs::remove(first.ca);
  std::ofstream(folder.path() / "ca.key") << "half";
  EXPECT_TRUE(ensure(folder.path(), kNames, now).is_ca_new);
}

TEST(Certificates, Names) {
  for (const char* bad : {"", "a b", "*.local", "a,DNS:evil", "-a", "a..b", "http://a", "a:1", "é",
                          "1.2.3.4.", "a\n"}) {
    EXPECT_FALSE(canonical_name(bad)) << bad;
  }
  EXPECT_EQ(*canonical_name("My-Box.Local"), "my-box.local");
  EXPECT_EQ(*canonical_name("FE80:0:0::1"), "fe80::1");
  const TestFolder folder;
  EXPECT_EQ(refused(folder.path(), {"a,DNS:evil"}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused(folder.path(), {}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused("/proc/no/such", kNames), ErrorCode::kIo);

  const std::vector<std::string> local = local_names();
  for (const char* name : {"localhost", "127.0.0.1", "::1"}) {
    EXPECT_NE(std::find(local.begin(), local.end(), name), local.end()) << name;
  }
  ensure(folder.path(), local, std::time(nullptr));
}

}  // namespace
}  // namespace ondol::http
