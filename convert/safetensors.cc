#include "convert/safetensors.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "base/error.h"
#include "base/json.h"
#include "convert/not_weights.h"

namespace mlc {
namespace {

constexpr std::uint64_t kLargeHeader = 25'000'000;
constexpr std::size_t kMaxName = 64 * 1024;
constexpr std::size_t kMaxDims = 8;

// In the format, but without a place in a package: a param is a whole number of bytes per element.
constexpr std::array<std::string_view, 4> kUnsupportedDTypes = {"F4", "F6_E2M3", "F6_E3M2", "C64"};

// Collects the tensors from the events of the header, and checks each as it ends.
class HeaderReader : public JsonHandler {
 public:
  HeaderReader(std::uint64_t data_start, std::string where)
      : data_start_(data_start), where_(std::move(where)) {}

  std::vector<SourceTensor> take() { return std::move(tensors_); }

  void begin_object(std::size_t at) override {
    if (state_ == State::kStart) {
      state_ = State::kRoot;
    } else if (state_ == State::kRoot && name_ == "__metadata__") {
      state_ = State::kMetadata;
    } else if (state_ == State::kRoot) {
      state_ = State::kTensor;
      tensor_at_ = at;
      seen_ = 0;
      dims_.clear();
      offsets_.clear();
    } else {
      misplaced(at);
    }
  }

  void key(std::string_view name, std::size_t at) override {
    if (state_ == State::kRoot) {
      if (name.size() > kMaxName)
        refuse(at, "tensor name '{}' of {} bytes, the limit is {}", printable(name, 40),
               name.size(), kMaxName);
      name_ = name;
      field_.clear();
      return;
    }
    field_ = name;
    if (state_ == State::kTensor && name != "dtype" && name != "shape" && name != "data_offsets")
      refuse(at, "tensor '{}' has a key '{}', expected dtype, shape and data_offsets only",
             printable(name_), printable(name));
  }

  void end_object() override {
    if (state_ == State::kTensor) finish_tensor();
    state_ = State::kRoot;
  }

  void begin_array(std::size_t at) override {
    if (state_ != State::kTensor || field_ == "dtype") misplaced(at);
    state_ = field_ == "shape" ? State::kShape : State::kOffsets;
    seen_ |= state_ == State::kShape ? kShapeSeen : kOffsetsSeen;
  }

  void end_array() override { state_ = State::kTensor; }

  void string(std::string_view value, std::size_t at) override {
    if (state_ == State::kMetadata) return;
    if (state_ != State::kTensor || field_ != "dtype") misplaced(at);
    seen_ |= kDTypeSeen;
    auto dtype = dtype_from_safetensors(value);
    if (dtype) {
      dtype_ = *dtype;
      return;
    }
    if (std::find(kUnsupportedDTypes.begin(), kUnsupportedDTypes.end(), value) !=
        kUnsupportedDTypes.end())
      fail(ExitCode::kUnsupported, "{}: byte {}: tensor '{}': unsupported dtype {}", where_, at,
           printable(name_), value);
    std::string known;
    for (const DTypeInfo& row : dtypes())
      known += fmt::format("{}{}", known.empty() ? "" : ", ", row.safetensors);
    refuse(at, "tensor '{}': unknown dtype '{}', expected one of {}", printable(name_),
           printable(value, 40), known);
  }

  void number(std::string_view text, bool is_integer, std::size_t at) override {
    if (state_ != State::kShape && state_ != State::kOffsets) misplaced(at);
    bool shape = state_ == State::kShape;
    std::vector<std::uint64_t>& list = shape ? dims_ : offsets_;
    std::uint64_t value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    constexpr std::uint64_t kMaxDim = std::numeric_limits<std::int64_t>::max();
    if (!is_integer || error != std::errc() || end != text.data() + text.size() ||
        (shape && value > kMaxDim))
      refuse(at, "tensor '{}': {} in {}, expected a plain integer from 0 to {}", printable(name_),
             printable(text, 40), field_,
             shape ? kMaxDim : std::numeric_limits<std::uint64_t>::max());
    if (list.size() == (shape ? kMaxDims : 2))
      refuse(at, "tensor '{}': more than {} {}", printable(name_), list.size(),
             shape ? "dimensions" : "data_offsets");
    list.push_back(value);
  }

  void boolean(bool, std::size_t at) override { misplaced(at); }
  void null(std::size_t at) override { misplaced(at); }

 private:
  enum class State { kStart, kRoot, kMetadata, kTensor, kShape, kOffsets };
  static constexpr unsigned kDTypeSeen = 1, kShapeSeen = 2, kOffsetsSeen = 4;

  template <class... A>
  [[noreturn]] void refuse(std::size_t at, fmt::format_string<A...> format, A&&... args) const {
    bad_input("{}: byte {}: {}", where_, at, fmt::format(format, std::forward<A>(args)...));
  }

  // A value of a kind that its place does not take.
  [[noreturn]] void misplaced(std::size_t at) const {
    std::string name = printable(name_);
    if (state_ == State::kStart) refuse(at, "the header must be an object of tensors");
    if (state_ == State::kMetadata)
      refuse(at, "__metadata__: value of '{}' must be a string", printable(field_));
    if (state_ == State::kRoot && name_ == "__metadata__")
      refuse(at, "__metadata__ must be an object of strings");
    if (state_ == State::kRoot)
      refuse(at, "tensor '{}' must be an object of dtype, shape and data_offsets", name);
    if (state_ == State::kTensor && field_ == "dtype")
      refuse(at, "tensor '{}': dtype must be a string", name);
    refuse(at, "tensor '{}': {} must be an array of plain integers", name, field_);
  }

  void finish_tensor() {
    std::size_t at = tensor_at_;
    if (seen_ != (kDTypeSeen | kShapeSeen | kOffsetsSeen))
      refuse(at, "tensor '{}' lacks {}", printable(name_),
             !(seen_ & kDTypeSeen)   ? "dtype"
             : !(seen_ & kShapeSeen) ? "shape"
                                     : "data_offsets");
    if (offsets_.size() != 2)
      refuse(at, "tensor '{}': data_offsets has {} numbers, expected begin and end",
             printable(name_), offsets_.size());
    std::uint64_t begin = offsets_[0], end = offsets_[1];
    if (end < begin)
      refuse(at, "tensor '{}': data_offsets end at {}, before their begin {}", printable(name_),
             end, begin);

    // Zeros are left out of the product, so that no order of dimensions hides an overflow.
    std::uint64_t bytes = size_of(dtype_);
    bool overflow = false, empty = false;
    for (std::uint64_t d : dims_) {
      empty |= d == 0;
      if (d != 0) overflow |= __builtin_mul_overflow(bytes, d, &bytes);
    }
    overflow |= bytes > std::uint64_t{std::numeric_limits<std::int64_t>::max()};
    auto shape = [&] {
      return fmt::format("{} of shape [{}]", info(dtype_).safetensors, fmt::join(dims_, ", "));
    };
    if (overflow) refuse(at, "tensor '{}': {} is more than 2^63 bytes", printable(name_), shape());
    if (empty) bytes = 0;
    if (end - begin != bytes)
      refuse(at, "tensor '{}': {} takes {} bytes, but data_offsets [{}, {}] span {}",
             printable(name_), shape(), bytes, begin, end, end - begin);
    std::uint64_t offset = 0;
    if (__builtin_add_overflow(data_start_, begin, &offset) || offset + bytes < offset)
      refuse(at, "tensor '{}': data_offsets [{}, {}] are beyond any file", printable(name_), begin,
             end);

    SourceTensor tensor;
    tensor.name = name_;
    tensor.dtype = dtype_;
    tensor.shape.assign(dims_.begin(), dims_.end());
    tensor.offset = offset;
    tensor.nbytes = bytes;
    tensors_.push_back(std::move(tensor));
  }

  const std::uint64_t data_start_;
  const std::string where_;
  State state_ = State::kStart;
  std::string name_, field_;  // the last key of the root and of what is inside
  std::size_t tensor_at_ = 0;
  unsigned seen_ = 0;  // of the open tensor
  DType dtype_ = DType::kF32;
  std::vector<std::uint64_t> dims_, offsets_;
  std::vector<SourceTensor> tensors_;
};

// Three conditions leave no room for holes, overlaps, truncation or hidden bytes: the first tensor
// starts the data, each starts where the last one ended, and the last ends the file.
void throw_unless_tiled(const std::vector<SourceTensor>& tensors, std::uint64_t data_start,
                        std::uint64_t file_size, const std::string& where) {
  std::uint64_t end = data_start;
  const SourceTensor* last = nullptr;
  for (const SourceTensor& t : tensors) {
    if (t.offset != end)
      bad_input("{}: tensor '{}' starts at byte {} of the data, but {} at {}: {}", where,
                printable(t.name), t.offset - data_start,
                last ? fmt::format("'{}' ends", printable(last->name)) : "the data starts",
                end - data_start,
                t.offset < end ? "tensors overlap" : "bytes that belong to no tensor");
    end = t.offset + t.nbytes;
    last = &t;
  }
  if (end > file_size)
    bad_input("{}: has {} bytes, but its header describes {}: truncated; download it again", where,
              file_size, end);
  if (end < file_size)
    bad_input("{}: has {} bytes, but its header describes {}: {} bytes after the last tensor",
              where, file_size, end, file_size - end);
}

}  // namespace

std::uint64_t safetensors_header_length(std::string_view head, std::uint64_t file_size,
                                        const std::string& where) {
  std::string file = printable(where, 1024);
  if (file_size < 8)
    bad_input("{}: file shorter than 8 bytes ({}), so not safetensors; download it again", file,
              file_size);
  std::uint64_t length = 0;
  for (std::size_t i = 8; i-- > 0;)
    length = (length << 8) | static_cast<unsigned char>(head[i]);
  if (length > kMaxSafetensorsHeader) {
    throw_if_not_weights(head, where);
    bad_input("{}: header length {} is above the limit of {}, so not safetensors", file, length,
              kMaxSafetensorsHeader);
  }
  if (length > file_size - 8)
    bad_input("{}: has {} bytes, but its header alone ends at {}: truncated; download it again",
              file, file_size, length + 8);
  return length;
}

std::vector<SourceTensor> parse_safetensors_header(std::string_view header, std::uint64_t file_size,
                                                   const std::string& where) {
  std::uint64_t data_start = 8 + header.size();
  std::vector<SourceTensor> tensors;
  {
    HeaderReader reader(data_start, printable(where, 1024) + ": header");
    parse_json_events(header, where + ": header", kSafetensorsLimits, reader);
    tensors = reader.take();
  }
  std::stable_sort(tensors.begin(), tensors.end(),
                   [](const SourceTensor& a, const SourceTensor& b) {
                     return a.offset != b.offset ? a.offset < b.offset : a.nbytes < b.nbytes;
                   });
  throw_unless_tiled(tensors, data_start, file_size, printable(where, 1024));
  return tensors;
}

std::string read_safetensors_header(const InputFile& file) {
  constexpr std::uint64_t kHead = 512;  // enough for a git-lfs pointer
  std::string head(std::min(file.size(), kHead), '\0');
  file.read(0, std::as_writable_bytes(std::span(head)));
  std::uint64_t length = safetensors_header_length(head, file.size(), file.path());
  std::string header(length, '\0');
  file.read(8, std::as_writable_bytes(std::span(header)));
  return header;
}

std::vector<SourceTensor> read_safetensors(const InputFile& file,
                                           std::vector<std::string>& warnings) {
  std::string header = read_safetensors_header(file);
  if (header.size() > kLargeHeader)
    warnings.push_back(fmt::format("{}: the header has {} bytes; the hub refuses more than {}",
                                   printable(file.path(), 1024), header.size(), kLargeHeader));
  return parse_safetensors_header(header, file.size(), file.path());
}

}  // namespace mlc
