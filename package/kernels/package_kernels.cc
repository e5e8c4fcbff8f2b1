#include "package/kernels/package_kernels.h"

#include <chrono>

#include "base/error.h"
#include "package/kernels/bundle.h"
#include "package/oci/tar.h"
#include "package/tag_check.h"
#include "package/version.h"

namespace mlc {
namespace {

PackageSummary pack_into(const std::string& folder, const PackageOptions& options,
                         Reporter& reporter) {
  LayoutWriter layout(folder, 600, [&](const std::string& text) { reporter.note(text); });
  const Descriptor manifest = add_kernel_bundle(layout, options.version);
  PackageSummary summary;
  summary.manifest = manifest.digest;
  summary.tag = options.tag.empty() ? default_tag("kernels", options.version) : options.tag;
  summary.was_there = check_tag(layout, summary.tag, manifest.digest, options.overwrite);
  summary.written_bytes = layout.written_bytes();
  const LayoutWriter::Entry entry{manifest, summary.tag};
  layout.commit({&entry, 1});
  return summary;
}

}  // namespace

PackageSummary package_kernels(const PackageOptions& options, Reporter& reporter) {
  const auto begin = std::chrono::steady_clock::now();
  if (!options.tag.empty() && !is_tag(options.tag))
    fail(ExitCode::kUsage, "'{}' is no tag", printable(options.tag));
  PackageSummary summary;
  if (is_tar_name(options.output)) {
    TarOutput output(options.output, options.overwrite);
    summary = pack_into(output.layout(), options, reporter);
    output.finish(reporter);
  } else {
    summary = pack_into(options.output, options, reporter);
  }
  const Layout layout(options.output);
  for (const Descriptor& layer : layout.manifest(layout.find(summary.tag)).layers) {
    summary.files++;
    summary.bytes += layer.size;
  }
  summary.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return summary;
}

}  // namespace mlc
