#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "convert/kept_params.h"
#include "convert/plan.h"
#include "convert/quant_rules.h"
#include "models/models.h"
#include "verify/param_values.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;
using Dims = std::vector<std::int64_t>;

constexpr std::string_view kQweight = "qweight";
constexpr std::string_view kScale = "_scale_inv";

std::string index_of(const std::string& folder) {
  for (std::string_view name : {"tensor-cache.json", "ndarray-cache.json"}) {
    std::string path = fmt::format("{}/{}", folder, name);
    if (fs::exists(path)) return path;
  }
  bad_input("{}: no tensor-cache.json; expected a folder that convert_weight wrote",
            printable(folder));
}

// The layer's number, and the name with * in its place.
void find_layer(FolderParam& param) {
  param.kind = param.name;
  for (std::size_t begin = 0; begin < param.name.size();) {
    std::size_t end = std::min(param.name.find('.', begin), param.name.size());
    std::string part = param.name.substr(begin, end - begin);
    bool number =
        !part.empty() && part.size() < 10 &&
        std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (number) {
      param.layer = std::stoll(part);
      param.kind = param.name.substr(0, begin) + "*" + param.name.substr(end);
      return;
    }
    begin = end + 1;
  }
}

ParamForm form_of(Packer packer) {
  switch (packer) {
    case Packer::kCast:
      break;
    case Packer::kGroup:
      return ParamForm::kGroup;
    case Packer::kFt:
      return ParamForm::kFt;
    case Packer::kFp8:
      return ParamForm::kFp8;
  }
  return ParamForm::kPlain;
}

// Rows that the config leaves open are those of the folder: where the first record has them.
std::int64_t rows_of_record(const ParamSpec& spec, const Quantization& q, const Dims& shape) {
  if (shape.empty()) return spec.shape.at(0);
  bool last = packer_of(spec, q) == Packer::kFt ||
              (packer_of(spec, q) == Packer::kGroup && is_packed_kn(spec, q));
  return packer_of(spec, q) == Packer::kFt ? shape.back() * 2 : last ? shape.back() : shape[0];
}

std::string record_text(const Dims& shape, DType dtype) {
  return fmt::format("{} {}", name_of(dtype), shape_text(shape));
}

}  // namespace

ParamFolder::ParamFolder(const std::string& folder, const std::string& config) {
  stored_.folder = folder;
  open_shards(read_tensor_cache(index_of(folder)));
  read_config(config);
  join();
}

void ParamFolder::open_shards(const TensorCache& cache) {
  for (const Shard& shard : cache.shards) {
    std::string path = stored_.folder + "/" + shard.data_path;
    if (!fs::exists(path)) bad_input("{}: the shard is missing", printable(path));
    auto file = std::make_shared<InputFile>(path);
    if (file->size() != shard.nbytes)
      bad_input("{}: the shard has {} bytes, {} in the index", printable(path), file->size(),
                shard.nbytes);
    for (const Record& record : shard.records) {
      bool halved = record.dtype == DType::kF32 && record.format == RecordFormat::kF32ToBF16;
      stored_.tensors.push_back({.name = record.name,
                                 .dtype = halved ? DType::kBF16 : record.dtype,
                                 .shape = record.shape,
                                 .file = stored_.files.size(),
                                 .offset = record.byte_offset,
                                 .nbytes = record.nbytes});
      logical_.push_back(record.dtype);
    }
    stored_.files.push_back({shard.data_path, std::move(file), 0});
  }
  stored_.build_lookup();
  taken_.resize(stored_.tensors.size());
}

void ParamFolder::read_config(const std::string& config) {
  std::string path = stored_.folder + "/mlc-chat-config.json";
  if (!fs::exists(path)) bad_input("{}: no such file; gen_config writes it", printable(path));
  Json chat = read_json_file(path);
  auto member = [&](const char* name) -> const Json& {
    const Json* value = chat.find(name);
    if (value == nullptr) bad_input("{}: {} is missing", printable(path), name);
    return *value;
  };
  const std::string& name = member("quantization").as_string(path + ": quantization");
  quantization_ = find_quantization(name);
  if (quantization_ == nullptr)
    bad_input("{}: the quantization {} is unknown", printable(path), printable(name, 60));
  Json fields = member("model_config");
  fields.members(path + ": model_config");
  std::string own = config.empty() ? stored_.folder : config;
  if (fs::is_directory(own)) own += "/config.json";
  if (fs::exists(own)) {
    Json beyond = read_json_file(own);
    for (const Json::Member& field : beyond.members(own))
      if (fields.find(field.first) == nullptr) fields.set(field.first, field.second);
  }
  config_ = read_model_config(std::move(fields), path,
                              member("model_type").as_string(path + ": model_type"));
}

bool ParamFolder::take(FolderParam& param, std::string_view name, const Dims& shape, DType dtype) {
  const SourceTensor* found = stored_.find(name);
  if (found == nullptr) {
    troubles_.push_back({std::string(name), "no such record", record_text(shape, dtype)});
    return false;
  }
  auto at = static_cast<std::size_t>(found - stored_.tensors.data());
  taken_[at] = true;
  if (found->shape != shape || logical_[at] != dtype) {
    troubles_.push_back(
        {std::string(name), record_text(found->shape, logical_[at]), record_text(shape, dtype)});
    return false;
  }
  param.records.push_back(at);
  return true;
}

void ParamFolder::add(FolderParam param) {
  param.rows = row_count(param.shape);
  param.cols = col_count(param.shape);
  find_layer(param);
  params_.push_back(std::move(param));
}

void ParamFolder::join_one(const ParamSpec& spec) {
  const Quantization& q = *quantization_;
  FolderParam param{.name = spec.name, .shape = spec.shape};
  param.form = form_of(packer_of(spec, q));
  param.turned = param.form == ParamForm::kGroup && is_packed_kn(spec, q);
  if (spec.symbolic_rows && !param.shape.empty()) {
    const SourceTensor* first = stored_.find(records_of(spec, spec.shape, q)[0].name);
    if (first != nullptr) param.shape[0] = rows_of_record(spec, q, first->shape);
  }
  bool complete = true;
  for (const PlanRecord& record : records_of(spec, param.shape, q))
    complete = take(param, record.name, record.shape, record.dtype) && complete;
  if (complete) add(std::move(param));
}

// Codes of the checkpoint and what belongs to them are one param; the number of specs that it is
// made of, 0 for another kind.
std::size_t ParamFolder::join_kept(const std::vector<ParamSpec>& specs, std::size_t first) {
  const ParamSpec& spec = specs[first];
  FolderParam param{.name = spec.name, .shape = spec.shape};
  std::size_t count = 0;
  if (quantization_->kind == QuantKind::kAwq && spec.name.ends_with(kQweight)) {
    count = 3;
    param.form = ParamForm::kAwq;
    param.name = spec.name.substr(0, spec.name.size() - kQweight.size()) + "weight";
    param.shape = {spec.shape[1] * 8, spec.shape[0]};
  } else if (first + 1 < specs.size() && specs[first + 1].name == spec.name + std::string(kScale)) {
    count = 2;
    param.form = ParamForm::kBlockScale;
    BlockSize block = block_size(config_, *quantization_);
    param.block_rows = block.rows;
    param.block_cols = block.cols;
  }
  bool complete = true;
  for (std::size_t i = first; i < first + count; i++) {
    DType dtype = plain_dtype(specs[i], *quantization_);
    complete = take(param, specs[i].name, specs[i].shape, dtype) && complete;
  }
  if (count > 0 && complete) add(std::move(param));
  return count;
}

void ParamFolder::join() {
  std::vector<ParamSpec> specs = scheme_params(config_, *quantization_);
  for (std::size_t i = 0; i < specs.size();) {
    std::size_t kept = keeps_packed(*quantization_) ? join_kept(specs, i) : 0;
    if (kept == 0) join_one(specs[i]);
    i += std::max<std::size_t>(1, kept);
  }
  std::stable_sort(params_.begin(), params_.end(), [](const FolderParam& a, const FolderParam& b) {
    return a.records[0] < b.records[0];
  });
  for (std::size_t t = 0; t < taken_.size(); t++) {
    if (taken_[t]) continue;
    strays_.push_back(stored_.tensors[t].name);
    add({.name = stored_.tensors[t].name, .shape = stored_.tensors[t].shape, .records = {t}});
  }
  for (std::size_t p = 0; p < params_.size(); p++)
    by_name_.emplace(params_[p].name, p);
}

const FolderParam* ParamFolder::find(std::string_view name) const {
  auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &params_[found->second];
}

}  // namespace mlc
