#include <filesystem>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "runtime-min/engine/param_store.h"

namespace mlc {
namespace {

class FolderParams : public ParamStore {
 public:
  explicit FolderParams(const std::string& folder) {
    std::string index = folder + "/tensor-cache.json";
    if (!std::filesystem::exists(index)) index = folder + "/ndarray-cache.json";
    if (!std::filesystem::exists(index))
      bad_input("{}: no tensor-cache.json; expected a folder that convert_weight wrote",
                printable(folder));
    cache_ = read_tensor_cache(index);
    for (const Shard& shard : cache_.shards) {
      std::string path = folder + "/" + shard.data_path;
      if (!std::filesystem::exists(path))
        bad_input("{}: the shard is missing, which {} names", printable(path), printable(index));
      files_.emplace_back(path);
      if (files_.back().size() != shard.nbytes)
        bad_input("{}: the shard has {} bytes, {} in {}; it is damaged", printable(path),
                  files_.back().size(), shard.nbytes, printable(index));
      for (const Record& record : shard.records)
        records_.emplace(record.name, Place{&record, files_.size() - 1});
    }
  }

  const Record* find(std::string_view name) const override {
    auto found = records_.find(std::string(name));
    return found == records_.end() ? nullptr : found->second.record;
  }

  void read(const Record& record, std::uint64_t offset, std::span<std::byte> out) const override {
    const Place& place = records_.at(record.name);
    files_[place.file].read(record.byte_offset + offset, out);
  }

  std::vector<std::string> names() const override {
    std::vector<std::string> names;
    for (const Shard& shard : cache_.shards)
      for (const Record& record : shard.records)
        names.push_back(record.name);
    return names;
  }

 private:
  struct Place {
    const Record* record;
    std::size_t file;
  };
  TensorCache cache_;
  std::vector<InputFile> files_;
  std::unordered_map<std::string, Place> records_;
};

}  // namespace

std::unique_ptr<ParamStore> open_folder(const std::string& folder) {
  return std::make_unique<FolderParams>(folder);
}

}  // namespace mlc
