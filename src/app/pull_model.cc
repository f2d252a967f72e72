#include "app/pull_model.h"

#include "app/console.h"
#include "app/progress.h"

namespace ondol::app {

Result<hub::StoredModel> pull_with_progress(const hub::Store& store, const hub::ModelName& name,
                                            const PullSettings& settings) {
  ProgressBar bar;
  hub::PullOptions options;
  options.force = settings.force;
  options.stall_timeout_s = settings.stall_timeout_s;
  if (const auto endpoint = environment("HF_ENDPOINT"); !endpoint.empty()) {
    options.hf_endpoint = endpoint;
  }
  options.hf_token = environment("HF_TOKEN");
  options.progress = [&](std::string_view what, std::uint64_t done, std::uint64_t total) {
    bar.update(what, done, total);
  };
  options.notice = [&](std::string_view line) {
    bar.clear();
    print_note(line);
  };
  return hub::pull(store, name, options);
}

Result<void> fetch_default_model(const hub::Store& store, const std::string& model) {
  if (model != hub::kDefaultModel) return {};
  ONDOL_TRY(const auto stored, store.find(model));
  if (stored) return {};
  ONDOL_TRY(const hub::ModelName name, hub::parse_model_name(model));
  print_note("fetching " + model + ", once");
  ONDOL_TRY(const auto pulled, pull_with_progress(store, name, {}));
  return {};
}

}  // namespace ondol::app
