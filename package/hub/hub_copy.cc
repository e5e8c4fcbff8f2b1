#include "package/hub/hub_copy.h"

#include <algorithm>
#include <vector>

#include "base/file.h"
#include "base/parallel.h"
#include "package/new_folder.h"

namespace mlc {
namespace {

constexpr std::size_t kBlock = std::size_t{1} << 20;

void copy_file(const std::string& from, NewFolder::File to, Reporter& reporter) {
  InputFile in(from);
  std::vector<std::byte> block(
      static_cast<std::size_t>(std::clamp<std::uint64_t>(in.size(), 1, kBlock)));
  for (std::uint64_t at = 0; at < in.size();) {
    throw_if_cancelled();
    auto part = std::span(block).first(
        static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), in.size() - at)));
    in.read(at, part);
    to.write(part);
    at += part.size();
    reporter.advance(part.size());
  }
  to.finish();
}

}  // namespace

void copy_snapshot(const HubSnapshot& snapshot, const std::string& output, Reporter& reporter) {
  NewFolder folder(output, false);
  folder.make_folders(snapshot.files);
  reporter.begin("copy", snapshot.bytes);
  for (const std::string& name : snapshot.files) {
    const std::string from = snapshot.folder + "/" + name;
    copy_file(from, folder.create(name, file_size(from)), reporter);
  }
  folder.commit();
  reporter.end();
}

}  // namespace mlc
