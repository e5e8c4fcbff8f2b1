#include "cli/progress_reporter.h"

#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace mlc {
namespace {

// A world with a clock that the test moves.
struct World {
  std::string written;
  double time = 100;
  std::size_t columns = 100;
  ReporterHost host(bool quiet = false) {
    return {.write = [this](std::string_view text) { written += text; },
            .now = [this] { return time; },
            .columns = [this] { return columns; },
            .color = false,
            .quiet = quiet};
  }
  std::string take() { return std::exchange(written, {}); }
};

TEST(TerminalReporter, RedrawsOneLineAndClearsIt) {
  World world;
  auto reporter = make_terminal_reporter(world.host());
  reporter->begin("convert", 2'200'000'000);
  EXPECT_EQ(world.take(), "\r\x1b[Kconvert    0%  [>                             ]  0 B / 2.20 GB");
  world.time += 1;
  reporter->advance(1'100'000'000);
  EXPECT_EQ(world.take(),
            "\r\x1b[Kconvert   50%  [===============>              ]  1.10 GB / 2.20 GB  "
            "1.10 GB/s  1.00 s left");
  reporter->end();
  EXPECT_EQ(world.take(), "\r\x1b[K");
  reporter->end();
  EXPECT_EQ(world.take(), "");
}

TEST(TerminalReporter, RedrawsAtMostTenTimesASecond) {
  World world;
  auto reporter = make_terminal_reporter(world.host());
  reporter->begin("convert", 1000);
  world.take();
  int drawn = 0;
  for (int i = 0; i < 1000; i++) {
    world.time += 0.001;
    reporter->advance(1);
    if (!world.take().empty()) drawn++;
  }
  EXPECT_GE(drawn, 9);
  EXPECT_LE(drawn, 10);
}

TEST(TerminalReporter, NeverFillsTheLastColumn) {
  for (std::size_t columns = 1; columns < 130; columns++) {
    World world;
    world.columns = columns;
    auto reporter = make_terminal_reporter(world.host());
    reporter->begin("convert", 123'456'789);
    world.take();
    world.time += 2;
    reporter->advance(100'000'000);
    std::string line = world.take();
    ASSERT_TRUE(line.starts_with("\r\x1b[K"));
    EXPECT_LT(line.size() - 4, std::max<std::size_t>(columns, 2)) << line;
  }
}

TEST(TerminalReporter, MessagesStandOnLinesOfTheirOwn) {
  World world;
  auto reporter = make_terminal_reporter(world.host());
  reporter->begin("convert", 1000);
  world.take();
  reporter->note("12 files");
  EXPECT_EQ(world.take(), "\r\x1b[Kmlc: 12 files\n");
  reporter->warn("odd");
  EXPECT_EQ(world.take(), "mlc: warning: odd\n");
}

TEST(TerminalReporter, LeavesNoHalfLineWhenAnErrorUnwinds) {
  World world;
  {
    auto reporter = make_terminal_reporter(world.host());
    reporter->begin("convert", 1000);
    world.take();
  }
  EXPECT_EQ(world.take(), "\r\x1b[K");
}

TEST(TerminalReporter, ColorsOnlyWhereTold) {
  World world;
  ReporterHost host = world.host();
  host.color = true;
  make_terminal_reporter(host)->warn("odd");
  EXPECT_EQ(world.take(), "mlc: \x1b[33mwarning:\x1b[0m odd\n");
}

TEST(TerminalReporter, ShowsHostileStageNamesEscaped) {
  World world;
  auto reporter = make_terminal_reporter(world.host());
  reporter->begin("a\x1b[31mb", 0);
  EXPECT_EQ(world.take(), "\r\x1b[Ka\\x1b[31mb  0 B");
}

TEST(PlainReporter, SaysTenthsAndTheEnd) {
  World world;
  auto reporter = make_plain_reporter(world.host());
  reporter->begin("convert", 100'000'000'000);
  std::vector<std::string> lines;
  for (int i = 0; i < 100; i++) {
    world.time += 2;
    reporter->advance(1'000'000'000);
    if (std::string line = world.take(); !line.empty()) lines.push_back(line);
  }
  // 500 MB/s: 5 seconds pass before a tenth does.
  ASSERT_EQ(lines.size(), 40u);
  EXPECT_EQ(lines[0], "mlc: convert: 3% of 100 GB, 500 MB/s, 3 min 14 s left\n");
  reporter->end();
  EXPECT_EQ(world.take(), "mlc: convert: 100 GB in 3 min 20 s (500 MB/s)\n");
}

TEST(PlainReporter, AFastStageIsOneLine) {
  World world;
  auto reporter = make_plain_reporter(world.host());
  reporter->begin("read", 1000);
  world.time += 0.5;
  reporter->advance(1000);
  reporter->begin("write", 0);
  EXPECT_EQ(world.take(), "mlc: read: 1.00 kB in 0.50 s (2.00 kB/s)\n");
  world.time += 0.25;
  reporter->end();
  EXPECT_EQ(world.take(), "mlc: write: 0.25 s\n");
}

TEST(JsonReporter, WritesOneObjectPerLine) {
  World world;
  auto reporter = make_json_reporter(world.host());
  reporter->begin("convert", 1000);
  world.time += 0.5;
  reporter->advance(500);
  reporter->warn("a \"quoted\" name");
  reporter->event("shard", Json::object().set("path", "params_shard_0.bin").set("nbytes", 7));
  reporter->end();
  EXPECT_EQ(
      world.take(),
      "{\"event\": \"begin\", \"stage\": \"convert\", \"bytes\": 0, \"total_bytes\": 1000, "
      "\"seconds\": 0.0}\n"
      "{\"event\": \"progress\", \"stage\": \"convert\", \"bytes\": 500, \"total_bytes\": 1000, "
      "\"seconds\": 0.5}\n"
      "{\"event\": \"warning\", \"text\": \"a \\\"quoted\\\" name\"}\n"
      "{\"event\": \"shard\", \"path\": \"params_shard_0.bin\", \"nbytes\": 7}\n"
      "{\"event\": \"end\", \"stage\": \"convert\", \"bytes\": 500, \"total_bytes\": 1000, "
      "\"seconds\": 0.5}\n");
}

TEST(Reporters, QuietLeavesOnlyWarnings) {
  for (auto make : {make_terminal_reporter, make_plain_reporter, make_json_reporter}) {
    World world;
    auto reporter = make(world.host(/*quiet=*/true));
    reporter->begin("convert", 1000);
    world.time += 10;
    reporter->advance(500);
    reporter->note("12 files");
    reporter->event("shard", Json::object());
    reporter->end();
    EXPECT_EQ(world.take(), "");
    reporter->warn("odd");
    EXPECT_NE(world.take().find("odd"), std::string::npos);
  }
}

TEST(Reporters, CountEveryByteFromManyThreads) {
  World world;
  auto reporter = make_json_reporter(world.host());
  reporter->begin("convert", 4000);
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; t++)
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; i++)
        reporter->advance(1);
    });
  threads.clear();
  world.take();
  reporter->end();
  EXPECT_NE(world.take().find("\"bytes\": 4000"), std::string::npos);
}

}  // namespace
}  // namespace mlc
