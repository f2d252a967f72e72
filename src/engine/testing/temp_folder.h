// For tests only: a folder of its own that goes with the object.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>
#include <vector>

namespace ondol::engine {

class TempFolder {
 public:
  TempFolder() {
    std::string name = testing::TempDir() + "ondol_XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    path_ = name;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  std::string file(const std::string& name) const { return (path_ / name).string(); }

  /// Files of pages in a folder of it.
  std::vector<std::filesystem::path> pages(const std::string& name) const {
    std::vector<std::filesystem::path> out;
    for (const auto& entry : std::filesystem::directory_iterator(path_ / name)) {
      if (entry.path().extension() == ".kv") out.push_back(entry.path());
    }
    return out;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace ondol::engine
