// The pure parts: names, the hub's answers, the choice of files, store folders.
// Downloads are tested end to end in tests/cli/hub_test.py.
#include <gtest/gtest.h>

#include "hub/hf_api.h"
#include "hub/http_client.h"
#include "hub/model_name.h"
#include "hub/store.h"

namespace ondol::hub {
namespace {

const std::string kSha(64, 'a');

HfSnapshot snapshot_of(const std::vector<std::string>& paths) {
  HfSnapshot snapshot;
  for (const auto& path : paths) {
    snapshot.files.push_back({path, 1, {Checksum::Kind::kSha256, kSha}});
  }
  return snapshot;
}

std::vector<std::string> chosen(const std::vector<std::string>& paths, const std::string& file) {
  const auto files = choose_files(snapshot_of(paths), {"o/r", file, "main"});
  std::vector<std::string> out;
  if (!files) return {std::string(error_code_name(files.error().code))};
  for (const HfFile& f : *files) out.push_back(f.path);
  return out;
}

TEST(ModelName, KindsOfNames) {
  EXPECT_TRUE(std::holds_alternative<const CatalogueEntry*>(*parse_model_name("smollm2")));
  EXPECT_TRUE(std::holds_alternative<std::filesystem::path>(*parse_model_name("./smollm2")));
  const auto name = parse_model_name("hf:org/Repo-1.5:sub/m.gguf@refs/pr/1");
  ASSERT_TRUE(name);
  EXPECT_EQ(std::get<HfName>(*name), (HfName{"org/Repo-1.5", "sub/m.gguf", "refs/pr/1"}));
  EXPECT_EQ(std::get<HfName>(*name).to_string(), "hf:org/Repo-1.5:sub/m.gguf@refs/pr/1");
  EXPECT_EQ(std::get<HfName>(*parse_model_name("hf:o/r@main")).to_string(), "hf:o/r");
}

TEST(ModelName, RelativePathsStayInside) {
  for (const char* good : {"a", "a/b.gguf", "...", "a..b/c", "\xea\xb0\x80.gguf"}) {
    EXPECT_TRUE(is_safe_relative_path(good)) << good;
  }
  for (const char* bad :
       {"", "/a", "a/", "a//b", ".", "..", "a/..", "../a", "a/./b", "a\\b", "a\nb", "c:d", "a@b"}) {
    EXPECT_FALSE(is_safe_relative_path(bad)) << bad;
  }
}

TEST(Store, FoldersAreReversibleAndPlain) {
  EXPECT_EQ(folder_from_name("hf:org/repo:a.gguf@v1"), "hf=org+repo=a.gguf@v1");
  EXPECT_EQ(folder_from_name("a+b=c d"), "a%2Bb%3Dc%20d");
  EXPECT_EQ(folder_from_name(".."), "%2E.");
}

TEST(HfApi, ChoiceOfFiles) {
  using Files = std::vector<std::string>;
  EXPECT_EQ(chosen({"README.md", "m-Q8_0.gguf"}, ""), Files{"m-Q8_0.gguf"});
  EXPECT_EQ(chosen({"m-Q8_0.gguf", "m-q4_k_m.gguf", "m-Q4_0.gguf"}, ""), Files{"m-q4_k_m.gguf"});
  EXPECT_EQ(chosen({"m-Q8_0.gguf", "m-Q5_0.gguf"}, ""), Files{"m-Q8_0.gguf"});
  EXPECT_EQ(chosen({"a-Q4_0.gguf", "b-Q4_0.gguf"}, ""), Files{"invalid_argument"});
  EXPECT_EQ(chosen({"m-00002-of-00002.gguf", "m-00001-of-00002.gguf", "n.txt"}, ""),
            (Files{"m-00001-of-00002.gguf", "m-00002-of-00002.gguf"}));
  EXPECT_EQ(chosen({"model.safetensors", "config.json", "x/model.safetensors", "notes.txt"}, ""),
            (Files{"model.safetensors", "config.json"}));
  EXPECT_EQ(chosen({"config.json"}, ""), Files{"not_found"});
  EXPECT_EQ(chosen({"a.gguf"}, "b.gguf"), Files{"not_found"});
}

TEST(HfApi, SnapshotKeepsOnlyWhatCanBeVerified) {
  const std::string text =
      R"({"sha": "0123456789abcdef0123456789abcdef01234567", "siblings": [
      {"rfilename": "a.gguf", "size": 5, "lfs": {"sha256": ")" +
      kSha + R"(", "size": 5}}, {"rfilename": "b", "size": 1, "blobId": "nonsense"},
      {"rfilename": "../c", "size": 1, "lfs": {"sha256": ")" +
      kSha + R"(", "size": 1}}, {"rfilename": "d", "size": -1}, 7]})";
  const auto snapshot = parse_snapshot(text, "test");
  ASSERT_TRUE(snapshot) << snapshot.error().message();
  EXPECT_EQ(snapshot->commit.size(), 40U);
  ASSERT_EQ(snapshot->files.size(), 1U);
  EXPECT_EQ(snapshot->files[0].path, "a.gguf");
  for (const char* bad : {"", "[]", "{}", R"({"siblings": 3})", "{\"siblings\": ["}) {
    EXPECT_FALSE(parse_snapshot(bad, "test")) << bad;
  }
}

// Numbers of `sha256sum` and `git hash-object`.
TEST(Digest, KnownAnswers) {
  Digest sha(Checksum::Kind::kSha256, 5);
  sha.update("hel");
  sha.update("lo");
  EXPECT_EQ(sha.hex(), "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
  Digest blob(Checksum::Kind::kGitBlob, 5);
  blob.update("hello");
  EXPECT_EQ(blob.hex(), "b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0");
}

TEST(HttpClient, OnlyThePublicPartOfUrlsIsShown) {
  EXPECT_EQ(public_url("https://me:secret@cdn.example/a/b?sig=1#x"), "https://cdn.example/a/b");
  EXPECT_EQ(public_url("https://h.example/a@b"), "https://h.example/a@b");
}

TEST(HttpClient, PlainHttpOnlyOnThisMachine) {
  const auto usable = [](const std::string& endpoint) {
    HttpOptions options;
    options.endpoint = endpoint;
    return HttpClient::create(options).has_value();
  };
  for (const char* good :
       {"https://h.example", "http://127.0.0.1:8000/", "http://localhost", "http://[::1]:80"}) {
    EXPECT_TRUE(usable(good)) << good;
  }
  for (const char* bad : {"http://h.example", "http://127.0.0.1.h.example", "ftp://h", "h", ""}) {
    EXPECT_FALSE(usable(bad)) << bad;
  }
}

}  // namespace
}  // namespace ondol::hub
