// Models of the Hugging Face hub: addresses, environment, listings, which files are wanted.
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hub_address.h"
#include "convert/checkpoint_files.h"
#include "package/fetch.h"
#include "package/hub/hub_cache.h"
#include "package/hub/hub_hash.h"
#include "package/hub/hub_listing.h"
#include "package/hub/partial_blob.h"

namespace mlc {
namespace {

using testing::HasSubstr;

template <class Call>
std::string message(ExitCode code, Call call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return {};
}

// Variables as a test wants them, and as they were afterwards.
class Environment {
 public:
  Environment(std::initializer_list<std::pair<const char*, std::string>> values) {
    for (const char* name :
         {"HOME", "XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN",
          "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_ENDPOINT", "HF_HUB_OFFLINE",
          "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_IMPLICIT_TOKEN", "HF_HUB_DOWNLOAD_TIMEOUT",
          "HF_HUB_ETAG_TIMEOUT", "MLC_HOME"}) {
      if (const char* old = std::getenv(name)) old_[name] = old;
      unsetenv(name);
    }
    for (const auto& [name, value] : values) {
      set_.emplace_back(name);
      setenv(name, value.c_str(), 1);
    }
  }
  ~Environment() {
    for (const std::string& name : set_)
      unsetenv(name.c_str());
    for (const auto& [name, value] : old_)
      setenv(name.c_str(), value.c_str(), 1);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  std::map<std::string, std::string> old_;
  std::vector<std::string> set_;
};

TEST(HubAddress, Parts) {
  HubAddress all = parse_hub_address("HF://me/model-1.5@v1.0/sub/file.gguf");
  EXPECT_EQ(all.repository, "me/model-1.5");
  EXPECT_EQ(all.revision, "v1.0");
  EXPECT_EQ(all.file, "sub/file.gguf");
  EXPECT_EQ(all.shown(), "HF://me/model-1.5@v1.0");
  EXPECT_EQ(parse_hub_address("hf://me/model").revision, "main");
  EXPECT_EQ(parse_hub_address("HF://me/model/").file, "");
  HubAddress change = parse_hub_address("HF://me/model@refs/pr/7/config.json");
  EXPECT_EQ(change.revision, "refs/pr/7");
  EXPECT_EQ(change.file, "config.json");
  EXPECT_EQ(change.revision_in_urls(), "refs%2Fpr%2F7");
  EXPECT_EQ(parse_hub_address("HF://me/model@a%2Fb").revision, "a/b");
}

TEST(HubAddress, RefusesWhatCouldMeanAnotherPlace) {
  for (const char* address :
       {"HF://", "HF://me", "HF://me/", "HF:///model", "HF://../model", "HF://me/..",
        "HF://me/mo del", "HF://me/a?b", "HF://me/a#b", "HF://me/a%2e", "HF://me/model@",
        "HF://me/model@..", "HF://me/model@a%2F..%2Fb", "HF://me/model@%2Fa", "HF://u@host/model",
        "HF://me/model@a%2E", "HF://me--you/model", "HF://me/mo\ndel"})
    EXPECT_THAT(message(ExitCode::kUsage, [&] { parse_hub_address(address); }),
                HasSubstr("expected HF://owner/name"))
        << address;
}

TEST(HubEnvironment, Defaults) {
  Environment variables({{"HOME", "/home/me"}});
  HubEnvironment out = hub_environment();
  EXPECT_EQ(out.endpoint, "https://huggingface.co");
  EXPECT_EQ(out.cache, "/home/me/.cache/huggingface/hub");
  EXPECT_EQ(out.token.reveal(), "");
  EXPECT_FALSE(out.offline);
  EXPECT_EQ(out.silence_seconds, 10);
}

TEST(HubEnvironment, WithoutHomeThereIsNoCache) {
  Environment variables({});
  EXPECT_EQ(hub_environment().cache, "");
  EXPECT_EQ(cache_folder("MLC_HOME", "mlc"), "");
}

TEST(HubEnvironment, PlacesOfTheCache) {
  {
    Environment variables({{"HOME", "/h"}, {"XDG_CACHE_HOME", "/x"}});
    EXPECT_EQ(hub_environment().cache, "/x/huggingface/hub");
    EXPECT_EQ(cache_folder("MLC_HOME", "mlc"), "/x/mlc");
  }
  {
    Environment variables(
        {{"HOME", "/h"}, {"HF_HOME", "~/hf"}, {"MLC_HOME", "${HOME}/m/$NOT_SET_X"}});
    EXPECT_EQ(hub_environment().cache, "/h/hf/hub");
    EXPECT_EQ(cache_folder("MLC_HOME", "mlc"), "/h/m/$NOT_SET_X");
  }
  {
    Environment variables({{"HF_HOME", "/hf"}, {"HUGGINGFACE_HUB_CACHE", "/old"}});
    EXPECT_EQ(hub_environment().cache, "/old");
  }
  Environment variables(
      {{"HF_HOME", "/hf"}, {"HF_HUB_CACHE", "/c"}, {"HUGGINGFACE_HUB_CACHE", "/old"}});
  EXPECT_EQ(hub_environment().cache, "/c");
}

TEST(HubEnvironment, NW14Endpoint) {
  for (const char* bad :
       {"huggingface.co", "ftp://a", "https://", "https://me@host", "https://a?x=1"}) {
    Environment variables({{"HOME", "/h"}, {"HF_ENDPOINT", bad}});
    EXPECT_THAT(message(ExitCode::kUsage, [] { hub_environment(); }), HasSubstr("HF_ENDPOINT="))
        << bad;
  }
  Environment variables({{"HOME", "/h"}, {"HF_ENDPOINT", "https://Mirror.org:8443/hf//"}});
  EXPECT_EQ(hub_environment().endpoint, "https://Mirror.org:8443/hf");
  EXPECT_EQ(hub_environment().origin, "https://mirror.org:8443");
}

TEST(HubEnvironment, Token) {
  std::string folder = testing::TempDir() + "hub_token";
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/token") << "hf_file\n";
  {
    Environment variables({{"HF_HOME", folder}});
    EXPECT_EQ(hub_environment().token.reveal(), "hf_file");
    EXPECT_THAT(hub_environment().access_hint(), HasSubstr("/token"));
  }
  {
    Environment variables({{"HF_TOKEN_PATH", folder + "/token"}});
    EXPECT_EQ(hub_environment().token.reveal(), "hf_file");
  }
  {
    Environment variables({{"HF_HOME", folder}, {"HF_TOKEN", " hf_variable\n"}});
    EXPECT_EQ(hub_environment().token.reveal(), "hf_variable");
  }
  {
    Environment variables(
        {{"HF_HOME", folder}, {"HF_TOKEN", "x"}, {"HF_HUB_DISABLE_IMPLICIT_TOKEN", "yes"}});
    EXPECT_EQ(hub_environment().token.reveal(), "");
  }
  Environment variables({{"HF_TOKEN", "secret\r\nX: y"}});
  EXPECT_EQ(message(ExitCode::kUsage, [] { hub_environment(); }).find("secret"), std::string::npos);
}

TEST(HubEnvironment, OfflineAndTimes) {
  {
    Environment variables({{"TRANSFORMERS_OFFLINE", "on"}});
    EXPECT_TRUE(hub_environment().offline);
  }
  {
    Environment variables({{"HF_HUB_OFFLINE", "0"}});
    EXPECT_FALSE(hub_environment().offline);
  }
  for (const char* bad : {"0", "-1", "1.5", "x", "99999999999999999999"}) {
    Environment variables({{"HF_HUB_ETAG_TIMEOUT", bad}});
    EXPECT_THAT(message(ExitCode::kUsage, [] { hub_environment(); }),
                HasSubstr("HF_HUB_ETAG_TIMEOUT"));
  }
}

const std::string kCommit = "0123456789abcdef0123456789abcdef01234567";
const std::string kSha1(40, 'a');
const std::string kSha256(64, 'b');

HubListing listing_of(const std::string& page) {
  HubListing listing;
  listing.commit = kCommit;
  add_listing_page(page, "page", listing);
  finish_listing(listing, "page");
  return listing;
}

TEST(HubListing, FilesOfAPage) {
  HubListing listing = listing_of(R"([{"type":"directory","oid":"x","size":0,"path":"sub"},
    {"type":"file","oid":")" + kSha1 +
                                  R"(","size":5,"path":"sub/b.json"},
    {"type":"file","oid":")" + kSha1 +
                                  R"(","size":134,"path":"a.bin","xetHash":"y",
     "lfs":{"oid":")" + kSha256 + R"(","size":70000,"pointerSize":134}},
    {"type":"file","oid":")" + kSha1 +
                                  R"(","size":1,"path":"c","lfs":null}])");
  ASSERT_EQ(listing.files.size(), 3U);
  EXPECT_EQ(listing.files[0].name, "a.bin");
  EXPECT_EQ(listing.files[0].etag, kSha256);
  EXPECT_EQ(listing.files[0].size, 70000U);
  EXPECT_EQ(listing.find("sub/b.json")->etag, kSha1);
  EXPECT_EQ(listing.find("sub"), nullptr);
  HubListing again = parse_listing_text(listing_text(listing), "text");
  EXPECT_EQ(again.commit, kCommit);
  ASSERT_EQ(again.files.size(), 3U);
  EXPECT_EQ(again.find("a.bin")->size, 70000U);
}

TEST(HubListing, RefusesPages) {
  for (const std::string page :
       {R"({})", R"([{"type":"file"}])", R"([1])", R"([{"type":"file","path":"a","size":1}])",
        R"([{"type":"file","path":"a","oid":"abc","size":1}])", R"([] [])", R"(<html>)",
        R"([{"type":"file","path":"a","path":"b","oid":"x","size":1}])"})
    EXPECT_NE(message(ExitCode::kNetwork, [&] { listing_of(page); }), "") << page;
  auto entry = [](const std::string& size) {
    return R"([{"type":"file","path":"a","oid":")" + kSha1 + R"(","size":)" + size + "}]";
  };
  for (const char* size : {"-1", "1.0", "1e2", "9223372036854775808", "\"1\"", "null"})
    EXPECT_NE(message(ExitCode::kNetwork, [&] { listing_of(entry(size)); }), "") << size;
  for (const char* text : {"{}", R"({"schema":2,"commit":"x","files":[]})",
                           R"({"schema":1,"commit":"main","files":[]})"})
    EXPECT_NE(message(ExitCode::kBadInput, [&] { parse_listing_text(text, "kept"); }), "") << text;
}

TEST(HubListing, OC02NamesThatMeet) {
  HubListing listing;
  listing.files = {{"a/b", 1, kSha1}, {"a", 1, kSha1}};
  EXPECT_THAT(message(ExitCode::kBadInput, [&] { finish_listing(listing, "page"); }),
              HasSubstr("as a file and as a folder"));
  listing.files = {{"a", 1, kSha1}, {"a", 2, kSha1}};
  EXPECT_THAT(message(ExitCode::kBadInput, [&] { finish_listing(listing, "page"); }),
              HasSubstr("lists a twice"));
  for (const char* name : {"../x", "/x", "a/./b", "a//b", "", "a\\b", "C:x", "nul", "x."})
    EXPECT_THAT(message(ExitCode::kBadInput,
                        [&] {
                          check_hub_names({{name, 1, kSha1}}, "page");
                        }),
                HasSubstr("can't be used"))
        << name;
}

TEST(HubListing, NextPageIsAQueryOnly) {
  EXPECT_EQ(next_page(R"(<https://evil/x?cursor=a%3D&limit=5>; rel="next")"),
            "?cursor=a%3D&limit=5");
  EXPECT_EQ(next_page(R"(<https://a/?x=1>; rel="prev", <https://a/?x=2#f>; rel="next")"), "?x=2");
  for (const char* none : {"", "<https://a/?x=1>", "<https://a/?x=1>; rel=\"last\"",
                           "<https://a>; rel=\"next\"", "https://a?x; rel=\"next\"", "><?a",
                           "<https://a/?x y>; rel=\"next\"", "<https://a/?x\r\ny>; rel=\"next\""})
    EXPECT_EQ(next_page(none), "") << none;
}

TEST(HubHash, AsGitAndSha256) {
  const std::string path = testing::TempDir() + "hub_hash";
  std::ofstream(path) << "hello\n";
  auto hash = [&](std::size_t digits) {
    return hub_hash_of(InputFile(path), std::string(digits, '0'), [](std::uint64_t) {});
  };
  // git hash-object; sha256sum.
  EXPECT_EQ(hash(40), "ce013625030ba8dba906f756967f9e9ca394464a");
  EXPECT_EQ(hash(64), "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03");
  HubHash empty(std::string(40, '0'), 0);
  EXPECT_EQ(empty.finish(), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
}

class HubCacheTest : public testing::Test {
 protected:
  void SetUp() override {
    root_ = testing::TempDir() + "hub_cache_" + std::to_string(getpid());
    std::filesystem::remove_all(root_);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  std::string root_;
};

TEST_F(HubCacheTest, LinksAndRefs) {
  HubCache cache(root_, "me/model");
  cache.make();
  EXPECT_EQ(cache.folder(), root_ + "/models--me--model");
  EXPECT_EQ(cache.ref("main"), std::nullopt);
  cache.write_ref("refs/pr/1", kCommit);
  EXPECT_EQ(cache.ref("refs/pr/1"), kCommit);
  cache.link(kCommit, {{"a", 1, kSha1}});
  cache.link(kCommit, {{"a", 1, kSha1}, {"x/y/b", 1, kSha256}});
  EXPECT_EQ(std::filesystem::read_symlink(cache.snapshot(kCommit) + "/a"), "../../blobs/" + kSha1);
  EXPECT_EQ(std::filesystem::read_symlink(cache.snapshot(kCommit) + "/x/y/b"),
            "../../../../blobs/" + kSha256);
  // What another program left under a name is replaced.
  std::filesystem::remove(cache.snapshot(kCommit) + "/a");
  std::ofstream(cache.snapshot(kCommit) + "/a") << "old";
  cache.link(kCommit, {{"a", 1, kSha256}});
  EXPECT_EQ(std::filesystem::read_symlink(cache.snapshot(kCommit) + "/a"),
            "../../blobs/" + kSha256);
  HubListing seen = cache.listing_of_snapshot(kCommit);
  ASSERT_EQ(seen.files.size(), 2U);
  EXPECT_EQ(seen.find("x/y/b")->etag, kSha256);
  std::ofstream(root_ + "/models--me--model/refs/bad") << "../../etc";
  EXPECT_THAT(message(ExitCode::kBadInput, [&] { cache.ref("bad"); }),
              HasSubstr("holds no commit"));
}

TEST_F(HubCacheTest, IO11OnlyFilesOfDeadProcessesAreTakenOver) {
  std::filesystem::create_directories(root_);
  const std::string blob = root_ + "/" + kSha256;
  auto content = [&](const std::string& text) { return std::as_bytes(std::span(text)); };
  std::string mine;
  {
    PartialBlob first(blob, 100);
    first.write(content("hello"));
    mine = first.path();
    PartialBlob second(blob, 100);  // this process lives
    EXPECT_EQ(second.size(), 0U);
    first.keep();
  }
  ASSERT_TRUE(std::filesystem::exists(mine));
  // As if another process had left it: a number that no process has.
  std::string dead = mine;
  dead.replace(dead.find("-" + std::to_string(getpid()) + "-"), std::to_string(getpid()).size() + 2,
               "-999999999-");
  std::filesystem::rename(mine, dead);
  {
    PartialBlob too_long(blob, 3);
    EXPECT_EQ(too_long.size(), 0U);
    EXPECT_FALSE(std::filesystem::exists(dead));
  }
  std::ofstream(dead) << "hello";
  PartialBlob next(blob, 100);
  EXPECT_EQ(next.size(), 5U);
  next.write(content(" world"));
  next.sync();
  next.commit();
  EXPECT_EQ(read_file(blob, 100), "hello world");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(root_), {}), 1);
}

TEST_F(HubCacheTest, OneHolderOfALock) {
  std::filesystem::create_directories(root_);
  std::atomic<int> inside = 0;
  auto work = [&] {
    for (int i = 0; i < 3; i++) {
      BlobLock lock(root_ + "/x.lock");
      EXPECT_EQ(++inside, 1);
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      --inside;
    }
  };
  std::thread other(work);
  work();
  other.join();
}

TEST(CheckpointFiles, OneFormatOnly) {
  auto none = [](const std::string& name) -> std::string {
    ADD_FAILURE() << "read " << name;
    return "";
  };
  std::vector<std::string> names = {"README.md",         "config.json",    "model.safetensors",
                                    "pytorch_model.bin", "flax.msgpack",   "tokenizer.model",
                                    "a.Q4_0.gguf",       "sub/x.json",     "chat_template.jinja",
                                    "merges.txt",        "tokenizer_model"};
  EXPECT_THAT(config_files(names),
              testing::UnorderedElementsAre("config.json", "tokenizer.model", "chat_template.jinja",
                                            "merges.txt", "tokenizer_model"));
  auto weights = [&](const std::string& file, const std::string& format) {
    return weight_files("HF://me/model", names, file, format, none);
  };
  using testing::ElementsAre;
  EXPECT_THAT(weights("", "auto"), ElementsAre("model.safetensors"));
  EXPECT_THAT(weights("", "huggingface-torch"), ElementsAre("pytorch_model.bin"));
  EXPECT_THAT(weights("", "gguf"), ElementsAre("a.Q4_0.gguf"));
  EXPECT_THAT(weights("pytorch_model.bin", "auto"), ElementsAre("pytorch_model.bin"));
  names = {"config.json", "README.md"};
  EXPECT_THAT(message(ExitCode::kBadInput, [&] { weights("", "auto"); }),
              HasSubstr("HF://me/model"));
}

TEST(CheckpointFiles, WhatAnIndexNames) {
  std::string index =
      R"({"weight_map":{"a":"w2.safetensors","b":"w1.safetensors","c":"w2.safetensors"}})";
  auto read = [&](const std::string& name) {
    EXPECT_EQ(name, "model.safetensors.index.json");
    return index;
  };
  std::vector<std::string> names = {"consolidated.safetensors", "model.safetensors.index.json",
                                    "w1.safetensors", "w2.safetensors"};
  auto weights = [&] { return weight_files("HF://me/model", names, "", "auto", read); };
  EXPECT_THAT(weights(), testing::ElementsAre("model.safetensors.index.json", "w1.safetensors",
                                              "w2.safetensors"));
  names.pop_back();
  EXPECT_THAT(message(ExitCode::kBadInput, weights), HasSubstr("w2.safetensors"));
  index = R"({"weight_map":{"a":"../../etc/passwd"}})";
  EXPECT_NE(message(ExitCode::kBadInput, weights), "");
}

TEST(CheckpointFiles, PartsOfASplitModel) {
  std::vector<std::string> names = {"m-00001-of-00002.gguf", "m-00002-of-00002.gguf", "other.gguf"};
  auto none = [](const std::string&) { return std::string(); };
  EXPECT_THAT(weight_files("x", names, "m-00002-of-00002.gguf", "auto", none),
              testing::ElementsAre("m-00001-of-00002.gguf", "m-00002-of-00002.gguf"));
  EXPECT_THAT(weight_files("x", names, "other.gguf", "auto", none),
              testing::ElementsAre("other.gguf"));
}

TEST(Fetch, OtherTextComesBack) {
  SilentReporter silent;
  EXPECT_EQ(local_folder("dist/model", Fetch::kAll, silent), "dist/model");
  EXPECT_FALSE(is_model_address("https://host/x"));
  EXPECT_TRUE(is_model_address("oci://host/x"));
}

}  // namespace
}  // namespace mlc
