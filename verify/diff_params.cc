// Params of two folders: first their bytes, which costs no more than reading them, then the values
// of those whose bytes differ.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "base/parallel.h"
#include "convert/stored_tensor.h"
#include "verify/diff_parts.h"
#include "verify/param_values.h"

namespace mlc {
namespace {

constexpr std::uint64_t kBlock = std::uint64_t{4} << 20;  // bytes
constexpr std::int64_t kValues = std::int64_t{1} << 18;   // of one block
constexpr std::int64_t kRowUnit = 64;  // a multiple of every ParamReader::row_unit()

std::uint64_t bytes_of(const ParamFolder& folder) {
  std::uint64_t bytes = 0;
  for (const SourceTensor& tensor : folder.stored().tensors)
    bytes += tensor.nbytes;
  return bytes;
}

DiffSide side_of(const std::string& path, const ParamFolder& folder) {
  return {.path = path,
          .model_type = std::string(folder.config().model_type()),
          .quantization = std::string(folder.quantization().name),
          .params = folder.params().size(),
          .shards = folder.stored().files.size(),
          .bytes = bytes_of(folder)};
}

const SourceTensor& record_of(const ParamFolder& folder, const FolderParam& param, std::size_t i) {
  return folder.stored().tensors[param.records[i]];
}

ParamSide form_of(const ParamFolder& folder, const FolderParam& param) {
  std::string_view form =
      param.quantized() ? folder.quantization().name : name_of(record_of(folder, param, 0).dtype);
  return {std::string(form), param.shape};
}

// Whether equal bytes mean equal values.
bool same_form(const ParamFolder& in_a, const FolderParam& a, const ParamFolder& in_b,
               const FolderParam& b) {
  if (a.form != b.form || a.turned != b.turned || a.shape != b.shape ||
      a.records.size() != b.records.size())
    return false;
  for (std::size_t i = 0; i < a.records.size(); i++) {
    const SourceTensor& one = record_of(in_a, a, i);
    const SourceTensor& other = record_of(in_b, b, i);
    if (one.dtype != other.dtype || one.shape != other.shape) return false;
  }
  const Quantization& q = in_a.quantization();
  const Quantization& r = in_b.quantization();
  return !a.quantized() || (q.kind == r.kind && q.bits == r.bits && q.group_size == r.group_size &&
                            q.model_dtype == r.model_dtype && q.scaled == r.scaled &&
                            a.block_rows == b.block_rows && a.block_cols == b.block_cols);
}

// A param that both have.
struct Pair {
  const FolderParam* a;
  const FolderParam* b;
  ParamDifference difference;
  bool differs = false;
};

class ParamComparison {
 public:
  ParamComparison(const DiffOptions& options, const ParamFolder& a, const ParamFolder& b,
                  Reporter& reporter)
      : a_(a),
        b_(b),
        threads_(options.threads == 0 ? default_threads() : options.threads),
        reporter_(reporter) {
    for (const FolderParam& param : a.params())
      if (const FolderParam* other = b.find(param.name); other != nullptr)
        pairs_.push_back({.a = &param, .b = other, .difference = compared(param, *other)});
    for (Pair& pair : pairs_)
      pair.differs = !pair.difference.same_form;
  }

  void run() {
    compare_bytes();
    compare_values();
  }

  std::vector<Pair>& pairs() { return pairs_; }

 private:
  struct ByteBlock {
    std::size_t pair;
    std::size_t record;
    std::uint64_t offset;
    std::uint64_t bytes;
    std::uint64_t different = 0;  // elements as they are stored
  };
  struct ValueBlock {
    std::size_t pair;
    std::int64_t first_row;
    std::int64_t rows;
    std::uint64_t different = 0;
    std::uint64_t not_finite = 0;
    double square_error = 0;
    double square_a = 0;
    double max_error = -1;
    std::uint64_t max_error_at = 0;  // in the block
    double a_value = 0;
    double b_value = 0;
  };

  ParamDifference compared(const FolderParam& a, const FolderParam& b) const {
    ParamDifference d{.name = a.name, .a = form_of(a_, a), .b = form_of(b_, b)};
    d.same_form = same_form(a_, a, b_, b);
    d.rule = &diff_rule(a.shape != b.shape ? "D02" : d.same_form ? "D04" : "D03");
    return d;
  }

  void compare_bytes() {
    std::vector<ByteBlock> blocks;
    std::uint64_t bytes = 0;
    for (std::size_t p = 0; p < pairs_.size(); p++) {
      if (!pairs_[p].difference.same_form) continue;
      for (std::size_t r = 0; r < pairs_[p].a->records.size(); r++) {
        std::uint64_t size = record_of(a_, *pairs_[p].a, r).nbytes;
        for (std::uint64_t at = 0; at < size; at += kBlock)
          blocks.push_back({p, r, at, std::min(kBlock, size - at)});
        bytes += 2 * size;
      }
    }
    reporter_.begin("comparing bytes", bytes);
    std::vector<std::array<std::vector<std::byte>, 2>> buffers(threads_);
    parallel_for(threads_, blocks.size(), [&](std::size_t i, unsigned worker) {
      throw_if_cancelled();
      compare_block(blocks[i], buffers[worker]);
      reporter_.advance(2 * blocks[i].bytes);
    });
    reporter_.end();
    for (const ByteBlock& block : blocks)
      add(block);
  }

  void compare_block(ByteBlock& block, std::array<std::vector<std::byte>, 2>& buffers) const {
    const Pair& pair = pairs_[block.pair];
    std::size_t element = size_of(record_of(a_, *pair.a, block.record).dtype);
    auto read = [&](const ParamFolder& folder, const FolderParam& param,
                    std::vector<std::byte>& buffer) {
      const SourceTensor& record = record_of(folder, param, block.record);
      buffer.resize(block.bytes);
      folder.stored().files[record.file].file->read(record.offset + block.offset, buffer);
    };
    read(a_, *pair.a, buffers[0]);
    read(b_, *pair.b, buffers[1]);
    const std::byte* one = buffers[0].data();
    const std::byte* other = buffers[1].data();
    if (std::memcmp(one, other, block.bytes) == 0) return;
    for (std::uint64_t at = 0; at < block.bytes; at += element)
      if (std::memcmp(one + at, other + at, element) != 0) block.different++;
  }

  void add(const ByteBlock& block) {
    Pair& pair = pairs_[block.pair];
    ParamDifference& d = pair.difference;
    pair.differs |= block.different > 0;
    std::uint64_t elements = block.bytes / size_of(record_of(a_, *pair.a, block.record).dtype);
    if (!pair.a->quantized()) return;
    (block.record == 0 ? d.words : d.scales) += elements;
    (block.record == 0 ? d.different_words : d.different_scales) += block.different;
  }

  void compare_values() {
    std::vector<ValueBlock> blocks;
    std::uint64_t bytes = 0;
    for (std::size_t p = 0; p < pairs_.size(); p++) {
      Pair& pair = pairs_[p];
      ParamDifference& d = pair.difference;
      d.compared = pair.differs && pair.a->shape == pair.b->shape && has_values(pair);
      if (!d.compared) continue;
      d.elements = pair.a->elements();
      bytes += 2 * sizeof(float) * d.elements;
      std::int64_t units = kValues / std::max<std::int64_t>(1, pair.a->cols) / kRowUnit;
      std::int64_t step = std::max<std::int64_t>(1, units) * kRowUnit;
      for (std::int64_t row = 0; row < pair.a->rows; row += step)
        blocks.push_back({.pair = p, .first_row = row, .rows = std::min(step, pair.a->rows - row)});
    }
    if (blocks.empty()) return;
    reporter_.begin("comparing values", bytes);
    std::vector<Worker> workers;
    for (unsigned i = 0; i < threads_; i++)
      workers.push_back({ParamReader(a_), ParamReader(b_), {}, {}});
    parallel_for(threads_, blocks.size(), [&](std::size_t i, unsigned worker) {
      throw_if_cancelled();
      std::size_t values = compare_block(blocks[i], workers[worker]);
      reporter_.advance(2 * sizeof(float) * values);
    });
    reporter_.end();
    for (const ValueBlock& block : blocks)
      add(block);
    for (Pair& pair : pairs_)
      finish(pair.difference);
  }

  struct Worker {
    ParamReader a, b;
    std::vector<float> from_a, from_b;
  };

  // Records that no param of the model has may be of any dtype.
  bool has_values(const Pair& pair) const {
    return pair.a->quantized() || pair.b->quantized() ||
           (is_float(record_of(a_, *pair.a, 0).dtype) && is_float(record_of(b_, *pair.b, 0).dtype));
  }

  std::size_t compare_block(ValueBlock& block, Worker& worker) const {
    const Pair& pair = pairs_[block.pair];
    auto count = static_cast<std::size_t>(block.rows * pair.a->cols);
    worker.from_a.resize(count);
    worker.from_b.resize(count);
    worker.a.read(*pair.a, block.first_row, block.rows, worker.from_a);
    worker.b.read(*pair.b, block.first_row, block.rows, worker.from_b);
    for (std::size_t i = 0; i < count; i++) {
      double a = worker.from_a[i];
      double b = worker.from_b[i];
      bool finite = std::isfinite(a) && std::isfinite(b);
      if (finite) block.square_a += a * a;
      if (a == b || (std::isnan(a) && std::isnan(b))) continue;
      block.different++;
      if (!finite) {
        block.not_finite++;
        continue;
      }
      double error = std::abs(a - b);
      block.square_error += error * error;
      if (error <= block.max_error) continue;
      block.max_error = error;
      block.max_error_at = i;
      block.a_value = a;
      block.b_value = b;
    }
    return count;
  }

  // Sums go through the blocks in order, whichever thread had them.
  void add(const ValueBlock& block) {
    const FolderParam& param = *pairs_[block.pair].a;
    ParamDifference& d = pairs_[block.pair].difference;
    d.different += block.different;
    d.not_finite += block.not_finite;
    d.square_error += block.square_error;
    d.square_a += block.square_a;
    if (block.max_error < 0 || (!d.max_error_at.empty() && block.max_error <= d.max_error)) return;
    d.max_error = block.max_error;
    d.a_value = block.a_value;
    d.b_value = block.b_value;
    auto at = static_cast<std::uint64_t>(block.first_row * param.cols) + block.max_error_at;
    d.max_error_at.assign(param.shape.size(), 0);
    for (std::size_t axis = param.shape.size(); axis-- > 0;) {
      auto extent = static_cast<std::uint64_t>(param.shape[axis]);
      d.max_error_at[axis] = static_cast<std::int64_t>(at % extent);
      at /= extent;
    }
  }

  static void finish(ParamDifference& d) {
    if (d.square_error > 0) d.relative_mse = d.square_error / d.square_a;
  }

  const ParamFolder& a_;
  const ParamFolder& b_;
  unsigned threads_;
  Reporter& reporter_;
  std::vector<Pair> pairs_;
};

void warn_of_troubles(const ParamFolder& folder, Reporter& reporter) {
  if (folder.troubles().empty()) return;
  const ParamTrouble& first = folder.troubles().front();
  reporter.warn(fmt::format(
      "{}: {} records do not fit mlc-chat-config.json and are left out, the first of them {} "
      "(found {}, expected {}); mlc verify names all",
      printable(folder.path()), folder.troubles().size(), printable(first.name),
      printable(first.found), printable(first.expected)));
}

}  // namespace

void diff_params(const DiffOptions& options, Diff& diff, Reporter& reporter) {
  ParamFolder a(options.a);
  ParamFolder b(options.b);
  diff.a = side_of(options.a, a);
  diff.b = side_of(options.b, b);
  for (const ParamFolder* folder : {&a, &b})
    warn_of_troubles(*folder, reporter);
  ParamComparison comparison(options, a, b, reporter);
  comparison.run();
  std::size_t next = 0;
  std::vector<Pair>& pairs = comparison.pairs();
  for (const FolderParam& param : a.params()) {
    if (next >= pairs.size() || pairs[next].a != &param) {
      diff.params.push_back(
          {.rule = &diff_rule("D01"), .name = param.name, .a = form_of(a, param), .b = {}});
      continue;
    }
    Pair& pair = pairs[next++];
    if (pair.differs)
      diff.params.push_back(std::move(pair.difference));
    else
      diff.equal_params++;
  }
  for (const FolderParam& param : b.params())
    if (a.find(param.name) == nullptr)
      diff.params.push_back(
          {.rule = &diff_rule("D01"), .name = param.name, .a = {}, .b = form_of(b, param)});
}

}  // namespace mlc
