#include "genconfig/jinja/run.h"

namespace mlc::jinja {

void Run::exceed(const std::string& what) const {
  throw LimitError(fmt::format("{}: line {}: {}", where_, line, what));
}

void Run::exceed_steps() const {
  exceed(fmt::format("the template does not end within {} steps", limits_.max_steps));
}

void Run::exceed_memory() const {
  exceed(fmt::format("the template makes more than {} bytes of values", limits_.max_memory));
}

void Run::exceed_depth() {
  --depth_;  // no Level was constructed
  exceed(fmt::format("the template nests calls deeper than {} levels", limits_.max_depth));
}

}  // namespace mlc::jinja
