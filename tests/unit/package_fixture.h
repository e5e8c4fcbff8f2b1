// A folder of its own for each test of packages, and what errors say.
#pragma once

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

namespace mlc {

namespace fs = std::filesystem;

// "3: what it said": the exit code and the message.
template <class Call>
std::string error(Call call) {
  try {
    call();
  } catch (const Error& e) {
    return fmt::format("{}: {}", static_cast<int>(e.code()), e.what());
  }
  return "no error";
}

inline testing::Matcher<std::string> refused(int code, const std::string& text) {
  return testing::AllOf(testing::StartsWith(fmt::format("{}: ", code)), testing::HasSubstr(text));
}

class PackageTest : public testing::Test {
 protected:
  PackageTest() {
    std::string name = (fs::temp_directory_path() / "mlc-package-XXXXXX").string();
    root_ = mkdtemp(name.data());
  }
  ~PackageTest() override { fs::remove_all(root_); }

  std::string path(const std::string& name) const { return root_ + "/" + name; }
  void put(const std::string& name, std::string_view text) const {
    fs::create_directories(fs::path(path(name)).parent_path());
    std::ofstream(path(name), std::ios::binary) << text;
  }
  std::string text_of(const std::string& name) const { return read_file(path(name), 1 << 26); }
  // Every file below, with what it holds; folders as "NAME/".
  std::map<std::string, std::string> tree(const std::string& name) const {
    std::map<std::string, std::string> out;
    if (!fs::exists(path(name))) return out;
    for (const auto& entry : fs::recursive_directory_iterator(path(name))) {
      std::string below = fs::relative(entry.path(), path(name)).string();
      out[entry.is_directory() ? below + "/" : below] =
          entry.is_directory() ? "" : read_file(entry.path().string(), 1 << 26);
    }
    return out;
  }

  std::string root_;
};

// What a process does, and with what it ends.
inline int in_child(const std::function<void()>& work) {
  pid_t child = fork();
  if (child == 0) {
    work();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace mlc
