#include "text/grammar/string_formats.h"

#include <algorithm>
#include <array>
#include <utility>

namespace ondol::text::grammar {
namespace {

#define ONDOL_YEAR "[1-9][0-9]{3}"
#define ONDOL_LEAP_YEAR \
  "(?:[1-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:[2468][048]|[13579][26])00)"
#define ONDOL_DATE                                                       \
  "(?:" ONDOL_YEAR                                                       \
  "-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0" \
  "[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))|" ONDOL_LEAP_YEAR "-02-29)"
#define ONDOL_TIME                                                                                \
  "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,9})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-" \
  "5][0-9])"
#define ONDOL_BYTE "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
#define ONDOL_IPV4 ONDOL_BYTE "(?:\\." ONDOL_BYTE "){3}"
#define ONDOL_H16 "[0-9A-Fa-f]{1,4}"
// Labels of at most 62 characters, names of at most 251; no "xn--", whose rest would have to be
// valid Punycode.
#define ONDOL_LABEL "[A-Za-z0-9]{1,20}(?:-[A-Za-z0-9]{1,20}){0,2}"
#define ONDOL_HOST ONDOL_LABEL "(?:\\." ONDOL_LABEL "){0,3}"
#define ONDOL_PATH_CHAR "(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})"

constexpr std::array<std::pair<std::string_view, std::string_view>, 11> kPatterns = {{
    {"date", ONDOL_DATE},
    {"time", ONDOL_TIME},
    {"date-time", ONDOL_DATE "T" ONDOL_TIME},
    {"duration",
     "P(?:[0-9]{1,4}W|(?:[0-9]{1,4}Y(?:[0-9]{1,4}M(?:[0-9]{1,4}D)?)?|[0-9]{1,4}M(?:[0-9]{1,4}D)?|["
     "0-9]{1,4}D)"
     "(?:T(?:[0-9]{1,4}H(?:[0-9]{1,4}M(?:[0-9]{1,4}S)?)?|[0-9]{1,4}M(?:[0-9]{1,4}S)?|[0-9]{1,4}S))?"
     "|T(?:[0-9]{1,4}H(?:[0-9]{1,4}M(?:[0-9]{1,4}S)?)?|[0-9]{1,4}M(?:[0-9]{1,4}S)?|[0-9]{1,4}S))"},
    {"uuid", "[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"},
    {"email", "[A-Za-z0-9_+-]{1,20}(?:\\.[A-Za-z0-9_+-]{1,20}){0,2}@" ONDOL_LABEL
              "(?:\\." ONDOL_LABEL "){1,2}"},
    {"hostname", ONDOL_HOST},
    {"ipv4", ONDOL_IPV4},
    {"ipv6", "(?:" ONDOL_H16 ":){7}" ONDOL_H16 "|(?:" ONDOL_H16 ":){1,7}:|(?:" ONDOL_H16
             ":){1,6}:" ONDOL_H16 "|(?:" ONDOL_H16 ":){1,5}(?::" ONDOL_H16 "){2}|(?:" ONDOL_H16
             ":){1,4}(?::" ONDOL_H16 "){3}|(?:" ONDOL_H16 ":){1,3}(?::" ONDOL_H16
             "){4}|(?:" ONDOL_H16 ":){1,2}(?::" ONDOL_H16 "){5}|" ONDOL_H16 ":(?::" ONDOL_H16
             "){6}|:(?::" ONDOL_H16 "){1,7}|::"},
    {"uri", "[A-Za-z][A-Za-z0-9+.-]{0,15}:(?://(?:" ONDOL_HOST
            ")(?::[0-9]{1,4})?(?:/" ONDOL_PATH_CHAR "*)*|" ONDOL_PATH_CHAR "+(?:/" ONDOL_PATH_CHAR
            "*)*)(?:\\?(?:" ONDOL_PATH_CHAR "|[/?])*)?(?:#(?:" ONDOL_PATH_CHAR "|[/?])*)?"},
    {"byte", "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"},
}};

#undef ONDOL_YEAR
#undef ONDOL_LEAP_YEAR
#undef ONDOL_DATE
#undef ONDOL_TIME
#undef ONDOL_BYTE
#undef ONDOL_IPV4
#undef ONDOL_H16
#undef ONDOL_LABEL
#undef ONDOL_HOST
#undef ONDOL_PATH_CHAR

}  // namespace

std::optional<std::string_view> format_pattern(std::string_view format) {
  const auto at = std::ranges::find(kPatterns, format, [](const auto& row) { return row.first; });
  return at == kPatterns.end() ? std::nullopt : std::optional(at->second);
}

bool is_annotation_format(std::string_view format) {
  constexpr std::array<std::string_view, 5> kNames = {"password", "int64", "float", "double",
                                                      "binary"};
  return std::ranges::find(kNames, format) != kNames.end();
}

}  // namespace ondol::text::grammar
