// Every checkpoint in tests/golden-errors is refused with its exit code and message.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>

#include <gtest/gtest.h>

#include "base/error.h"
#include "convert/source.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

TEST(GoldenErrors, EveryHostileCheckpointIsRefusedByName) {
  std::vector<fs::path> cases;
  for (const auto& entry : fs::directory_iterator(fs::path(MLC_TEST_DATA) / "golden-errors")) {
    std::string name = entry.path().filename().string();
    if (entry.is_directory() && (name.starts_with("ST-") || name.starts_with("IX-")))
      cases.push_back(entry.path());
  }
  std::sort(cases.begin(), cases.end());
  ASSERT_GE(cases.size(), 90u);
  for (const fs::path& folder : cases) {
    std::ifstream expected(folder / "expected");
    int code = 0;
    std::string line;
    ASSERT_TRUE(expected >> code) << folder;
    std::getline(expected, line);
    try {
      open_checkpoint(folder.string(), "auto");
      ADD_FAILURE() << folder << " was accepted";
    } catch (const Error& e) {
      std::string message = e.what();
      EXPECT_EQ(static_cast<int>(e.code()), code) << folder << "\n" << message;
      while (std::getline(expected, line))
        EXPECT_NE(message.find(line), std::string::npos)
            << folder << "\nlacks: " << line << "\nhas: " << message;
      EXPECT_EQ(
          std::count_if(message.begin(), message.end(), [](char c) { return c < ' ' && c >= 0; }),
          0)
          << folder << "\n"
          << message;
    }
  }
  std::cout << cases.size() << " hostile checkpoints refused\n";
}

}  // namespace
}  // namespace mlc
