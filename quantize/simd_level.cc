// Which SIMD levels this build and this CPU have, and the switch that limits them.
//
// The switch is Highway's own mask, so it acts on every kernel of the process that Highway
// dispatches.
#include <algorithm>
#include <array>
#include <vector>

#include <hwy/highway.h>
#include <hwy/targets.h>

#include "base/error.h"
#include "quantize/group_quant.h"

namespace mlc {
namespace {

struct Level {
  std::int64_t target;
  std::string_view name;
};

// Highway numbers better targets lower. EMU128 is its portable form, which is what an x86-64
// baseline build has when nothing better is there.
std::vector<Level> usable_levels() {
  hwy::SetSupportedTargetsForTest(0);  // detection, not an earlier limit
  std::int64_t usable = hwy::SupportedTargets() & HWY_TARGETS;
  std::vector<Level> levels;
  for (int bit = 0; bit < 63; bit++) {
    std::int64_t target = std::int64_t{1} << bit;
    if ((usable & target) != 0) levels.push_back({target, hwy::TargetName(target)});
  }
  return levels;
}

const std::vector<Level>& levels() {
  static const std::vector<Level> kAll = usable_levels();
  return kAll;
}

}  // namespace

std::span<const std::string_view> simd_levels() {
  static const std::vector<std::string_view> kNames = [] {
    std::vector<std::string_view> result;
    for (const Level& level : levels())
      result.push_back(level.name);
    return result;
  }();
  return kNames;
}

void limit_simd_level(std::string_view name) {
  const std::vector<Level>& all = levels();
  auto first = all.begin();
  if (!name.empty()) {
    first = std::find_if(all.begin(), all.end(), [&](const Level& l) { return l.name == name; });
    if (first == all.end()) {
      std::string known;
      for (const Level& level : all)
        known += known.empty() ? std::string(level.name) : ", " + std::string(level.name);
      fail(ExitCode::kUsage, "SIMD level '{}' is not available here, expected one of: {}",
           printable(name), known);
    }
  }
  std::int64_t mask = 0;
  for (auto level = first; level != all.end(); ++level)
    mask |= level->target;
  hwy::SetSupportedTargetsForTest(mask);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

}  // namespace mlc
