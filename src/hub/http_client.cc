#include "hub/http_client.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <mutex>
#include <utility>

namespace ondol::hub {
namespace {

constexpr int kMaxRedirects = 8;
constexpr std::size_t kMaxHeaderBytes = 8 << 10;

struct FreeUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
struct FreeEasy {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using UrlHandle = std::unique_ptr<CURLU, FreeUrl>;
using HeaderList = std::unique_ptr<curl_slist, FreeList>;

struct Origin {
  std::string scheme, host, port;
  bool operator==(const Origin&) const = default;
};

std::string url_part(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, CURLU_DEFAULT_PORT) != CURLUE_OK) return "";
  std::string out = text;
  curl_free(text);
  return out;
}

UrlHandle parse_url(const std::string& text) {
  UrlHandle url(curl_url());
  if (url && curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) == CURLUE_OK) return url;
  return nullptr;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

Origin origin_of(CURLU* url) {
  return {lower(url_part(url, CURLUPART_SCHEME)), lower(url_part(url, CURLUPART_HOST)),
          url_part(url, CURLUPART_PORT)};
}

bool is_loopback(const std::string& host) {
  if (host == "localhost" || host == "[::1]") return true;
  in_addr address{};
  return inet_pton(AF_INET, host.c_str(), &address) == 1 && (ntohl(address.s_addr) >> 24) == 127;
}

bool has_control_characters(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; });
}

// One hop as libcurl's callbacks see it.
struct Hop {
  CURL* easy = nullptr;
  const HttpClient::OnReply* on_reply = nullptr;
  const HttpClient::OnBody* on_body = nullptr;
  HttpReply reply;
  std::string location;
  bool announced = false;
  std::optional<Error> error;
  std::chrono::steady_clock::time_point last_byte = std::chrono::steady_clock::now();
  std::chrono::seconds stall_timeout{0};
};

bool take(Hop& hop, Result<void> result) {
  if (result) return true;
  hop.error = std::move(result).error();
  return false;
}

// Called once a header line; a new status line (after 100 Continue) starts over.
std::size_t on_header(char* data, std::size_t size, std::size_t n, void* user) {
  auto& hop = *static_cast<Hop*>(user);
  hop.last_byte = std::chrono::steady_clock::now();
  const std::string_view line(data, size * n);
  if (line.starts_with("HTTP/")) {
    hop.reply = {};
    hop.location.clear();
    return line.size();
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || line.size() > kMaxHeaderBytes) return line.size();
  const std::string name = lower(std::string(line.substr(0, colon)));
  std::string_view value = line.substr(colon + 1);
  const auto first = value.find_first_not_of(" \t");
  const auto last = value.find_last_not_of(" \t\r\n");
  value = first == std::string_view::npos ? "" : value.substr(first, last - first + 1);
  if (name == "location") hop.location = value;
  if (name == "etag") hop.reply.etag = value;
  if (name == "content-range" && value.starts_with("bytes ")) {
    std::uint64_t from = 0;
    const auto parsed = std::from_chars(value.data() + 6, value.data() + value.size(), from);
    if (parsed.ec == std::errc()) hop.reply.content_range_from = from;
  }
  return line.size();
}

std::size_t on_write(char* data, std::size_t size, std::size_t n, void* user) {
  auto& hop = *static_cast<Hop*>(user);
  const std::string_view bytes(data, size * n);
  hop.last_byte = std::chrono::steady_clock::now();
  curl_easy_getinfo(hop.easy, CURLINFO_RESPONSE_CODE, &hop.reply.status);
  if (hop.reply.status != 200 && hop.reply.status != 206) return bytes.size();
  if (!hop.announced) {
    hop.announced = true;
    if (*hop.on_reply && !take(hop, (*hop.on_reply)(hop.reply))) return 0;
  }
  return take(hop, (*hop.on_body)(bytes)) ? bytes.size() : 0;
}

// Called about once a second. libcurl's own low-speed limit averages over several
// seconds and so notices silence late.
int on_tick(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  auto& hop = *static_cast<Hop*>(user);
  curl_off_t connected_us = 0;  // 0 until there is a connection: that has a limit of its own
  curl_easy_getinfo(hop.easy, CURLINFO_PRETRANSFER_TIME_T, &connected_us);
  if (connected_us == 0) hop.last_byte = std::chrono::steady_clock::now();
  return std::chrono::steady_clock::now() - hop.last_byte > hop.stall_timeout ? 1 : 0;
}

bool add_header(HeaderList& list, const std::string& line) {
  curl_slist* old = list.release();
  curl_slist* longer = curl_slist_append(old, line.c_str());
  list.reset(longer == nullptr ? old : longer);
  return longer != nullptr;
}

}  // namespace

struct HttpClient::State {
  HttpOptions options;
  Origin origin;
  bool loopback_http = false;  // the endpoint is plain http on this machine
  std::unique_ptr<CURL, FreeEasy> easy;

  Result<void> check_target(CURLU* url) const;
  Result<HeaderList> headers(const HttpRequest& request, const Origin& target) const;
  Result<void> run(Hop& hop, const HttpRequest& request, const std::string& url) const;
};

// Where a hop may lead: https anywhere, http from loopback to loopback.
Result<void> HttpClient::State::check_target(CURLU* url) const {
  const Origin target = origin_of(url);
  if (target.scheme == "https") return {};
  if (target.scheme == "http" && loopback_http && is_loopback(target.host)) return {};
  return fail(ErrorCode::kNetwork, options.endpoint, "redirect",
              "leads to an address that is not https", target.scheme + "://" + target.host);
}

Result<HeaderList> HttpClient::State::headers(const HttpRequest& request,
                                              const Origin& target) const {
  HeaderList list;
  bool ok = add_header(list, "User-Agent: ondol/0.1");
  if (!options.token.empty() && target == origin) {
    ok = ok && add_header(list, "Authorization: Bearer " + options.token);
  }
  if (request.first_byte > 0 && !request.if_range.empty()) {
    ok = ok && add_header(list, "If-Range: " + request.if_range);
  }
  if (!ok) return fail(ErrorCode::kOutOfMemory, "libcurl", "", "no memory for headers");
  return list;
}

Result<void> HttpClient::State::run(Hop& hop, const HttpRequest& request,
                                    const std::string& url) const {
  const UrlHandle parsed = parse_url(url);
  if (!parsed) return fail(ErrorCode::kNetwork, public_url(url), "", "is no URL");
  ONDOL_TRY_VOID(check_target(parsed.get()));
  const Origin target = origin_of(parsed.get());
  ONDOL_TRY(const HeaderList list, headers(request, target));

  CURL* curl = easy.get();
  curl_easy_reset(curl);  // keeps connections, forgets options
  hop.easy = curl;
  const std::string range = fmt::format("{}-", request.first_byte);
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, loopback_http ? "http,https" : "https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, static_cast<long>(options.connect_timeout_s));
  hop.stall_timeout = std::chrono::seconds(options.stall_timeout_s);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &on_tick);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &hop);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list.get());
  if (request.first_byte > 0) curl_easy_setopt(curl, CURLOPT_RANGE, range.c_str());
  if (is_loopback(target.host)) curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, &on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &hop);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &on_write);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &hop);
  const CURLcode code = curl_easy_perform(curl);
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &hop.reply.status);
  if (hop.error) return tl::unexpected(*std::move(hop.error));
  if (code == CURLE_ABORTED_BY_CALLBACK) {
    return fail(ErrorCode::kNetwork, public_url(url), "", "the server has gone silent", "",
                std::to_string(options.stall_timeout_s) + " s");
  }
  if (code != CURLE_OK) {
    return fail(ErrorCode::kNetwork, public_url(url), "", curl_easy_strerror(code));
  }
  return {};
}

HttpClient::HttpClient(std::unique_ptr<State> state) : state_(std::move(state)) {}
HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;

const std::string& HttpClient::endpoint() const { return state_->options.endpoint; }

Result<HttpClient> HttpClient::create(HttpOptions options) {
  static std::once_flag once;  // libcurl's own global state
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });

  while (options.endpoint.ends_with('/')) options.endpoint.pop_back();
  const UrlHandle url = parse_url(options.endpoint);
  if (!url) {
    return fail(ErrorCode::kInvalidArgument, "HF_ENDPOINT", "", "is no URL", options.endpoint);
  }
  if (has_control_characters(options.token)) {
    return fail(ErrorCode::kInvalidArgument, "HF_TOKEN", "", "has spaces or control characters");
  }
  auto state = std::make_unique<State>();
  state->origin = origin_of(url.get());
  state->loopback_http = state->origin.scheme == "http" && is_loopback(state->origin.host);
  if (state->origin.scheme != "https" && !state->loopback_http) {
    return fail(ErrorCode::kInvalidArgument, "HF_ENDPOINT", "",
                "must be https (http is for loopback addresses only)",
                public_url(options.endpoint));
  }
  state->options = std::move(options);
  state->easy.reset(curl_easy_init());
  if (!state->easy) return fail(ErrorCode::kOutOfMemory, "libcurl", "", "cannot start");
  return HttpClient(std::move(state));
}

Result<HttpReply> HttpClient::get(const HttpRequest& request, const OnReply& on_reply,
                                  const OnBody& on_body) {
  std::string url = request.url;
  for (int n_hops = 0; n_hops <= kMaxRedirects; ++n_hops) {
    Hop hop;
    hop.on_reply = &on_reply;
    hop.on_body = &on_body;
    ONDOL_TRY_VOID(state_->run(hop, request, url));
    const long status = hop.reply.status;
    const bool redirect =
        status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
    if (!redirect || hop.location.empty()) {
      // An empty body never reached on_write: announce it here.
      if ((status == 200 || status == 206) && !hop.announced && on_reply) {
        ONDOL_TRY_VOID(on_reply(hop.reply));
      }
      return hop.reply;
    }
    const UrlHandle next = parse_url(url);
    if (!next || curl_url_set(next.get(), CURLUPART_URL, hop.location.c_str(), 0) != CURLUE_OK) {
      return fail(ErrorCode::kNetwork, public_url(url), "redirect", "is no URL",
                  public_url(hop.location));
    }
    char* text = nullptr;
    if (curl_url_get(next.get(), CURLUPART_URL, &text, 0) != CURLUE_OK) {
      return fail(ErrorCode::kNetwork, public_url(url), "redirect", "is no URL");
    }
    url = text;
    curl_free(text);
  }
  return fail(ErrorCode::kLimit, public_url(request.url), "redirects", "too many", "",
              std::to_string(kMaxRedirects));
}

std::string url_encode(std::string_view text, bool keep_slashes) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~' || (c == '/' && keep_slashes);
    if (plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string public_url(std::string_view url) {
  std::string out(url.substr(0, url.find_first_of("?#")));
  const auto scheme = out.find("://");
  const std::size_t begin = scheme == std::string::npos ? 0 : scheme + 3;
  const std::size_t end = std::min(out.find('/', begin), out.size());
  const auto at = out.substr(begin, end - begin).rfind('@');
  if (at != std::string::npos) out.erase(begin, at + 1);
  return out;
}

bool is_transient_status(long status) {
  return status == 408 || status == 429 || (status >= 500 && status <= 504);
}

}  // namespace ondol::hub
