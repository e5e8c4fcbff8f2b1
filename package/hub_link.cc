#include "package/hub_link.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>

#include <unistd.h>

#include "base/relative_path.h"

namespace mlc {

namespace fs = std::filesystem;

std::string cache_of_snapshot(const std::string& folder) {
  std::error_code error;
  fs::path real = fs::canonical(folder, error);
  if (error || real.parent_path().filename() != "snapshots") return {};
  return real.parent_path().parent_path().string();
}

std::string blob_of_link(int root, const std::string& name) {
  std::array<char, 512> buffer{};
  ssize_t n = ::readlinkat(root, name.c_str(), buffer.data(), buffer.size());
  if (n <= 0 || static_cast<std::size_t>(n) == buffer.size()) return {};
  std::string_view target(buffer.data(), static_cast<std::size_t>(n));
  for (auto depth = 2 + std::count(name.begin(), name.end(), '/'); depth > 0; depth--) {
    if (!target.starts_with("../")) return {};
    target.remove_prefix(3);
  }
  constexpr std::string_view kBlobs = "blobs/";
  if (!target.starts_with(kBlobs)) return {};
  target.remove_prefix(kBlobs.size());
  if (target.find('/') != std::string_view::npos || !relative_path_problem(target).empty())
    return {};
  return std::string(target);
}

}  // namespace mlc
