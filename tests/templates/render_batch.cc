// Renders chat templates for template_oracle.py: one JSON case a line on stdin,
// one JSON answer a line on stdout, {"text": ...} or {"error": ..., "code": ...}.
//
// A case: {"template": name or source, "messages": [...], "variables": {...},
// "now": [year, month, day, hour, minute, second, weekday, yearday]}. Templates
// parsed once are kept by their source.
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>

#include "text/chat_template.h"

namespace {

using ondol::text::ChatTemplate;
namespace json = boost::json;

std::tm to_tm(const json::array& now) {
  const auto at = [&now](std::size_t i) { return static_cast<int>(now.at(i).as_int64()); };
  std::tm out{};
  out.tm_year = at(0) - 1900;
  out.tm_mon = at(1) - 1;
  out.tm_mday = at(2);
  out.tm_hour = at(3);
  out.tm_min = at(4);
  out.tm_sec = at(5);
  out.tm_wday = at(6);
  out.tm_yday = at(7);
  return out;
}

json::object answer(const json::object& test, std::map<std::string, ChatTemplate>& parsed) {
  const std::string source(test.at("template").as_string());
  auto found = parsed.find(source);
  if (found == parsed.end()) {
    auto made = ChatTemplate::parse(source, "case");
    if (!made) {
      return {{"error", made.error().detail}, {"code", error_code_name(made.error().code)}};
    }
    found = parsed.emplace(source, *std::move(made)).first;
  }
  ondol::text::ChatTemplateOptions options;
  options.extra = test.at("variables").as_object();
  if (const auto* now = test.if_contains("now")) options.now = to_tm(now->as_array());
  const auto text = found->second.render(test.at("messages"), options);
  if (text) return {{"text", *text}};
  return {{"error", text.error().detail},
          {"code", error_code_name(text.error().code)},
          {"line", text.error().field}};
}

}  // namespace

int main() {
  std::map<std::string, ChatTemplate> parsed;
  json::parse_options options;
  options.max_depth = 64;
  for (std::string line; std::getline(std::cin, line);) {
    boost::system::error_code error;
    const json::value test = json::parse(line, error, {}, options);
    if (error) {
      std::cerr << "render_batch: a case is no JSON: " << error.message() << "\n";
      return EXIT_FAILURE;
    }
    std::cout << json::serialize(answer(test.as_object(), parsed)) << "\n";
  }
  return EXIT_SUCCESS;
}
