#include "app/machine.h"

#include <cctype>
#include <fstream>
#include <sstream>

#include "base/thread_pool.h"

namespace ondol::app {
namespace {

/// The value of the first "key : value" line of that key.
std::string value_of(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::size_t key_end = line.find_last_not_of(" \t", colon - 1);
    if (colon == 0 || line.substr(0, key_end + 1) != key) continue;
    const std::size_t begin = line.find_first_not_of(" \t", colon + 1);
    return begin == std::string_view::npos ? "" : std::string(line.substr(begin));
  }
  return {};
}

}  // namespace

std::string cpu_name(std::string_view cpuinfo) {
  if (std::string name = value_of(cpuinfo, "model name"); !name.empty()) {
    const std::string family = value_of(cpuinfo, "cpu family");
    if (family.empty()) return name;
    return name + " (" + family + "/" + value_of(cpuinfo, "model") + "/" +
           value_of(cpuinfo, "stepping") + ")";
  }
  const std::string implementer = value_of(cpuinfo, "CPU implementer");
  if (implementer.empty()) return "unknown";
  return "arm " + implementer + " part " + value_of(cpuinfo, "CPU part");
}

Machine this_machine(std::string_view isa) {
  std::ostringstream text;
  text << std::ifstream("/proc/cpuinfo").rdbuf();
  return {cpu_name(text.str()), usable_cores(), std::string(isa)};
}

std::string Machine::id() const {
  std::string out;
  for (const char c : cpu + " " + std::to_string(n_cores) + "c " + isa) {
    const auto u = static_cast<unsigned char>(c);
    if (std::isalnum(u) != 0) {
      out += static_cast<char>(std::tolower(u));
    } else if (!out.empty() && out.back() != '-') {
      out += '-';
    }
  }
  return out;
}

}  // namespace ondol::app
