#include "text/grammar/string_formats.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>

namespace ondol::text::grammar {
namespace {

std::string date_pattern() {
  const std::string year = "[1-9][0-9]{3}";
  const std::string leap_year =
      "(?:[1-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:[2468][048]|[13579][26])00)";
  return "(?:" + year +
         "-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|"
         "02-(?:0[1-9]|1[0-9]|2[0-8]))|" +
         leap_year + "-02-29)";
}

std::string time_pattern() {
  return "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,9})?"
         "(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])";
}

// As RFC 3339, appendix A: no unit is left out between two others.
std::string duration_pattern() {
  const std::string n = "[0-9]{1,4}";
  const std::string minutes = n + "M(?:" + n + "S)?";
  const std::string time = "T(?:" + n + "H(?:" + minutes + ")?|" + minutes + "|" + n + "S)";
  const std::string months = n + "M(?:" + n + "D)?";
  const std::string date = "(?:" + n + "Y(?:" + months + ")?|" + months + "|" + n + "D)";
  return "P(?:" + n + "W|" + date + "(?:" + time + ")?|" + time + ")";
}

// At most 62 characters. No "xn--", whose rest would have to be valid Punycode.
std::string label_pattern() { return "[A-Za-z0-9]{1,20}(?:-[A-Za-z0-9]{1,20}){0,2}"; }

// At most 251 characters.
std::string host_pattern() { return label_pattern() + "(?:\\." + label_pattern() + "){0,3}"; }

std::string email_pattern() {
  return "[A-Za-z0-9_+-]{1,20}(?:\\.[A-Za-z0-9_+-]{1,20}){0,2}@" + label_pattern() + "(?:\\." +
         label_pattern() + "){1,2}";
}

std::string ipv4_pattern() {
  const std::string byte = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
  return byte + "(?:\\." + byte + "){3}";
}

// Eight groups, or fewer with one "::" after the first `before` of them.
std::string ipv6_pattern() {
  const std::string group = "[0-9A-Fa-f]{1,4}";
  std::string out =
      "(?:" + group + ":){7}" + group + "|(?:" + group + ":){1,7}:|:(?::" + group + "){1,7}|::";
  for (int before = 1; before <= 6; ++before) {
    out += fmt::format("|(?:{0}:){{{1}}}(?::{0}){{1,{2}}}", group, before, 7 - before);
  }
  return out;
}

std::string uri_pattern() {
  const std::string character = "(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})";
  const std::string path = "(?:/" + character + "*)*";
  const std::string rest = "(?:" + character + "|[/?])*";
  return "[A-Za-z][A-Za-z0-9+.-]{0,15}:(?://(?:" + host_pattern() + ")(?::[0-9]{1,4})?" + path +
         "|" + character + "+" + path + ")(?:\\?" + rest + ")?(?:#" + rest + ")?";
}

}  // namespace

std::optional<std::string_view> format_pattern(std::string_view format) {
  static const std::map<std::string_view, std::string> kPatterns = {
      {"date", date_pattern()},
      {"time", time_pattern()},
      {"date-time", date_pattern() + "T" + time_pattern()},
      {"duration", duration_pattern()},
      {"uuid", "[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"},
      {"email", email_pattern()},
      {"hostname", host_pattern()},
      {"ipv4", ipv4_pattern()},
      {"ipv6", ipv6_pattern()},
      {"uri", uri_pattern()},
      {"byte", "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"},
  };
  const auto at = kPatterns.find(format);
  return at == kPatterns.end() ? std::nullopt : std::optional<std::string_view>(at->second);
}

bool is_annotation_format(std::string_view format) {
  constexpr std::array<std::string_view, 5> kNames = {"password", "int64", "float", "double",
                                                      "binary"};
  return std::ranges::find(kNames, format) != kNames.end();
}

}  // namespace ondol::text::grammar
