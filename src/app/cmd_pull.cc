#include <boost/json.hpp>
#include <memory>

#include "app/commands.h"
#include "app/console.h"
#include "app/pull_model.h"

namespace ondol::app {
namespace {

struct PullArguments {
  std::string model;
  PullSettings settings;
  bool json = false;
};

Result<void> run_pull(const PullArguments& arguments) {
  ONDOL_TRY(const hub::Store store, hub::Store::from_environment());
  ONDOL_TRY(const hub::ModelName name, hub::parse_model_name(arguments.model));
  ONDOL_TRY(const hub::StoredModel model, pull_with_progress(store, name, arguments.settings));
  if (arguments.json) {
    print_json(boost::json::object{{"name", model.name},
                                   {"path", model.path.string()},
                                   {"size_bytes", model.size_bytes},
                                   {"source", model.source}});
  } else {
    print(model.name + ": " + model.path.string() + " (" + human_bytes(model.size_bytes) + ")\n");
  }
  return {};
}

}  // namespace

void add_pull(Commands& commands) {
  CLI::App& command = commands.add("pull", "Download a model into the store",
                                   R"(  ondol pull smollm2
  ondol pull gemma3-270m
  ondol pull hf:Qwen/Qwen3-0.6B
  ondol pull hf:bartowski/Llama-3.2-1B-Instruct-GGUF:Llama-3.2-1B-Instruct-Q4_0.gguf

An interrupted download of an hf: model continues where it stopped. Every file is
verified by its checksum before it gets its name. Progress is shown on a terminal.)");
  auto arguments = std::make_shared<PullArguments>();
  command
      .add_option("model", arguments->model,
                  "Catalogue name or hf:owner/repository[:file][@revision]")
      ->required();
  command.add_flag("--force", arguments->settings.force, "Fetch again what is already there");
  command
      .add_option("--stall-timeout", arguments->settings.stall_timeout_s,
                  "Give up on a connection that sends nothing for so many seconds")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  commands.add_json_flag(command, arguments->json, "Print name, path and size as JSON");
  commands.on_run(command, [arguments] { return run_pull(*arguments); });
}

}  // namespace ondol::app
