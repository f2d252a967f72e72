#include <boost/json.hpp>
#include <iostream>
#include <memory>

#include "app/commands.h"
#include "app/console.h"
#include "hub/model_name.h"
#include "hub/packed_store.h"
#include "hub/pull.h"
#include "hub/store.h"

namespace ondol::app {
namespace {

struct RmArguments {
  std::string model;
  bool yes = false;
  bool packed = false;
  bool json = false;
};

void print_removed(const RmArguments& arguments, const std::string& what, std::uint64_t freed) {
  if (arguments.json) {
    print_json(boost::json::object{{"name", what}, {"freed_bytes", freed}});
  } else {
    print("removed " + what + " (" + human_bytes(freed) + ")\n");
  }
}

// Packed weights can be made again: nobody is asked.
Result<void> remove_packed(const RmArguments& arguments, const hub::Store& store) {
  const hub::PackedStore packed(store.root(), 0);
  if (arguments.model.empty()) {
    print_removed(arguments, "packed weights", packed.remove_all().n_bytes);
    return {};
  }
  ONDOL_TRY(const hub::ModelName name, hub::parse_model_name(arguments.model));
  const std::string key = hub::stored_name(name);
  std::filesystem::path path = arguments.model;
  if (!key.empty()) {
    ONDOL_TRY(const auto stored, store.find(key));
    path = stored ? stored->path : store.folder_of(key);
  }
  print_removed(arguments, "packed weights of " + arguments.model, packed.remove_of(path).n_bytes);
  return {};
}

// A program that runs us has decided already; a person is asked.
bool confirmed(const RmArguments& arguments) {
  if (arguments.yes || !stdin_is_terminal()) return true;
  std::cerr << "remove " << arguments.model << " from the store? [y/N] ";
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

Result<void> run_rm(const RmArguments& arguments) {
  ONDOL_TRY(const hub::Store store, hub::Store::from_environment());
  if (arguments.packed) return remove_packed(arguments, store);
  if (arguments.model.empty()) {
    return fail(ErrorCode::kInvalidArgument, "rm", "model", "is missing; see ondol rm --help");
  }
  ONDOL_TRY(const hub::ModelName name, hub::parse_model_name(arguments.model));
  const std::string key = hub::stored_name(name);
  if (key.empty()) {
    return fail(ErrorCode::kInvalidArgument, arguments.model, "",
                "is a path; only models in the store are removed");
  }
  ONDOL_TRY(const auto stored, store.find(key));
  if (stored && !confirmed(arguments)) {
    return fail(ErrorCode::kCancelled, key, "", "was not removed");
  }
  ONDOL_TRY(std::uint64_t freed, store.remove(key));
  if (stored) freed += hub::PackedStore(store.root(), 0).remove_of(stored->path).n_bytes;
  print_removed(arguments, key, freed);
  return {};
}

}  // namespace

void add_rm(Commands& commands) {
  CLI::App& command = commands.add("rm", "Remove a model from the store",
                                   R"(  ondol rm smollm2
  ondol rm --yes hf:Qwen/Qwen3-0.6B
  ondol rm --packed

Asks first when standard input is a terminal. Files outside the store are never touched.
With the model goes the packed form of its weights that is kept for fast starts;
--packed removes only that, of one model (also one outside the store) or of all.)");
  auto arguments = std::make_shared<RmArguments>();
  command.add_option("model", arguments->model, "A name that `ondol list` shows");
  command.add_flag("--packed", arguments->packed, "Remove kept packed weights only");
  command.add_flag("-y,--yes", arguments->yes, "Do not ask");
  commands.add_json_flag(command, arguments->json, "Print name and freed bytes as JSON");
  commands.on_run(command, [arguments] { return run_rm(*arguments); });
}

}  // namespace ondol::app
