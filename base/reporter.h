// How a stage tells its caller what it does. The library knows no terminal: cli/ shows one live
// line, plain lines or JSON events.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"

namespace mlc {

class Reporter {
 public:
  virtual ~Reporter() = default;
  // A stage of `total_bytes` begins; it ends with the next begin() or with end(). From one thread.
  virtual void begin(std::string_view stage, std::uint64_t total_bytes) = 0;
  // Thread-safe, cheap enough to call per block of 1 MiB or more.
  virtual void advance(std::uint64_t bytes) = 0;
  virtual void end() = 0;
  // Thread-safe. One plain sentence each.
  virtual void note(const std::string& text) = 0;
  virtual void warn(const std::string& text) = 0;
  // A machine-readable event; shown only with --json (one object per line).
  virtual void event(std::string_view name, const Json& detail) = 0;
};

// Says nothing; for tests and for callers that do not care.
class SilentReporter : public Reporter {
 public:
  void begin(std::string_view, std::uint64_t) override {}
  void advance(std::uint64_t) override {}
  void end() override {}
  void note(const std::string&) override {}
  void warn(const std::string&) override {}
  void event(std::string_view, const Json&) override {}
};

}  // namespace mlc
