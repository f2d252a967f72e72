#include <fmt/format.h>

#include <boost/json.hpp>
#include <ctime>
#include <memory>

#include "app/commands.h"
#include "app/console.h"
#include "http/certificates.h"
#include "hub/store.h"

namespace ondol::app {
namespace {

struct CertsArguments {
  std::vector<std::string> names;
  bool json = false;
};

std::string date_text(std::int64_t unix_seconds) {
  const std::time_t time = unix_seconds;
  std::tm parts{};
  gmtime_r(&time, &parts);
  return fmt::format("{:04}-{:02}-{:02}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
}

void print_certs_json(const http::Certificates& certs) {
  boost::json::array names;
  for (const std::string& name : certs.names) names.emplace_back(boost::json::string(name));
  print_json(boost::json::object{
      {"ca", certs.ca.string()},
      {"certificate", certs.certificate.string()},
      {"key", certs.key.string()},
      {"names", names},
      {"ca_sha256", certs.ca_sha256},
      {"ca_expires", date_text(certs.ca_expires)},
      {"expires", date_text(certs.expires)},
      {"ca_is_new", certs.is_ca_new},
      {"certificate_is_new", certs.is_server_new},
  });
}

constexpr const char* kInstall = R"(
To let a device trust this machine, bring the authority's file to it (never its key):
  iPhone, iPad, Vision Pro  open the file (AirDrop, mail), install the profile in Settings, then switch it
                            on in Settings > General > About > Certificate Trust Settings
  Android phones            Settings > Security > Encryption & credentials > Install a certificate > CA certificate
  Headsets on Android       adb push FILE /sdcard/Download/, open Android's settings with
                            adb shell am start -a android.settings.SECURITY_SETTINGS, then as on phones
  macOS                     security add-trusted-cert -r trustRoot -k ~/Library/Keychains/login.keychain-db FILE
  Windows                   certutil -user -addstore Root FILE
  Debian, Ubuntu            copy FILE to /usr/local/share/ca-certificates/, then update-ca-certificates
  Firefox                   Settings > Certificates > View Certificates > Authorities > Import
Compare the SHA-256 fingerprint above with the one that the device shows.
)";

void print_certs(const http::Certificates& certs) {
  const auto state = [](bool is_new) { return is_new ? "new" : "kept"; };
  print(fmt::format("authority    {}  ({}, until {})\n", certs.ca.string(), state(certs.is_ca_new),
                    date_text(certs.ca_expires)));
  print(fmt::format("  SHA-256    {}\n", certs.ca_sha256));
  print(fmt::format("certificate  {}  ({}, until {})\n", certs.certificate.string(),
                    state(certs.is_server_new), date_text(certs.expires)));
  print(fmt::format("key          {}\n", certs.key.string()));
  print(fmt::format("names        {}\n", fmt::join(certs.names, ", ")));
  print(kInstall);
}

Result<void> run_certs(const CertsArguments& arguments) {
  ONDOL_TRY(const hub::Store store, hub::Store::from_environment());
  std::vector<std::string> names = http::local_names();
  names.insert(names.end(), arguments.names.begin(), arguments.names.end());
  ONDOL_TRY(const auto certs,
            http::ensure_certificates(store.root() / "certs", names, std::time(nullptr)));
  arguments.json ? print_certs_json(certs) : print_certs(certs);
  return {};
}

}  // namespace

void add_certs(Commands& commands) {
  CLI::App& command = commands.add("certs", "Make or renew certificates for serving over TLS",
                                   R"(  ondol certs
  ondol certs --name living-room.example --name 192.168.1.7
  ondol certs --json

Makes a certificate authority of this machine's own (once, for ten years) and a server
certificate signed by it, for localhost, this machine's names and its addresses, under
$ONDOL_HOME/certs. Run it again when an address has changed or a month before the
certificate ends (it lasts 397 days): what is still good is kept, and devices that trust
the authority need nothing new. The authority's key can vouch for any name: keep it here.)");
  auto arguments = std::make_shared<CertsArguments>();
  command.add_option("--name", arguments->names, "One more host name or IP address")
      ->type_name("NAME");
  commands.add_json_flag(command, arguments->json, "Print paths, names, dates and fingerprint");
  commands.on_run(command, [arguments] { return run_certs(*arguments); });
}

}  // namespace ondol::app
