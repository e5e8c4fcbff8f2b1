// Plain lines for logs: at most one per tenth of a stage and per second, and one every few seconds
// while less than a tenth passes; a closing line with the rate.
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/units.h"
#include "cli/progress_reporter.h"

namespace mlc {
namespace {

constexpr double kMinSeconds = 1.0;
constexpr double kMaxSeconds = 5.0;
constexpr unsigned kStepPercent = 10;

class PlainReporter final : public ProgressReporter {
 public:
  explicit PlainReporter(ReporterHost host) : ProgressReporter(std::move(host), kMinSeconds) {}

 protected:
  void show_begin(const Progress&) override {
    shown_percent_ = 0;
    shown_seconds_ = 0;
  }

  void show_progress(const Progress& progress) override {
    bool step = progress.total > 0 && progress.percent() >= shown_percent_ + kStepPercent;
    if (!step && progress.seconds < shown_seconds_ + kMaxSeconds) return;
    shown_percent_ = progress.percent() / kStepPercent * kStepPercent;
    shown_seconds_ = progress.seconds;
    std::string text = fmt::format("mlc: {}: ", printable(progress.stage));
    if (progress.total > 0)
      text += fmt::format("{}% of {}", progress.percent(), bytes_text(progress.total));
    else
      text += bytes_text(progress.done);
    text += fmt::format(", {}/s", bytes_text(static_cast<std::uint64_t>(progress.rate())));
    if (auto left = progress.seconds_left()) text += fmt::format(", {} left", duration_text(*left));
    host().write(text + "\n");
  }

  void show_end(const Progress& progress) override {
    std::string text = fmt::format("mlc: {}: ", printable(progress.stage));
    // A stage may have nothing to count, only to wait for.
    if (progress.done > 0) text += bytes_text(progress.done) + " in ";
    text += duration_text(progress.seconds);
    if (progress.rate() > 0)
      text += fmt::format(" ({}/s)", bytes_text(static_cast<std::uint64_t>(progress.rate())));
    host().write(text + "\n");
  }

  void show_message(std::string_view kind, const std::string& text) override {
    host().write(kind == "note" ? fmt::format("mlc: {}\n", text)
                                : fmt::format("mlc: {}: {}\n", kind, text));
  }

 private:
  unsigned shown_percent_ = 0;
  double shown_seconds_ = 0;
};

}  // namespace

std::unique_ptr<Reporter> make_plain_reporter(ReporterHost host) {
  return std::make_unique<PlainReporter>(std::move(host));
}

}  // namespace mlc
