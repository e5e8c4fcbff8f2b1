#include "cli/progress_reporter.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <utility>

#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/standard_streams.h"

namespace mlc {

double Progress::rate() const { return seconds > 0 ? static_cast<double>(done) / seconds : 0; }

unsigned Progress::percent() const {
  if (done >= total) return 100;
  return static_cast<unsigned>(100.0 * static_cast<double>(done) / static_cast<double>(total));
}

std::optional<double> Progress::seconds_left() const {
  // Before half a second the rate is mostly noise of starting.
  if (seconds < 0.5 || done == 0 || done > total) return std::nullopt;
  return static_cast<double>(total - done) / rate();
}

ProgressReporter::ProgressReporter(ReporterHost host, double interval)
    : host_(std::move(host)), interval_(interval) {}

Progress ProgressReporter::progress_at(double now) const {
  return {.stage = stage_,
          .done = done_.load(std::memory_order_relaxed),
          .total = total_,
          .seconds = now - started_};
}

void ProgressReporter::begin(std::string_view stage, std::uint64_t total_bytes) {
  std::lock_guard lock(mutex_);
  end_locked();
  active_ = true;
  stage_ = stage;
  total_ = total_bytes;
  started_ = host_.now();
  done_ = 0;
  next_show_ = started_ + interval_;
  if (!host_.quiet) show_begin(progress_at(started_));
}

void ProgressReporter::advance(std::uint64_t bytes) {
  done_.fetch_add(bytes, std::memory_order_relaxed);
  if (host_.quiet) return;
  double now = host_.now();
  if (now < next_show_.load(std::memory_order_relaxed)) return;
  // Whoever holds the lock is showing something just now; this block is in the next picture.
  std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock || !active_ || now < next_show_) return;
  next_show_ = now + interval_;
  show_progress(progress_at(now));
}

void ProgressReporter::end() {
  std::lock_guard lock(mutex_);
  end_locked();
}

void ProgressReporter::end_locked() {
  if (!active_) return;
  active_ = false;
  if (!host_.quiet) show_end(progress_at(host_.now()));
}

void ProgressReporter::note(const std::string& text) {
  std::lock_guard lock(mutex_);
  if (!host_.quiet) show_message("note", text);
}

void ProgressReporter::warn(const std::string& text) {
  std::lock_guard lock(mutex_);
  show_message("warning", text);
}

void ProgressReporter::event(std::string_view name, const Json& detail) {
  std::lock_guard lock(mutex_);
  if (!host_.quiet) show_event(name, detail);
}

std::unique_ptr<Reporter> make_reporter(bool json, bool quiet) {
  auto set = [](const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0';
  };
  const char* term = std::getenv("TERM");
  // A dumb terminal can't redraw a line.
  bool terminal =
      ::isatty(STDERR_FILENO) == 1 && term != nullptr && std::string_view(term) != "dumb";
  ReporterHost host{.write = write_stderr,
                    .now =
                        [] {
                          auto time = std::chrono::steady_clock::now().time_since_epoch();
                          return std::chrono::duration<double>(time).count();
                        },
                    .columns =
                        [] {
                          winsize size{};
                          bool known =
                              ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
                          return std::size_t{known ? size.ws_col : std::uint16_t{80}};
                        },
                    .color = terminal && !set("NO_COLOR"),
                    .quiet = quiet};
  if (json) return make_json_reporter(std::move(host));
  if (terminal) return make_terminal_reporter(std::move(host));
  return make_plain_reporter(std::move(host));
}

}  // namespace mlc
