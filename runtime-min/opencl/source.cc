#include "runtime-min/opencl/source.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"

namespace mlc {
namespace {

using Text = std::pair<std::string_view, std::string_view>;
constexpr auto kTexts = std::to_array<Text>({
#include "opencl_sources.inc"
});

std::string_view text_of(std::string_view file) {
  const auto* found =
      std::find_if(kTexts.begin(), kTexts.end(), [&](const Text& t) { return t.first == file; });
  if (found == kTexts.end()) fail(ExitCode::kBug, "opencl: no source {}", file);
  return found->second;
}

void append(std::string& out, std::string_view text) {
  constexpr std::string_view kInclude = "#include \"";
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    const std::string_view line = text.substr(0, end);
    if (line.rfind(kInclude, 0) == 0) {
      const std::string_view rest = line.substr(kInclude.size());
      append(out, text_of(rest.substr(0, rest.find('"'))));
    } else {
      out += line;
    }
    text.remove_prefix(end);
  }
}

}  // namespace

std::string opencl_source(std::string_view name) {
  std::string source;
  append(source, text_of("prelude.clh"));
  append(source, text_of(fmt::format("{}.cl", name)));
  return source;
}

std::string opencl_options(const OpenClVariant& variant, const Words& words) {
  std::string options = fmt::format(" -D LOCAL={} -D VEC={} -D ROWS={} -D COLS={}", variant.local,
                                    variant.vec, variant.rows, variant.cols);
  if (variant.kernel == Kernel::kMoeMatmul) options += " -D EXPERTS";
  for (std::size_t i = 0; i < variant.constants; i++)
    options += fmt::format(" -D W{}={}u", i, words[i]);
  return options;
}

}  // namespace mlc
