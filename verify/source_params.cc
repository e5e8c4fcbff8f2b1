#include "verify/source_params.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <unordered_map>

#include "base/half.h"
#include "convert/source_rows.h"

namespace mlc {
namespace {

// Nothing is done to the elements, and all of them are of one dtype of 16 bits.
DType exact_dtype(const Checkpoint& checkpoint, const PlanStep& step) {
  DType dtype = checkpoint.tensors[step.sources.at(0)].dtype;
  bool same = std::all_of(step.sources.begin(), step.sources.end(), [&](std::size_t source) {
    return checkpoint.tensors[source].dtype == dtype;
  });
  bool halves = dtype == DType::kF16 || dtype == DType::kBF16;
  bool plain = step.transform.elementwise == Elementwise::kNone;
  return same && halves && plain ? dtype : DType::kF32;
}

class SourceParams : public ParamStore {
 public:
  explicit SourceParams(Prepared prepared) : prepared_(std::move(prepared)) {
    for (std::size_t s = 0; s < prepared_.plan.steps.size(); s++) {
      const PlanStep& step = prepared_.plan.steps[s];
      DType dtype = exact_dtype(prepared_.checkpoint, step);
      auto elements = static_cast<std::uint64_t>(step.transform.rows * step.transform.cols);
      params_.emplace(step.records[0].name, Param{{.name = step.records[0].name,
                                                   .shape = step.records[0].shape,
                                                   .dtype = dtype,
                                                   .format = RecordFormat::kRaw,
                                                   .nbytes = elements * size_of(dtype)},
                                                  s});
      names_.push_back(step.records[0].name);
    }
  }

  const Record* find(std::string_view name) const override {
    auto found = params_.find(std::string(name));
    return found == params_.end() ? nullptr : &found->second.record;
  }

  // Whole rows are read, so a piece of a row costs as much as the row.
  void read(const Record& record, std::uint64_t offset, std::span<std::byte> out) const override {
    if (out.empty()) return;
    const PlanStep& step = prepared_.plan.steps[params_.at(record.name).step];
    std::size_t size = size_of(record.dtype);
    auto cols = static_cast<std::uint64_t>(step.transform.cols);
    std::uint64_t row_bytes = cols * size;
    std::uint64_t first = offset / row_bytes;
    std::uint64_t last = (offset + out.size() + row_bytes - 1) / row_bytes;
    std::vector<float> values((last - first) * cols);
    rows_.read(step, static_cast<std::int64_t>(first), static_cast<std::int64_t>(last - first),
               values);
    const float* from = values.data() + (offset - first * row_bytes) / size;
    if (record.dtype == DType::kF32) {
      std::memcpy(out.data(), from, out.size());
      return;
    }
    for (std::size_t i = 0; i < out.size() / size; i++) {
      std::uint16_t half = record.dtype == DType::kF16 ? f32_to_f16(from[i]) : f32_to_bf16(from[i]);
      std::memcpy(out.data() + i * size, &half, size);
    }
  }

  std::vector<std::string> names() const override { return names_; }

 private:
  struct Param {
    Record record;
    std::size_t step;
  };
  Prepared prepared_;
  mutable SourceRows rows_{prepared_.checkpoint};  // buffers; a store is one thread's
  std::unordered_map<std::string, Param> params_;
  std::vector<std::string> names_;
};

// Where config.json lies.
std::string config_folder(const std::string& source) {
  std::filesystem::path path(source);
  if (std::filesystem::is_directory(path)) return source;
  return (path.has_parent_path() ? path.parent_path() : std::filesystem::path(".")).string();
}

}  // namespace

std::unique_ptr<ParamStore> source_params(Prepared prepared) {
  return std::make_unique<SourceParams>(std::move(prepared));
}

SourceModel open_source_model(const std::string& source, const std::string& source_format,
                              const std::string& model_type, Reporter& reporter) {
  ConvertOptions options;
  options.config = config_folder(source);
  options.source = source;
  options.source_format = source_format;
  options.model_type = model_type;
  options.quantization = "q0f32";
  options.allow_unused = true;
  SourceModel result;
  result.model.config = load_model_config(options.config, model_type);
  result.model.quantization = find_quantization("q0f32");
  result.model.folder = source;
  result.params = source_params(prepare_conversion(options, reporter));
  return result;
}

}  // namespace mlc
