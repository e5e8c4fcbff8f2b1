// Where the engine gets params from: the shards of a folder, or a generator.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/tensor_cache.h"
#include "runtime-min/engine/engine.h"

namespace mlc {

class ParamStore {
 public:
  virtual ~ParamStore() = default;
  virtual const Record* find(std::string_view name) const = 0;  // null if there is none
  // Bytes of the record as stored, from `offset` of it on; Error(kIo) or (kBadInput) names the
  // shard.
  virtual void read(const Record& record, std::uint64_t offset, std::span<std::byte> out) const = 0;
  virtual std::vector<std::string> names() const = 0;
};

// Reads FOLDER/tensor-cache.json (or ndarray-cache.json). Error(kBadInput) names a shard that is
// missing or shorter or longer than the records in it.
std::unique_ptr<ParamStore> open_folder(const std::string& folder);

// The params that the model would have if it were converted, with random values of harmless size:
// the same for the same seed.
std::unique_ptr<ParamStore> random_params(const LoadedModel& model);

}  // namespace mlc
