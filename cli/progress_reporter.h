// Progress of the stages, measured once and shown in three ways: a live line on a terminal, plain
// lines elsewhere, JSON events for programs. Messages never interleave; advance() costs an atomic
// addition and a clock reading except when it is time to show something.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/reporter.h"

namespace mlc {

// What the reporters need from the world; a test gives its own.
struct ReporterHost {
  std::function<void(std::string_view)> write;
  std::function<double()> now;           // seconds, monotonic
  std::function<std::size_t()> columns;  // of the terminal
  bool color = false;
  bool quiet = false;  // only warnings
};

// A stage at one moment.
struct Progress {
  std::string stage;
  std::uint64_t done = 0;
  std::uint64_t total = 0;  // 0: unknown
  double seconds = 0;
  double rate() const;                         // bytes per second so far, 0 at the start
  unsigned percent() const;                    // rounded down; 100 when nothing is known to be left
  std::optional<double> seconds_left() const;  // nothing until a rate can be told
};

class ProgressReporter : public Reporter {
 public:
  void begin(std::string_view stage, std::uint64_t total_bytes) final;
  void advance(std::uint64_t bytes) final;
  void end() final;
  void note(const std::string& text) final;
  void warn(const std::string& text) final;
  void event(std::string_view name, const Json& detail) final;

 protected:
  // show_progress() is called at most once per `interval` seconds.
  ProgressReporter(ReporterHost host, double interval);
  // All called one at a time.
  virtual void show_begin(const Progress& progress) = 0;
  virtual void show_progress(const Progress& progress) = 0;
  virtual void show_end(const Progress& progress) = 0;
  virtual void show_message(std::string_view kind, const std::string& text) = 0;
  virtual void show_event(std::string_view, const Json&) {}
  const ReporterHost& host() const { return host_; }

 private:
  Progress progress_at(double now) const;
  void end_locked();

  ReporterHost host_;
  double interval_;
  std::mutex mutex_;
  bool active_ = false;
  std::string stage_;
  std::uint64_t total_ = 0;
  double started_ = 0;
  std::atomic<std::uint64_t> done_ = 0;
  std::atomic<double> next_show_ = 0;
};

std::unique_ptr<Reporter> make_terminal_reporter(ReporterHost host);
std::unique_ptr<Reporter> make_plain_reporter(ReporterHost host);
std::unique_ptr<Reporter> make_json_reporter(ReporterHost host);

// The one that fits this process's standard error and environment.
std::unique_ptr<Reporter> make_reporter(bool json, bool quiet);

// One line {"event": name, ...members of detail}, for the reporter and for the final error.
std::string json_event(std::string_view name, const Json& detail);

}  // namespace mlc
