// Models of the Hugging Face hub: addresses, environment, listings, which files are wanted.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/hub_address.h"

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

}  // namespace
}  // namespace mlc
