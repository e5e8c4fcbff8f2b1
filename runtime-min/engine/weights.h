// The params of a model on a device: which there are, in which form and slices kernels see them,
// and their upload.
//
// Everything is planned first: matrix() and its kin say what the forward pass needs, and are
// checked against what the architecture and the config say. Then upload() makes the memory and
// streams each param once, through one small buffer: quantized matrices as they are (KN turned into
// NK), halves as they are, vectors widened to float32.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/reporter.h"
#include "models/param_spec.h"
#include "runtime-min/engine/arena.h"
#include "runtime-min/engine/param_store.h"

namespace mlc {

// Rows (or experts) that one kernel can see.
struct MatrixPart {
  std::uint32_t begin = 0;
  std::uint32_t count = 0;
  Slice weight = {};
  Slice scale = {};
  std::size_t weight_place = 0;  // in the arena
  std::size_t scale_place = 0;
};

struct Vector {
  std::string name;
  const Record* record = nullptr;
  std::uint64_t size = 0;
  bool plus_one = false;
  Slice slice = {};
  std::size_t place = 0;
};

struct Matrix {
  std::string module;
  WeightFormat format = WeightFormat::kF32;
  ScaleFormat scale_format = ScaleFormat::kF32;
  std::uint32_t n = 0;
  std::uint32_t k = 0;
  std::uint32_t experts = 0;  // 0: one matrix; its parts are rows. Else: parts are experts
  const Record* weight = nullptr;
  const Record* scale = nullptr;
  bool turned = false;          // the folder has it as KN
  std::uint64_t first = 0;      // where it begins in the record, in bytes
  bool widened = false;         // halves become float32, as rows of odd length need
  std::uint64_t row_bytes = 0;  // on the device
  std::uint64_t scale_row_bytes = 0;
  std::vector<MatrixPart> parts = {};
  const Vector* bias = nullptr;  // null: none

  bool quantized() const { return scale != nullptr; }
  void set_shape(const std::vector<std::int64_t>& shape);  // [n, k] or [experts, n, k]
};

class Weights {
 public:
  // Error(kBadInput) with the names of all params that the folder lacks.
  Weights(const ParamStore& store, const LoadedModel& model, const DeviceInfo& device);
  Weights(const Weights&) = delete;
  Weights& operator=(const Weights&) = delete;

  // A linear layer or an embedding with its bias, if it has one; planned when first asked for.
  // Error(kBadInput): it is not there, or of another shape or dtype than it must be.
  const Matrix& matrix(const std::string& module);
  const Matrix& experts(const std::string& module);  // three dimensions
  // The `index`th of the matrices [k, n] that a param holds which is no layer's weight.
  const Matrix& turned(const std::string& name, std::uint32_t index = 0,
                       const Vector* bias = nullptr);
  const Vector& vector(const std::string& name, bool plus_one = false);
  // Whether the model or the folder has such a param: biases, heads.
  bool has(const std::string& name) const;

  std::uint64_t bytes() const { return arena_.bytes(); }
  std::uint64_t params() const { return params_; }  // elements
  std::vector<std::string> unused() const;          // records that nothing asked for

  void upload(Device& device, Reporter& reporter);

 private:
  const Record& require(const std::string& name, const std::vector<std::int64_t>* shape,
                        bool symbolic_rows);
  const Matrix& plan_matrix(const std::string& module, std::size_t rank);
  void plan_plain(Matrix& matrix, const Record& record) const;
  void plan_groups(Matrix& matrix, const ParamSpec& spec);
  void split(Matrix& matrix);
  void upload_rows(Device& device, const Matrix& matrix, const MatrixPart& part, bool scales,
                   Reporter& reporter);
  void upload_vector(Device& device, const Vector& vector) const;
  void take(const Record& record) { taken_[record.name] = true; }

  const ParamStore& store_;
  const Quantization& quantization_;
  const DeviceInfo device_;
  std::string where_;
  std::unordered_map<std::string, ParamSpec> specs_;
  std::unordered_map<std::string, bool> taken_;
  std::uint64_t params_ = 0;
  Arena arena_;
  std::deque<Matrix> matrices_;  // addresses stay
  std::deque<Vector> vectors_;
  std::unordered_map<std::string, const Matrix*> matrix_of_;
  std::unordered_map<std::string, const Vector*> vector_of_;
  std::vector<std::byte> staging_;
  std::vector<std::byte> turning_;
};

}  // namespace mlc
