#include "convert/lora.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>

#include "base/error.h"
#include "convert/lora_config.h"
#include "convert/stored_tensor.h"
#include "convert/transform.h"
#include "quantize/cast_element.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

void widen(DType dtype, std::span<const std::byte> stored, std::span<double> out) {
  for (std::size_t i = 0; i < out.size(); i++)
    out[i] = with_element(dtype, stored.data(), i, [](auto v) { return static_cast<double>(v); });
}

std::vector<double> read_doubles(const StoredTensor& t, std::int64_t first, std::int64_t count) {
  auto n = static_cast<std::size_t>(count);
  std::vector<std::byte> stored(n * size_of(t.info().dtype));
  t.read(first, count, stored);
  std::vector<double> out(n);
  widen(t.info().dtype, stored, out);
  return out;
}

// Row o of the delta is the sum over k of left[o, k] * right[k, :]. Either left is B and right A,
// or (weights stored [in, out], and embeddings) left is A turned and right is B turned.
class MergedReader : public ElementReader {
 public:
  MergedReader(StoredTensor base, StoredTensor a, StoredTensor b, double scaling, bool turned)
      : base_(std::move(base)),
        a_(std::move(a)),
        b_(std::move(b)),
        rank_(a_.info().shape[0]),
        cols_(base_.info().shape[1]),
        scaling_(scaling),
        turned_(turned) {}

  void read(std::int64_t first, std::int64_t count, std::span<std::byte> out) const override {
    if (count == 0) return;
    std::int64_t row = first / cols_;
    std::int64_t rows = count / cols_;
    std::vector<double> right = right_factor();
    std::vector<double> left = left_factor(row, rows);
    std::vector<std::byte> stored(static_cast<std::size_t>(count) * size_of(base_.info().dtype));
    base_.read(first, count, stored);
    auto cols = static_cast<std::size_t>(cols_);
    auto rank = static_cast<std::size_t>(rank_);
    std::size_t size = size_of(base_.info().dtype);
    std::vector<double> base(cols);
    std::vector<double> delta(cols);
    for (std::size_t r = 0; r < static_cast<std::size_t>(rows); r++) {
      std::fill(delta.begin(), delta.end(), 0.0);
      for (std::size_t k = 0; k < rank; k++) {
        double factor = left[r * rank + k];
        const double* line = right.data() + k * cols;
        for (std::size_t i = 0; i < cols; i++)
          delta[i] += factor * line[i];
      }
      widen(base_.info().dtype, std::span(stored).subspan(r * cols * size), base);
      for (std::size_t i = 0; i < cols; i++) {
        auto value = static_cast<float>(base[i] + scaling_ * delta[i]);
        std::memcpy(out.data() + (r * cols + i) * sizeof value, &value, sizeof value);
      }
    }
  }

  std::uint64_t scratch_bytes(std::int64_t count) const override {
    std::int64_t rows = count / std::max<std::int64_t>(1, cols_) + 1;
    return base_.scratch_bytes(count) +
           static_cast<std::uint64_t>(count * 8 + (rows + 2 * cols_) * rank_ * 8 + cols_ * 16);
  }

 private:
  std::vector<double> right_factor() const {  // [rank, cols]
    if (!turned_) return read_doubles(a_, 0, rank_ * cols_);
    std::vector<double> b = read_doubles(b_, 0, cols_ * rank_);
    return turn(b, cols_, rank_);
  }

  std::vector<double> left_factor(std::int64_t row, std::int64_t rows) const {  // [rows, rank]
    if (!turned_) return read_doubles(b_, row * rank_, rows * rank_);
    std::int64_t all = a_.info().shape[1];
    std::vector<std::byte> stored(static_cast<std::size_t>(rows * rank_) *
                                  size_of(a_.info().dtype));
    a_.read_columns(all, 0, rank_, row, rows, stored);
    std::vector<double> a(static_cast<std::size_t>(rows * rank_));
    widen(a_.info().dtype, stored, a);
    return turn(a, rank_, rows);
  }

  static std::vector<double> turn(const std::vector<double>& in, std::int64_t rows,
                                  std::int64_t cols) {
    std::vector<double> out(in.size());
    for (std::int64_t r = 0; r < rows; r++)
      for (std::int64_t c = 0; c < cols; c++)
        out[static_cast<std::size_t>(c * rows + r)] = in[static_cast<std::size_t>(r * cols + c)];
    return out;
  }

  StoredTensor base_;
  StoredTensor a_;
  StoredTensor b_;
  std::int64_t rank_;
  std::int64_t cols_;
  double scaling_;
  bool turned_;
};

// The end of an adapter's name: what the tensor is to its module.
struct Suffix {
  std::string_view end;
  std::string_view partner;  // of A: how B is called
  bool embedding;
};
constexpr std::array kFirst = {
    Suffix{".lora_A.weight", ".lora_B.weight", false},
    Suffix{".lora_embedding_A", ".lora_embedding_B", true},
};
constexpr std::array<std::string_view, 2> kSecond = {".lora_B.weight", ".lora_embedding_B"};

class Merger {
 public:
  Merger(Checkpoint& checkpoint, const std::string& folder)
      : checkpoint_(checkpoint),
        folder_(folder),
        where_(printable(folder, 1024)),
        merged_(checkpoint.tensors.size()) {
    std::string path = (fs::path(folder) / "adapter_config.json").string();
    config_ = parse_lora_config(read_json_file(path), printable(path, 1024));
    adapter_ = open_adapter();
    // Its size and time belong to what a resumed run must find again. Elements are counted where
    // they replace others.
    add_file({.name = "adapter_config.json", .file = std::make_shared<InputFile>(path)});
    first_file_ = checkpoint_.files.size();
    for (SourceFile file : adapter_.files) {
      file.elements = 0;
      add_file(std::move(file));
    }
    used_.resize(adapter_.tensors.size());
  }

  void run() {
    for (std::size_t i = 0; i < adapter_.tensors.size(); i++)
      if (!used_[i]) take(i);
    std::vector<std::string> unused;
    for (std::size_t i = 0; i < used_.size(); i++)
      if (!used_[i]) unused.push_back(adapter_.tensors[i].name);
    if (!unused.empty())
      bad_input("{}: {} of the adapter's tensors have no place in the model: {}", where_,
                unused.size(), printable_list(unused));
    checkpoint_.build_lookup();
    for (const std::string& warning : adapter_.warnings)
      checkpoint_.warnings.push_back(warning);
    checkpoint_.notes.push_back(
        fmt::format("LoRA {}: {} tensors merged, {} replaced", where_, merges_, replacements_));
  }

 private:
  Checkpoint open_adapter() const {
    for (std::string_view name : {"adapter_model.safetensors", "adapter_model.bin"}) {
      std::string path = (fs::path(folder_) / name).string();
      std::error_code ignored;
      if (fs::exists(path, ignored)) return open_checkpoint(path, "auto");
    }
    bad_input("{}: no adapter_model.safetensors and no adapter_model.bin", where_);
  }

  void add_file(SourceFile file) {
    file.name = (fs::path(folder_) / file.name).string();
    checkpoint_.files.push_back(std::move(file));
  }

  void take(std::size_t i) {
    const SourceTensor& t = adapter_.tensors[i];
    if (t.name.find("lora_magnitude_vector") != std::string::npos)
      fail(ExitCode::kUnsupported, "{}: tensor {}: DoRA is not supported", where_,
           printable(t.name));
    for (const Suffix& s : kFirst)
      if (t.name.ends_with(s.end)) return merge(i, s);
    for (std::string_view end : kSecond)
      if (t.name.ends_with(end)) return;  // taken with its A, or unused
    replace(i);
  }

  // "base_model.model.X" -> X.
  static std::string_view module_of_adapter(std::string_view name) {
    constexpr std::string_view kPrefix = "base_model.model.";
    if (name.starts_with(kPrefix)) name.remove_prefix(kPrefix.size());
    return name;
  }

  // The tensor of the checkpoint. A checkpoint of the bare model (GPT-2's) lacks the prefix of the
  // model with its head: "transformer.h.0" is "h.0" there.
  std::optional<std::size_t> find_base(std::string_view name) const {
    const SourceTensor* t = checkpoint_.find(name);
    std::size_t dot = name.find('.');
    if (!t && dot != std::string_view::npos) t = checkpoint_.find(name.substr(dot + 1));
    if (!t) return std::nullopt;
    return static_cast<std::size_t>(t - checkpoint_.tensors.data());
  }

  void merge(std::size_t i, const Suffix& suffix) {
    const SourceTensor& a = adapter_.tensors[i];
    std::string stem = a.name.substr(0, a.name.size() - suffix.end.size());
    std::string module(module_of_adapter(stem));
    const SourceTensor* b = adapter_.find(stem + std::string(suffix.partner));
    if (!b) wrong(a, "its partner " + stem + std::string(suffix.partner));
    std::optional<std::size_t> base = find_base(module + ".weight");
    if (!base || !config_.targets(module)) return;  // reported as unused
    const SourceTensor& w = checkpoint_.tensors[*base];
    const std::int64_t rank = config_.rank_of(module);
    const bool turned = config_.fan_in_fan_out || suffix.embedding;
    if (w.shape.size() != 2 || w.elements() == 0)
      bad_input("{}: tensor {}: an adapter needs two dimensions, found {}",
                printable(checkpoint_.folder, 1024), printable(w.name), shape_text(w.shape));
    expect(a, {rank, w.shape[turned ? 0 : 1]});
    expect(*b, {w.shape[turned ? 1 : 0], rank});
    for (const SourceTensor* t : {&a, b, &w})
      if (!is_float(t->dtype)) wrong(*t, "a float dtype");
    claim(*base, a);
    used_[i] = true;
    used_[static_cast<std::size_t>(b - adapter_.tensors.data())] = true;
    auto reader = std::make_shared<MergedReader>(
        StoredTensor(checkpoint_, w), StoredTensor(adapter_, a), StoredTensor(adapter_, *b),
        config_.scaling_of(module), turned);
    SourceTensor& to = checkpoint_.tensors[*base];
    to.dtype = DType::kF32;
    to.nbytes += a.nbytes + b->nbytes;
    to.reader = std::move(reader);
    merges_++;
  }

  void replace(std::size_t i) {
    const SourceTensor& t = adapter_.tensors[i];
    std::string_view name = module_of_adapter(t.name);
    std::size_t dot = name.rfind('.');
    bool bias = config_.saves_biases && name.ends_with(".bias");
    if (!bias && !config_.saves(name.substr(0, dot))) return;
    std::optional<std::size_t> base = find_base(name);
    if (!base) return;
    SourceTensor& to = checkpoint_.tensors[*base];
    expect(t, to.shape);
    claim(*base, t);
    used_[i] = true;
    auto elements = static_cast<std::uint64_t>(t.elements());
    checkpoint_.files[to.file].elements -= elements;
    checkpoint_.files[first_file_ + t.file].elements += elements;
    to.dtype = t.dtype;
    to.offset = t.offset;
    to.nbytes = t.nbytes;
    to.reader = t.reader;
    // A tensor without reader is read from the adapter's file.
    to.file = first_file_ + t.file;
    replacements_++;
  }

  void claim(std::size_t base, const SourceTensor& t) {
    if (merged_[base])
      bad_input("{}: tensor {}: {} is in the adapter twice", where_, printable(t.name),
                printable(checkpoint_.tensors[base].name));
    merged_[base] = true;
  }

  [[noreturn]] void wrong(const SourceTensor& t, std::string_view expected) const {
    bad_input("{}: tensor {}: found {} {}, expected {}", where_, printable(t.name),
              name_of(t.dtype), shape_text(t.shape), printable(expected, 1024));
  }
  void expect(const SourceTensor& t, const std::vector<std::int64_t>& shape) const {
    if (t.shape != shape) wrong(t, shape_text(shape));
  }

  Checkpoint& checkpoint_;
  std::string folder_;
  std::string where_;
  LoraConfig config_;
  Checkpoint adapter_;
  std::vector<bool> merged_;
  std::vector<bool> used_;
  std::size_t first_file_ = 0;
  std::size_t merges_ = 0;
  std::size_t replacements_ = 0;
};

}  // namespace

void merge_lora(Checkpoint& checkpoint, const std::string& folder) {
  Merger(checkpoint, folder).run();
}

}  // namespace mlc
