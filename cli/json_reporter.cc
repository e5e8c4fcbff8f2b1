// One JSON object per line, for programs (docs/formats.md, "Events").
#include <utility>

#include "cli/progress_reporter.h"

namespace mlc {
namespace {

constexpr double kEventSeconds = 0.25;

class JsonReporter final : public ProgressReporter {
 public:
  explicit JsonReporter(ReporterHost host) : ProgressReporter(std::move(host), kEventSeconds) {}

 protected:
  void show_begin(const Progress& progress) override { show("begin", progress); }
  void show_progress(const Progress& progress) override { show("progress", progress); }
  void show_end(const Progress& progress) override { show("end", progress); }
  void show_message(std::string_view kind, const std::string& text) override {
    host().write(json_event(kind, Json::object().set("text", text)));
  }
  void show_event(std::string_view name, const Json& detail) override {
    host().write(json_event(name, detail));
  }

 private:
  void show(std::string_view name, const Progress& progress) {
    Json detail = Json::object();
    detail.set("stage", progress.stage).set("bytes", progress.done);
    detail.set("total_bytes", progress.total).set("seconds", progress.seconds);
    host().write(json_event(name, detail));
  }
};

}  // namespace

std::unique_ptr<Reporter> make_json_reporter(ReporterHost host) {
  return std::make_unique<JsonReporter>(std::move(host));
}

std::string json_event(std::string_view name, const Json& detail) {
  Json line = Json::object();
  line.set("event", name);
  for (const auto& [key, value] : detail.members("event"))
    line.set(key, value);
  return dump_json(line) + "\n";
}

}  // namespace mlc
