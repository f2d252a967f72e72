// Puts a ModelFile together out of parsed files. Private to format/.
//
// Owner: the function that opens a model. Threads: one.
#pragma once

#include <deque>
#include <filesystem>
#include <memory>
#include <string>

#include "base/error.h"
#include "format/model_file.h"
#include "format/tensor_list.h"

namespace ondol::format {

class ModelFileBuilder {
 public:
  ModelFileBuilder(std::filesystem::path path, Layout layout, Metadata metadata)
      : model_(new ModelFile(std::move(path), layout, std::move(metadata))) {}

  const Metadata& metadata() const { return model_->metadata_; }
  TextFiles& text_files() { return model_->text_files_; }
  void set_architecture(std::string name) { model_->architecture_ = std::move(name); }

  /// `file` must be kept with keep() for the views to stay valid.
  Result<void> add_weight(NamedTensor tensor, const MappedFile& file);
  void add_skipped(SkippedTensor tensor);
  Result<void> add_all(TensorList list, const MappedFile& file);

  void keep(std::shared_ptr<const MappedFile> file) { model_->files_.push_back(std::move(file)); }
  void keep(std::deque<std::string> strings) { model_->strings_ = std::move(strings); }

  std::shared_ptr<const ModelFile> finish() { return std::move(model_); }

 private:
  std::shared_ptr<ModelFile> model_;
};

}  // namespace ondol::format
