#include "runtime-min/engine/weights.h"

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "models/models.h"
#include "quantize/group_quant.h"

namespace mlc {
namespace {

std::string shape_text(const std::vector<std::int64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

// Bytes of an element as it is stored.
std::uint64_t stored_size(const Record& record) {
  bool halved = record.dtype == DType::kF32 && record.format == RecordFormat::kF32ToBF16;
  return halved ? 2 : size_of(record.dtype);
}

// Kernels count rows and columns in 32 bits.
constexpr std::int64_t kMaxSide = std::numeric_limits<std::int32_t>::max();

}  // namespace

void Matrix::set_shape(const std::vector<std::int64_t>& shape) {
  k = static_cast<std::uint32_t>(shape.back());
  n = static_cast<std::uint32_t>(shape[shape.size() - 2]);
  experts = shape.size() == 3 ? static_cast<std::uint32_t>(shape[0]) : 0;
}

Weights::Weights(const ParamStore& store, const LoadedModel& model, const DeviceInfo& device)
    : store_(store),
      quantization_(*model.quantization),
      device_(device),
      where_(model.folder.empty() ? model.config.path : model.folder) {
  std::vector<std::string> missing;
  for (ParamSpec& spec : expand_params(model.config, name_of(quantization_.kind))) {
    std::uint64_t elements = 1;
    for (std::int64_t side : spec.shape) {
      if (side > kMaxSide)
        bad_input("{}: the param {} would be {}", printable(where_), spec.name,
                  shape_text(spec.shape));
      elements *= static_cast<std::uint64_t>(side);
    }
    params_ += elements;
    std::string module = spec.name.substr(0, spec.name.rfind('.'));
    if (store.find(spec.name) == nullptr && store.find(module + ".q_weight") == nullptr)
      missing.push_back(spec.name);
    std::string name = spec.name;
    specs_.emplace(std::move(name), std::move(spec));
  }
  if (!missing.empty())
    bad_input("{}: {} of the params of {} {} missing: {}", printable(where_), missing.size(),
              model.config.model_type(), missing.size() == 1 ? "is" : "are",
              printable_list(missing));
}

bool Weights::has(const std::string& name) const {
  return specs_.contains(name) || store_.find(name) != nullptr;
}

const Record& Weights::require(const std::string& name, const std::vector<std::int64_t>* shape,
                               bool symbolic_rows) {
  const Record* record = store_.find(name);
  if (record == nullptr) bad_input("{}: the param {} is missing", printable(where_), name);
  if (shape != nullptr) {
    std::vector<std::int64_t> found = record->shape;
    std::vector<std::int64_t> expected = *shape;
    if (symbolic_rows && !found.empty() && !expected.empty()) expected[0] = found[0];
    if (found != expected)
      bad_input("{}: the param {} has the shape {}, expected {}", printable(where_), name,
                shape_text(found), shape_text(expected));
  }
  for (std::int64_t side : record->shape)
    if (side < 1 || side > kMaxSide)
      bad_input("{}: the param {} has the shape {}", printable(where_), name,
                shape_text(record->shape));
  take(*record);
  return *record;
}

const Matrix& Weights::matrix(const std::string& module) { return plan_matrix(module, 2); }

const Matrix& Weights::experts(const std::string& module) { return plan_matrix(module, 3); }

const Matrix& Weights::plan_matrix(const std::string& module, std::size_t rank) {
  auto known = matrix_of_.find(module);
  if (known != matrix_of_.end()) return *known->second;
  Matrix matrix{.module = module};
  auto found = specs_.find(module + ".weight");
  const ParamSpec* spec = found == specs_.end() ? nullptr : &found->second;
  if (store_.find(module + ".q_weight") != nullptr) {
    if (spec == nullptr || spec->shape.size() != rank)
      bad_input("{}: {}.q_weight is no param of this model", printable(where_), module);
    plan_groups(matrix, *spec);
  } else {
    const Record& record = require(module + ".weight", spec == nullptr ? nullptr : &spec->shape,
                                   spec != nullptr && spec->symbolic_rows);
    if (record.shape.size() != rank)
      bad_input("{}: the param {} has the shape {}, expected {} dimensions", printable(where_),
                record.name, shape_text(record.shape), rank);
    matrix.set_shape(record.shape);
    plan_plain(matrix, record);
  }
  split(matrix);
  std::string bias = module + ".bias";
  if (rank == 2 && has(bias)) {
    const Vector& vector = this->vector(bias);
    if (vector.size != matrix.n)
      bad_input("{}: the param {} has {} elements, expected {}", printable(where_), bias,
                vector.size, matrix.n);
    matrix.bias = &vector;
  }
  matrices_.push_back(std::move(matrix));
  return *(matrix_of_[module] = &matrices_.back());
}

const Matrix& Weights::turned(const std::string& name, std::uint32_t index, const Vector* bias) {
  auto spec = specs_.find(name);
  const Record& record = require(name, spec == specs_.end() ? nullptr : &spec->second.shape, false);
  std::size_t rank = record.shape.size();
  if (rank < 2) bad_input("{}: the param {} is no matrix", printable(where_), name);
  Matrix matrix{.module = name};
  matrix.k = static_cast<std::uint32_t>(record.shape[rank - 2]);
  matrix.n = static_cast<std::uint32_t>(record.shape[rank - 1]);
  matrix.turned = true;
  matrix.bias = bias;
  plan_plain(matrix, record);
  if (matrix.widened)
    fail(ExitCode::kUnsupported, "{}: the param {} has {} rows, expected an even number",
         printable(where_), name, matrix.k);
  std::uint64_t size = matrix.row_bytes * matrix.n;
  matrix.first = index * size;
  if (matrix.first + size > record.nbytes || (bias != nullptr && bias->size != matrix.n))
    bad_input("{}: the param {} has the shape {}", printable(where_), name,
              shape_text(record.shape));
  split(matrix);
  matrices_.push_back(std::move(matrix));
  return matrices_.back();
}

void Weights::plan_plain(Matrix& matrix, const Record& record) const {
  matrix.weight = &record;
  std::uint64_t size = stored_size(record);
  if (!is_float(record.dtype) || (size != 2 && size != 4))
    fail(ExitCode::kUnsupported,
         "{}: the param {} is {}; the engine runs float16, bfloat16 and float32", printable(where_),
         record.name, name_of(record.dtype));
  if (size == 4)
    matrix.format = WeightFormat::kF32;
  else
    matrix.format = record.dtype == DType::kF16 ? WeightFormat::kF16 : WeightFormat::kBF16;
  // Kernels read halves in pairs.
  matrix.widened = size == 2 && matrix.k % 2 != 0;
  if (matrix.widened) matrix.format = WeightFormat::kF32;
  matrix.row_bytes = std::uint64_t{matrix.k} * (matrix.widened ? 4 : size);
}

void Weights::plan_groups(Matrix& matrix, const ParamSpec& spec) {
  if (quantization_.kind != QuantKind::kGroup)
    bad_input("{}: {}.q_weight is there, which {} does not make", printable(where_), matrix.module,
              quantization_.name);
  // Only linear params are turned.
  matrix.turned = quantization_.layout == WeightLayout::kKN && spec.kind == ParamKind::kLinear;
  std::vector<std::int64_t> shape = spec.shape;
  if (spec.symbolic_rows) {
    // Rows that the config leaves open are those of the folder.
    const std::vector<std::int64_t>& rows = store_.find(matrix.module + ".q_weight")->shape;
    if (rows.size() == 2) shape[0] = rows[matrix.turned ? 1 : 0];
  }
  matrix.set_shape(shape);
  auto require_packed = [&](const char* end, std::size_t width) {
    std::vector<std::int64_t> packed = shape;
    packed.back() = static_cast<std::int64_t>(width);
    if (matrix.turned) std::reverse(packed.begin(), packed.end());
    return &require(matrix.module + end, &packed, false);
  };
  matrix.weight = require_packed(".q_weight", words_per_row(quantization_, matrix.k));
  matrix.scale = require_packed(".q_scale", groups_per_row(quantization_, matrix.k));
  if (matrix.weight->dtype != DType::kU32 || !is_float(matrix.scale->dtype))
    bad_input("{}: {}.q_weight is {} with scales of {}, expected uint32 and floats",
              printable(where_), matrix.module, name_of(matrix.weight->dtype),
              name_of(matrix.scale->dtype));
  matrix.format = quantization_.bits == 4 ? WeightFormat::kQ4 : WeightFormat::kQ3;
  std::uint64_t size = stored_size(*matrix.scale);
  if (size == 4)
    matrix.scale_format = ScaleFormat::kF32;
  else
    matrix.scale_format =
        matrix.scale->dtype == DType::kF16 ? ScaleFormat::kF16 : ScaleFormat::kBF16;
  matrix.row_bytes = words_per_row(quantization_, matrix.k) * 4;
  matrix.scale_row_bytes = groups_per_row(quantization_, matrix.k) * size;
}

// Into parts that a kernel can see whole. Their first rows are such that the part of the bias that
// belongs to them begins where a slice may.
void Weights::split(Matrix& matrix) {
  std::uint64_t limit = std::min(device_.max_binding_bytes, device_.max_buffer_bytes);
  std::uint64_t rows_of_one = matrix.experts == 0 ? 1 : matrix.n;
  std::uint64_t count = matrix.experts == 0 ? matrix.n : matrix.experts;
  std::uint64_t bytes_of_one = std::max(matrix.row_bytes, matrix.scale_row_bytes) * rows_of_one;
  std::uint64_t step = std::max<std::uint64_t>(1, limit / bytes_of_one);
  if (step < count && matrix.experts == 0) {
    std::uint64_t even = std::max<std::uint64_t>(1, device_.slice_alignment / sizeof(float));
    if (step > even) step -= step % even;
  }
  for (std::uint64_t begin = 0; begin < count; begin += step) {
    MatrixPart part{.begin = static_cast<std::uint32_t>(begin),
                    .count = static_cast<std::uint32_t>(std::min(step, count - begin))};
    std::uint64_t rows = part.count * rows_of_one;
    part.weight_place = arena_.add(device_, rows * matrix.row_bytes, matrix.module.c_str());
    if (matrix.quantized())
      part.scale_place = arena_.add(device_, rows * matrix.scale_row_bytes, matrix.module.c_str());
    matrix.parts.push_back(part);
  }
}

const Vector& Weights::vector(const std::string& name, bool plus_one) {
  auto known = vector_of_.find(name);
  if (known != vector_of_.end()) return *known->second;
  auto spec = specs_.find(name);
  bool symbolic = spec != specs_.end() && spec->second.symbolic_rows;
  const Record& record =
      require(name, spec == specs_.end() ? nullptr : &spec->second.shape, symbolic);
  std::uint64_t size = stored_size(record);
  if (!is_float(record.dtype) || (size != 2 && size != 4))
    fail(ExitCode::kUnsupported, "{}: the param {} is {}", printable(where_), name,
         name_of(record.dtype));
  Vector vector{
      .name = name, .record = &record, .size = record.nbytes / size, .plus_one = plus_one};
  vector.place = arena_.add(device_, vector.size * sizeof(float), name.c_str());
  vectors_.push_back(std::move(vector));
  return *(vector_of_[name] = &vectors_.back());
}

std::vector<std::string> Weights::unused() const {
  std::vector<std::string> names;
  for (std::string& name : store_.names())
    if (!taken_.contains(name)) names.push_back(std::move(name));
  return names;
}

}  // namespace mlc
