// The params of a model folder as a runtime computes them, and as they are stored.
//
//   ParamFolder folder("dist/Llama-3-8B-q4f16_1");   // index and config; no weight is read
//   ParamReader reader(folder);                      // one per thread
//   for (const FolderParam& param : folder.params())
//     reader.read(param, 0, param.rows, floats);
//
// A param is what the model is made of ("model.layers.0.mlp.down_proj.weight"), whatever records
// its scheme makes of it. Which they are follows from mlc-chat-config.json and is compared with the
// index; what does not fit is in troubles(), and not in params().
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/tensor_cache.h"
#include "convert/source.h"
#include "models/model_config.h"
#include "models/param_spec.h"
#include "quantize/quantization.h"

namespace mlc {

enum class ParamForm : std::uint8_t {
  kPlain,       // one record
  kGroup,       // codes and scales by groups
  kFt,          // in FasterTransformer's order
  kFp8,         // 8-bit floats; one scale or none
  kAwq,         // qweight, qzeros, scales
  kBlockScale,  // 8-bit floats, a scale per block
};

struct FolderParam {
  std::string name = {};
  std::vector<std::int64_t> shape = {};  // of the values
  std::int64_t rows = 0;                 // as in Transform: all dimensions but the last
  std::int64_t cols = 0;                 // the last; 1 of a param of one dimension
  std::int64_t layer = -1;               // the first number in the name; -1: none
  std::string kind = {};                 // the name with * in its place
  ParamForm form = ParamForm::kPlain;
  bool turned = false;  // the records are [words, rows] and [groups, rows]
  // Indices into ParamFolder::stored().tensors: codes, then scales (kAwq: zero points, scales).
  std::vector<std::size_t> records = {};
  std::int64_t block_rows = 0;  // kBlockScale: what one scale is for
  std::int64_t block_cols = 0;

  bool quantized() const { return form != ParamForm::kPlain; }
  std::uint64_t elements() const { return static_cast<std::uint64_t>(rows * cols); }
};

// A param that can't be read: its records are missing or have another shape or dtype.
struct ParamTrouble {
  std::string name;  // of the record
  std::string found;
  std::string expected;
};

class ParamFolder {
 public:
  // Error(kBadInput): no index or no config, one that can't be read, a shard that is missing or of
  // another size than the index says.
  // `config`: the checkpoint's own config.json or its folder, for what the chat config lacks (the
  // block size of 8-bit floats); empty: FOLDER/config.json where there is one.
  explicit ParamFolder(const std::string& folder, const std::string& config = {});

  const std::string& path() const { return stored_.folder; }
  const ModelConfig& config() const { return config_; }
  const Quantization& quantization() const { return *quantization_; }
  // In the order of their first records in the index. Records that no param of the model has are
  // params of their own, at the end.
  const std::vector<FolderParam>& params() const { return params_; }
  const FolderParam* find(std::string_view name) const;
  const std::vector<ParamTrouble>& troubles() const { return troubles_; }
  // Names of the records of the index that the model has no place for.
  const std::vector<std::string>& strays() const { return strays_; }
  // The records as tensors, with the dtype that is stored (bfloat16 for float32), and the shards.
  const Checkpoint& stored() const { return stored_; }

 private:
  void open_shards(const TensorCache& cache);
  void read_config(const std::string& config);
  void join();
  void join_one(const ParamSpec& spec);
  std::size_t join_kept(const std::vector<ParamSpec>& specs, std::size_t first);
  bool take(FolderParam& param, std::string_view name, const std::vector<std::int64_t>& shape,
            DType dtype);
  void add(FolderParam param);

  Checkpoint stored_;
  std::vector<DType> logical_;  // of each of stored_.tensors, as the index says
  std::vector<bool> taken_;
  ModelConfig config_;
  const Quantization* quantization_ = nullptr;
  std::vector<FolderParam> params_;
  std::map<std::string, std::size_t, std::less<>> by_name_;
  std::vector<ParamTrouble> troubles_;
  std::vector<std::string> strays_;
};

// The records' content for the rows that ParamReader::read() was last called for.
struct StoredRows {
  // kGroup: [rows, words], as 32-bit words. kFt: two codes a byte, in the order of the format.
  // kFp8, kBlockScale: a code a byte. kAwq: 32-bit words [cols, rows / 8]. kPlain: the elements.
  std::span<const std::byte> codes = {};
  // kGroup: [rows, groups]; kFt: [rows]; kFp8: one or none; kAwq: [groups, rows]; kBlockScale: of
  // all blocks that the rows touch.
  std::span<const float> scales = {};
};

class ParamReader {
 public:
  explicit ParamReader(const ParamFolder& folder) : folder_(folder) {}

  // Rows [first_row, first_row + rows) as a runtime computes them: rows * cols floats. Any range;
  // multiples of row_unit() are read without waste. Error(kIo).
  void read(const FolderParam& param, std::int64_t first_row, std::int64_t rows,
            std::span<float> out);
  // Of the last read(), until the next one; with first_row and rows multiples of row_unit().
  const StoredRows& stored() const { return stored_; }

  static std::int64_t row_unit(const FolderParam& param);

 private:
  struct Range {
    std::int64_t first;
    std::int64_t rows;
  };
  const SourceTensor& tensor(const FolderParam& param, std::size_t record) const;
  std::span<const std::byte> read_elements(const SourceTensor& t, std::int64_t first,
                                           std::int64_t count, std::vector<std::byte>& buffer);
  // A table [height, all rows], as [rows, height].
  std::span<const std::byte> read_turned(const SourceTensor& t, std::int64_t height, Range range,
                                         std::vector<std::byte>& buffer);
  std::span<const float> widen(const SourceTensor& t, std::span<const std::byte> bytes);
  void read_plain(const FolderParam& param, Range range, std::span<float> out);
  void read_group(const FolderParam& param, Range range, std::span<float> out);
  void read_ft(const FolderParam& param, Range range, std::span<float> out);
  void read_fp8(const FolderParam& param, Range range, std::span<float> out);
  void read_awq(const FolderParam& param, Range range, std::span<float> out);
  void read_blocks(const FolderParam& param, Range range, std::span<float> out);

  const ParamFolder& folder_;
  StoredRows stored_;
  std::vector<std::byte> codes_;
  std::vector<std::byte> scales_;
  std::vector<std::byte> columns_;
  std::vector<std::byte> narrow_;
  std::vector<float> wide_;
  std::vector<float> whole_;
};

}  // namespace mlc
