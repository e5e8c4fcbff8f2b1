#include <chrono>

#include "base/error.h"
#include "base/parallel.h"
#include "package/file_names.h"
#include "package/new_folder.h"
#include "package/oci/layout.h"
#include "package/package.h"

namespace mlc {
namespace {

struct PackedFile {
  std::string name;
  Descriptor blob;
};

std::string name_of(const Descriptor& layer, const std::string& where) {
  auto path = layer.annotations.find(std::string(kFilePath));
  auto title = layer.annotations.find(std::string(kTitle));
  bool has_path = path != layer.annotations.end();
  bool has_title = title != layer.annotations.end();
  if (has_path && has_title && path->second != title->second)
    bad_input("{}: its annotations {} and {} name different files, '{}' and '{}'", where, kFilePath,
              kTitle, printable(path->second), printable(title->second));
  if (!has_path && !has_title)
    bad_input("{}: has no annotation {}, which names its file", where, kFilePath);
  return has_path ? path->second : title->second;
}

std::vector<PackedFile> files_of(const Manifest& manifest, const std::string& where) {
  if (manifest.artifact_type != kModelArtifact && manifest.config.media_type != kModelConfig)
    fail(ExitCode::kUnsupported, "{}: is of type {}, no model", where,
         printable(manifest.artifact_type.empty() ? manifest.config.media_type
                                                  : manifest.artifact_type));
  std::vector<PackedFile> files;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < manifest.layers.size(); i++) {
    const Descriptor& layer = manifest.layers[i];
    std::string place = fmt::format("{}: layers[{}]", where, i);
    if (!layer.media_type.ends_with(".raw"))
      fail(ExitCode::kUnsupported,
           "{}: is of type {}; only raw layers, one for each file, are unpacked", place,
           printable(layer.media_type));
    files.push_back({name_of(layer, place), layer});
    names.push_back(files.back().name);
  }
  check_file_names(names, where);
  return files;
}

}  // namespace

UnpackSummary unpack(const UnpackOptions& options, Reporter& reporter) {
  auto begin = std::chrono::steady_clock::now();
  LayoutPlace place = parse_layout_place(options.package);
  Layout layout(place.path);
  Descriptor found = layout.find(place.tag);
  Manifest manifest = layout.manifest(found);
  std::vector<PackedFile> files = files_of(
      manifest, fmt::format("{}: manifest {}", printable(place.path, 1024), found.digest.text()));
  UnpackSummary summary{.manifest = found.digest, .files = files.size()};
  std::vector<std::string> names;
  for (const PackedFile& file : files) {
    summary.bytes += file.blob.size;
    names.push_back(file.name);
  }
  NewFolder folder(options.output, options.overwrite);
  folder.make_folders(names);
  reporter.begin("unpack", summary.bytes);
  unsigned threads = options.threads == 0 ? default_threads() : options.threads;
  parallel_for(threads, files.size(), [&](std::size_t i, unsigned) {
    NewFolder::File file = folder.create(files[i].name, files[i].blob.size);
    layout.stream(files[i].blob, [&](std::span<const std::byte> block) {
      file.write(block);
      reporter.advance(block.size());
    });
    file.finish();
  });
  reporter.end();
  folder.commit();
  summary.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return summary;
}

}  // namespace mlc
