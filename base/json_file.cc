#include "base/file.h"
#include "base/json.h"

namespace mlc {

Json read_json_file(const std::string& path, const JsonLimits& limits) {
  return parse_json(read_file(path, limits.max_bytes), path, limits);
}

}  // namespace mlc
