#include "runtime-min/opencl/source.h"

#include <algorithm>

#include "base/error.h"

namespace mlc {
namespace {

// Files within files, at most.
constexpr int kMostNested = 8;

void append(std::string& out, const KernelModules* modules, std::string_view file, int nested) {
  if (nested > kMostNested)
    fail(ExitCode::kUnsupported, "opencl: {} is included from within itself", printable(file));
  std::string_view text = opencl_text(modules, file);
  constexpr std::string_view kInclude = "#include \"";
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    const std::string_view line = text.substr(0, end);
    if (line.rfind(kInclude, 0) == 0) {
      const std::string_view rest = line.substr(kInclude.size());
      append(out, modules, rest.substr(0, rest.find('"')), nested + 1);
    } else {
      out += line;
    }
    text.remove_prefix(end);
  }
}

}  // namespace

std::string opencl_source(std::string_view name, const KernelModules* modules) {
  std::string source;
  append(source, modules, "prelude.clh", 0);
  append(source, modules, fmt::format("{}.cl", name), 0);
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
