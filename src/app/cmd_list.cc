#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <memory>

#include "app/commands.h"
#include "app/console.h"
#include "hub/catalogue.h"
#include "hub/store.h"

namespace ondol::app {
namespace {

void print_models_json(const std::vector<hub::StoredModel>& models) {
  boost::json::array stored;
  for (const auto& model : models) {
    stored.push_back(boost::json::object{{"name", model.name},
                                         {"path", model.path.string()},
                                         {"size_bytes", model.size_bytes},
                                         {"source", model.source}});
  }
  boost::json::array known;
  for (const auto& entry : hub::catalogue()) {
    known.push_back(boost::json::object{{"name", entry.name},
                                        {"description", entry.description},
                                        {"license", entry.license},
                                        {"size_bytes", entry.size_bytes}});
  }
  print_json(boost::json::object{{"models", stored}, {"catalogue", known}});
}

void print_models(const std::vector<hub::StoredModel>& models, const hub::Store& store) {
  if (models.empty()) print("no models in " + store.root().string() + "\n");
  for (const auto& model : models) {
    print(
        fmt::format("{:<40} {:>9}  {}\n", model.name, human_bytes(model.size_bytes), model.source));
  }
  bool first = true;
  for (const auto& entry : hub::catalogue()) {
    const bool there = std::any_of(models.begin(), models.end(),
                                   [&](const auto& model) { return model.name == entry.name; });
    if (there) continue;
    if (first) print("\nto be had with `ondol pull`:\n");
    first = false;
    print(fmt::format("{:<40} {:>9}  {} ({})\n", entry.name, human_bytes(entry.size_bytes),
                      entry.description, entry.license));
  }
}

Result<void> run_list(bool json) {
  ONDOL_TRY(const hub::Store store, hub::Store::from_environment());
  ONDOL_TRY(const auto models, store.list());
  if (json) {
    print_models_json(models);
  } else {
    print_models(models, store);
  }
  return {};
}

}  // namespace

void add_list(Commands& commands) {
  CLI::App& command = commands.add("list", "Show the models in the store and the catalogue",
                                   R"(  ondol list
  ondol list --json)");
  auto json = std::make_shared<bool>(false);
  commands.add_json_flag(command, *json, "Print {\"models\": [...], \"catalogue\": [...]}");
  commands.on_run(command, [json] { return run_list(*json); });
}

}  // namespace ondol::app
