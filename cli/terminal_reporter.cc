// One live line: "convert  43%  [=======>          ]  0.95 / 2.20 GB  1.52 GB/s  0.82 s left".
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/units.h"
#include "cli/progress_reporter.h"

namespace mlc {
namespace {

constexpr double kRedrawSeconds = 0.1;
constexpr std::size_t kBarColumns = 30;
constexpr std::string_view kClearLine = "\r\x1b[K";

class TerminalReporter final : public ProgressReporter {
 public:
  explicit TerminalReporter(ReporterHost host)
      : ProgressReporter(std::move(host), kRedrawSeconds) {}
  // An error on its way up leaves no half line behind.
  ~TerminalReporter() override { clear(); }

 protected:
  void show_begin(const Progress& progress) override { draw(progress); }
  void show_progress(const Progress& progress) override { draw(progress); }
  void show_end(const Progress&) override { clear(); }

  void show_message(std::string_view kind, const std::string& text) override {
    clear();
    if (kind == "note") return host().write(fmt::format("mlc: {}\n", text));
    std::string_view on = host().color ? "\x1b[33m" : "", off = host().color ? "\x1b[0m" : "";
    host().write(fmt::format("mlc: {}{}:{} {}\n", on, kind, off, text));
  }

 private:
  void draw(const Progress& progress) {
    drawn_ = true;
    host().write(std::string(kClearLine) + line(progress));
  }

  void clear() {
    if (drawn_) host().write(kClearLine);
    drawn_ = false;
  }

  // Parts are added while they fit; the last column stays free, since a character there makes some
  // terminals wrap. Everything but the stage's name is ASCII, one column each.
  std::string line(const Progress& progress) const {
    std::size_t columns = std::max<std::size_t>(host().columns(), 2) - 1;
    std::string text = printable(progress.stage, columns);
    if (text.size() > columns) return text.substr(0, columns);
    auto add = [&](const std::string& part) {
      if (text.size() + 2 + part.size() <= columns) text += "  " + part;
    };
    std::string numbers = bytes_text(progress.done);
    if (progress.total > 0) {
      add(fmt::format("{:3}%", progress.percent()));
      numbers += " / " + bytes_text(progress.total);
    }
    std::string rest = numbers;
    if (progress.rate() > 0)
      rest += fmt::format("  {}/s", bytes_text(static_cast<std::uint64_t>(progress.rate())));
    if (auto left = progress.seconds_left()) rest += fmt::format("  {} left", duration_text(*left));
    if (progress.total > 0 && text.size() + 2 + kBarColumns + 2 + 2 + rest.size() <= columns)
      add(bar(progress));
    add(rest);
    if (text.size() < columns && text.find(rest) == std::string::npos) add(numbers);
    return text;
  }

  static std::string bar(const Progress& progress) {
    std::size_t filled = progress.percent() * kBarColumns / 100;
    std::string inside(filled, '=');
    if (filled < kBarColumns) inside += '>';
    inside.resize(kBarColumns, ' ');
    return fmt::format("[{}]", inside);
  }

  bool drawn_ = false;
};

}  // namespace

std::unique_ptr<Reporter> make_terminal_reporter(ReporterHost host) {
  return std::make_unique<TerminalReporter>(std::move(host));
}

}  // namespace mlc
