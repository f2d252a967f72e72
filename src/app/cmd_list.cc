#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <memory>

#include "app/commands.h"
#include "app/console.h"
#include "hub/catalogue.h"
#include "hub/packed_store.h"
#include "hub/store.h"

namespace ondol::app {
namespace {

void print_models_json(const std::vector<hub::StoredModel>& models,
                       const hub::PackedStore& packed) {
  boost::json::array stored;
  for (const auto& model : models) {
    stored.push_back(boost::json::object{{"name", model.name},
                                         {"path", model.path.string()},
                                         {"size_bytes", model.size_bytes},
                                         {"packed_bytes", packed.usage_of(model.path).n_bytes},
                                         {"source", model.source}});
  }
  boost::json::array known;
  for (const auto& entry : hub::catalogue()) {
    known.push_back(boost::json::object{{"name", entry.name},
                                        {"description", entry.description},
                                        {"license", entry.license},
                                        {"size_bytes", entry.size_bytes}});
  }
  const auto all = packed.usage();
  print_json(boost::json::object{{"models", stored},
                                 {"catalogue", known},
                                 {"packed", boost::json::object{{"path", packed.folder().string()},
                                                                {"n_files", all.n_files},
                                                                {"size_bytes", all.n_bytes}}}});
}

void print_models(const std::vector<hub::StoredModel>& models, const hub::Store& store,
                  const hub::PackedStore& packed) {
  if (models.empty()) print("no models in " + store.root().string() + "\n");
  for (const auto& model : models) {
    print(
        fmt::format("{:<40} {:>9}  {}\n", model.name, human_bytes(model.size_bytes), model.source));
  }
  if (const auto all = packed.usage(); all.n_files > 0) {
    print(fmt::format("\npacked weights kept for fast starts: {}, {} file{} in {}\n",
                      human_bytes(all.n_bytes), all.n_files, all.n_files == 1 ? "" : "s",
                      packed.folder().string()));
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
  const hub::PackedStore packed(store.root(), 0);
  if (json) {
    print_models_json(models, packed);
  } else {
    print_models(models, store, packed);
  }
  return {};
}

}  // namespace

void add_list(Commands& commands) {
  CLI::App& command = commands.add("list", "Show the models in the store and the catalogue",
                                   R"(  ondol list
  ondol list --json)");
  auto json = std::make_shared<bool>(false);
  commands.add_json_flag(command, *json,
                         "Print {\"models\": [...], \"catalogue\": [...], \"packed\": {...}}");
  commands.on_run(command, [json] { return run_list(*json); });
}

}  // namespace ondol::app
