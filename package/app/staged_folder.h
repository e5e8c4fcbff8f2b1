// Folders and files of an app bundle, made beside their places and then put there by renames.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/output_folder.h"
#include "base/reporter.h"
#include "package/digest.h"
#include "package/model_files.h"

namespace mlc {

// OUT/.mlc-partial holds everything until commit(); what is replaced ends there and is removed with
// it. Each unit (a file, or a folder as a whole) is old or new at any time, never a mixture. The
// list of digests, OUT/mlc-bundle-digests.json, is taken away first and written last, so that it
// lies there exactly when all that it names is in place.
class StagedFolder {
 public:
  explicit StagedFolder(const std::string& out);

  // The folder that takes the place of OUT/`name`; with `keep`, files (not folders) that are there
  // now stay. It exists when this returns.
  std::string add_folder(const std::string& name, bool keep = true);
  // A file that takes the place of OUT/`name`, written by one of the following.
  void add_unit(const std::string& name) { units_.push_back(name); }
  // A file, of a unit or of a staged folder ("bundle/mlc-app-config.json").
  void write(const std::string& name, std::string_view bytes);
  // Every file of the folder `from`, in subfolders too, as `name`/... ; progress in bytes.
  void copy_files(const std::string& from, const std::string& name, Reporter& reporter,
                  Links links = Links::kRefuse);
  void copy_file(const std::string& from, const std::string& name);
  // Counts the files that something else has written into a staged folder.
  void count_files(const std::string& name);
  // A file that was kept, and is not wanted.
  void drop(const std::string& name);
  // Without commit(): OUT is as it was.
  void commit();

  struct Written {
    Digest digest;
    std::uint64_t size = 0;
  };
  const std::map<std::string, Written>& written() const { return written_; }

 private:
  std::string staged_path(const std::string& name) const;
  void make_parents(const std::string& path);
  void put(const std::string& name);

  std::string out_;
  OutputFolder folder_;
  std::vector<std::string> units_;  // in the order in which they are put into place
  std::map<std::string, Written> written_;
};

inline constexpr std::string_view kBundleDigests = "mlc-bundle-digests.json";

}  // namespace mlc
