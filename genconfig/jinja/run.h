// One rendering's limits and its place in the template. Everything that the engine does on behalf
// of a template goes through here, so that a hostile template ends with an error instead of the
// machine's memory, time or stack.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "base/error.h"

namespace mlc::jinja {

struct Limits {
  std::size_t max_template = std::size_t{1} << 19;  // bytes of source; real ones have up to 40 kB
  std::uint64_t max_steps = 2'000'000;              // nodes evaluated, items visited
  std::uint64_t max_memory = std::uint64_t{64} << 20;  // bytes of all values ever made
  std::size_t max_output = std::size_t{4} << 20;       // bytes of the rendered text
  // Frames of the evaluator, which nest as macros call each other; 1000 keep an 8 MiB stack half
  // empty even with AddressSanitizer.
  std::uint32_t max_depth = 1000;
  // Nesting of the source and of values: brackets within brackets, lists within lists.
  std::uint32_t max_nesting = 80;
};

// A template that exceeds a limit. Another failure is a plain Error, and may mean that only this
// input does not suit the template.
class LimitError : public Error {
 public:
  explicit LimitError(const std::string& message) : Error(ExitCode::kBadInput, message) {}
};

class Run {
 public:
  // `where` names the template in messages and has to outlive the run.
  Run(const std::string& where, const Limits& limits, std::int64_t now)
      : where_(where), limits_(limits), now_(now) {}

  // "WHERE: line 3: what is wrong". Arguments that come from the template have to be printable.
  template <class... A>
  [[noreturn]] void fail(fmt::format_string<A...> format, A&&... args) const {
    bad_input("{}: line {}: {}", where_, line, fmt::format(format, std::forward<A>(args)...));
  }
  [[noreturn]] void exceed(const std::string& what) const;

  void step(std::uint64_t count = 1) {
    steps_ += count;
    if (steps_ > limits_.max_steps) exceed_steps();
  }
  // Looking through n bytes of text costs a step for each 64.
  void look_through(std::size_t n) { step(1 + n / 64); }
  // Before n bytes are allocated.
  void allocate(std::uint64_t n) {
    if (n > limits_.max_memory || (memory_ += n) > limits_.max_memory) exceed_memory();
  }
  const Limits& limits() const { return limits_; }
  std::int64_t now() const { return now_; }  // seconds since 1970, UTC, for strftime_now

  // Counts a level of recursion while it lives.
  class Level {
   public:
    explicit Level(Run& run) : run_(run) {
      if (++run_.depth_ > run_.limits_.max_depth) run_.exceed_depth();
    }
    ~Level() { --run_.depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    Run& run_;
  };

  std::size_t line = 1;  // of the template, kept by the evaluator

 private:
  [[noreturn]] void exceed_steps() const;
  [[noreturn]] void exceed_memory() const;
  [[noreturn]] void exceed_depth();

  const std::string& where_;
  const Limits& limits_;
  std::int64_t now_;
  std::uint64_t steps_ = 0;
  std::uint64_t memory_ = 0;
  std::uint32_t depth_ = 0;
};

}  // namespace mlc::jinja
