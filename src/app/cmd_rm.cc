#include <boost/json.hpp>
#include <iostream>
#include <memory>

#include "app/commands.h"
#include "app/console.h"
#include "hub/model_name.h"
#include "hub/pull.h"
#include "hub/store.h"

namespace ondol::app {
namespace {

struct RmArguments {
  std::string model;
  bool yes = false;
  bool json = false;
};

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
  ONDOL_TRY(const std::uint64_t freed, store.remove(key));
  if (arguments.json) {
    print_json(boost::json::object{{"name", key}, {"freed_bytes", freed}});
  } else {
    print("removed " + key + " (" + human_bytes(freed) + ")\n");
  }
  return {};
}

}  // namespace

void add_rm(Commands& commands) {
  CLI::App& command = commands.add("rm", "Remove a model from the store",
                                   R"(  ondol rm smollm2
  ondol rm --yes hf:Qwen/Qwen3-0.6B

Asks first when standard input is a terminal. Files outside the store are never touched.)");
  auto arguments = std::make_shared<RmArguments>();
  command.add_option("model", arguments->model, "A name that `ondol list` shows")->required();
  command.add_flag("-y,--yes", arguments->yes, "Do not ask");
  commands.add_json_flag(command, arguments->json, "Print name and freed bytes as JSON");
  commands.on_run(command, [arguments] { return run_rm(*arguments); });
}

}  // namespace ondol::app
