#include "base/tensor_cache.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/relative_path.h"

namespace mlc {
namespace {

constexpr std::string_view kShardFormat = "raw-shard";
constexpr std::string_view kF32ToBF16 = "f32-to-bf16";
constexpr std::string_view kRaw = "raw";

// The file's own nesting is 6; the rest is what any MLC model needs many times over.
constexpr JsonLimits kLimits = {
    .max_bytes = std::size_t{64} << 20, .max_depth = 8, .max_string = std::size_t{64} << 10};
constexpr std::size_t kMostDimensions = 8;

Json record_json(const Record& record, bool b16) {
  bool widened = b16 && record.dtype == DType::kF32;
  Json shape = Json::array();
  for (std::int64_t extent : record.shape)
    shape.push(extent);
  Json json = Json::object();
  json.set("name", record.name).set("shape", std::move(shape));
  json.set("dtype", name_of(widened ? DType::kBF16 : record.dtype));
  json.set("format", widened || record.format == RecordFormat::kRaw ? kRaw : kF32ToBF16);
  json.set("nbytes", record.nbytes).set("byteOffset", record.byte_offset);
  return json;
}

std::string write(const TensorCache& cache, bool b16) {
  Json shards = Json::array();
  for (const Shard& shard : cache.shards) {
    Json records = Json::array();
    for (const Record& record : shard.records)
      records.push(record_json(record, b16));
    Json json = Json::object();
    json.set("dataPath", shard.data_path).set("format", kShardFormat).set("nbytes", shard.nbytes);
    json.set("records", std::move(records));
    if (!shard.md5sum.empty()) json.set("md5sum", shard.md5sum);
    shards.push(std::move(json));
  }
  Json metadata = Json::object();
  metadata.set("ParamSize", cache.param_size).set("ParamBytes", cache.param_bytes);
  metadata.set("BitsPerParam", cache.bits_per_param);
  Json root = Json::object();
  root.set("metadata", std::move(metadata)).set("records", std::move(shards));
  return dump_json(root, 4);
}

// A JSON object and how messages name it: "PATH: records[2]".
struct Node {
  const Json& json;
  std::string where;

  std::string name(std::string_view key) const { return fmt::format("{}.{}", where, key); }
  const Json& at(std::string_view key) const {
    json.members(where);  // an object, or refused
    const Json* value = json.find(key);
    if (value == nullptr)
      bad_input("{}: '{}' is missing from the object at byte {}", where, key, json.offset());
    return *value;
  }
  std::uint64_t size(std::string_view key) const { return at(key).as_size(name(key)); }
  const std::string& string(std::string_view key) const { return at(key).as_string(name(key)); }
};

// The bytes that a record's shape, dtype and format ask for.
std::uint64_t expected_bytes(const Record& record, const std::string& where) {
  bool narrowed = record.dtype == DType::kF32 && record.format == RecordFormat::kF32ToBF16;
  std::uint64_t bytes = narrowed ? 2 : size_of(record.dtype);
  // A zero extent must not hide an overflow of the others, so it counts as one until the end.
  bool empty = false;
  for (std::int64_t extent : record.shape) {
    empty = empty || extent == 0;
    auto factor = static_cast<std::uint64_t>(std::max<std::int64_t>(extent, 1));
    if (__builtin_mul_overflow(bytes, factor, &bytes))
      bad_input("{}: shape of '{}' has more than 2^64 bytes", where, printable(record.name));
  }
  return empty ? 0 : bytes;
}

std::vector<std::int64_t> read_shape(const Node& node) {
  const std::vector<Json>& items = node.at("shape").items(node.name("shape"));
  if (items.size() > kMostDimensions)
    bad_input("{} has {} dimensions, expected at most {}", node.name("shape"), items.size(),
              kMostDimensions);
  std::vector<std::int64_t> shape;
  for (const Json& item : items) {
    shape.push_back(item.as_int(node.name("shape")));
    if (shape.back() < 0)
      bad_input("{}: byte {} has {}, expected 0 or more", node.name("shape"), item.offset(),
                shape.back());
  }
  return shape;
}

Record read_record(const Node& node) {
  Record record;
  record.name = node.string("name");
  if (record.name.empty()) bad_input("{} is empty", node.name("name"));
  record.shape = read_shape(node);
  const std::string& dtype = node.string("dtype");
  auto known = dtype_from_name(dtype);
  if (!known)
    bad_input("{}: '{}' has the unknown dtype '{}'", node.where, printable(record.name),
              printable(dtype));
  record.dtype = *known;
  const std::string& format = node.string("format");
  if (format != kRaw && format != kF32ToBF16)
    bad_input("{} is '{}', expected '{}' or '{}'", node.name("format"), printable(format),
              kF32ToBF16, kRaw);
  record.format = format == kRaw ? RecordFormat::kRaw : RecordFormat::kF32ToBF16;
  record.nbytes = node.size("nbytes");
  record.byte_offset = node.size("byteOffset");
  std::uint64_t expected = expected_bytes(record, node.where);
  if (record.nbytes != expected)
    bad_input("{}: '{}' has nbytes {}, but its shape and dtype {} make {}", node.where,
              printable(record.name), record.nbytes, dtype, expected);
  return record;
}

// The records of a shard lie end to end from its first byte to its last.
void check_tiling(const Shard& shard, const std::string& where) {
  std::vector<const Record*> by_offset;
  for (const Record& record : shard.records) {
    std::uint64_t end = 0;
    if (__builtin_add_overflow(record.byte_offset, record.nbytes, &end) || end > shard.nbytes)
      bad_input("{}: '{}' at byteOffset {} with nbytes {} ends beyond the shard's nbytes {}", where,
                printable(record.name), record.byte_offset, record.nbytes, shard.nbytes);
    by_offset.push_back(&record);
  }
  std::sort(by_offset.begin(), by_offset.end(), [](const Record* a, const Record* b) {
    return std::pair(a->byte_offset, a->nbytes) < std::pair(b->byte_offset, b->nbytes);
  });
  std::uint64_t end = 0;
  for (const Record* record : by_offset) {
    if (record->byte_offset != end)
      bad_input("{}: '{}' begins at {}, but the one before ends at {}: {}", where,
                printable(record->name), record->byte_offset, end,
                record->byte_offset < end ? "they overlap" : "a hole lies between");
    end += record->nbytes;
  }
  if (end != shard.nbytes)
    bad_input("{}: the records end at {}, but the shard has nbytes {}", where, end, shard.nbytes);
}

bool is_md5(std::string_view text) {
  return text.size() == 32 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

void check_data_path(const std::string& path, const std::string& where) {
  std::string_view problem = relative_path_problem(path);
  // Two spellings of one accented letter are one file on some systems and two on others.
  bool ascii = std::all_of(path.begin(), path.end(),
                           [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  if (problem.empty() && !ascii) problem = "it is not plain ASCII";
  if (!problem.empty())
    bad_input("{}.dataPath '{}' is no path below the model's folder: {}", where, printable(path),
              problem);
}

Shard read_shard(const Node& node) {
  Shard shard;
  shard.data_path = node.string("dataPath");
  check_data_path(shard.data_path, node.where);
  if (const std::string& format = node.string("format"); format != kShardFormat)
    bad_input("{} is '{}', expected '{}'", node.name("format"), printable(format), kShardFormat);
  shard.nbytes = node.size("nbytes");
  const std::vector<Json>& records = node.at("records").items(node.name("records"));
  for (std::size_t i = 0; i < records.size(); i++)
    shard.records.push_back(
        read_record({records[i], fmt::format("{}.records[{}]", node.where, i)}));
  check_tiling(shard, node.where);
  if (node.json.find("md5sum") != nullptr) {
    shard.md5sum = node.string("md5sum");
    if (!is_md5(shard.md5sum))
      bad_input("{} is '{}', expected 32 lower-case hex digits", node.name("md5sum"),
                printable(shard.md5sum));
  }
  return shard;
}

void check_unique(const TensorCache& cache, const std::string& where) {
  std::set<std::string> paths;
  std::set<std::string_view> names;
  for (const Shard& shard : cache.shards) {
    std::string folded = shard.data_path;
    for (char& c : folded)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
    if (!paths.insert(folded).second)
      bad_input("{}: two shards have the dataPath '{}'", where, printable(shard.data_path));
    for (const Record& record : shard.records)
      if (!names.insert(record.name).second)
        bad_input("{}: two records have the name '{}'", where, printable(record.name));
  }
}

}  // namespace

std::string write_tensor_cache(const TensorCache& cache) { return write(cache, false); }
std::string write_tensor_cache_b16(const TensorCache& cache) { return write(cache, true); }

TensorCache parse_tensor_cache(std::string_view text, const std::string& where) {
  const Json json = parse_json(text, where, kLimits);
  const std::string shown = printable(where, 1024);
  const Node root{json, shown + ": the root value"};
  TensorCache cache;
  const std::vector<Json>& shards = root.at("records").items(shown + ": records");
  if (const Json* found = json.find("metadata")) {
    const Node metadata{*found, shown + ": metadata"};
    found->members(metadata.where);
    if (found->find("ParamSize")) cache.param_size = metadata.size("ParamSize");
    if (const Json* v = found->find("ParamBytes"))
      cache.param_bytes = v->as_double(metadata.name("ParamBytes"));
    if (const Json* v = found->find("BitsPerParam"))
      cache.bits_per_param = v->as_double(metadata.name("BitsPerParam"));
  }
  for (std::size_t i = 0; i < shards.size(); i++)
    cache.shards.push_back(read_shard({shards[i], fmt::format("{}: records[{}]", shown, i)}));
  check_unique(cache, shown);
  return cache;
}

TensorCache read_tensor_cache(const std::string& path) {
  return parse_tensor_cache(read_file(path, kLimits.max_bytes), path);
}

}  // namespace mlc
