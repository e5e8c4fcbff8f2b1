#include "convert/npz.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/error.h"
#include "convert/torch_storage.h"
#include "convert/transform.h"

namespace mlc {
namespace {

// numpy/lib/format.py: magic, two bytes of version, the header's length in 2 or 4 bytes.
constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::uint64_t kMaxHeader = 65536;
constexpr std::size_t kMaxDims = 8;
constexpr std::string_view kSuffix = ".npy";

struct Letter {
  std::string_view descr;
  DType dtype;
};
constexpr std::array kLetters = {
    Letter{"<f2", DType::kF16}, Letter{"<f4", DType::kF32}, Letter{"<f8", DType::kF64},
    Letter{"|i1", DType::kI8},  Letter{"|u1", DType::kU8},  Letter{"<i2", DType::kI16},
    Letter{"<i4", DType::kI32}, Letter{"<i8", DType::kI64}, Letter{"<u2", DType::kU16},
    Letter{"<u4", DType::kU32}, Letter{"<u8", DType::kU64},
};

// The literal that numpy writes: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& where) : text_(text), where_(where) {}

  void parse() {
    expect('{');
    while (!accept('}')) {
      std::string key = quoted();
      expect(':');
      value(key);
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    if (!descr || !fortran || !shape)
      bad_input("{}: header without descr, fortran_order or shape", where_);
    // numpy pads with blanks up to a newline.
    std::size_t rest = text_.find_first_not_of(' ', at_);
    if (rest != text_.size() - 1 || text_[rest] != '\n') unexpected("blanks and a newline");
  }

  std::optional<std::string> descr;
  std::optional<bool> fortran;
  std::optional<std::vector<std::int64_t>> shape;

 private:
  [[noreturn]] void unexpected(std::string_view expected) const {
    bad_input("{}: header: byte {}: expected {}, found '{}'", where_, at_, expected,
              printable(text_.substr(std::min(at_, text_.size()), 32), 32));
  }
  void blanks() {
    while (at_ < text_.size() && text_[at_] == ' ')
      at_++;
  }
  bool accept(char c) {
    blanks();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    at_++;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) unexpected(std::string_view(&c, 1));
  }
  std::string quoted() {
    expect('\'');
    std::size_t end = text_.find_first_of("'\\", at_);
    if (end == std::string_view::npos || text_[end] != '\'') unexpected("a short text in quotes");
    std::string result(text_.substr(at_, end - at_));
    at_ = end + 1;
    return result;
  }
  bool word(std::string_view w) {
    if (!text_.substr(at_).starts_with(w)) return false;
    at_ += w.size();
    return true;
  }

  template <class T>
  void once(std::optional<T>& field, std::string_view key, T value) {
    if (field) bad_input("{}: header: {} occurs twice", where_, key);
    field = std::move(value);
  }

  void value(const std::string& key) {
    blanks();
    if (key == "descr") {
      if (at_ < text_.size() && text_[at_] == '[')
        bad_input("{}: an array of structures, expected plain numbers", where_);
      once(descr, key, quoted());
    } else if (key == "fortran_order") {
      bool turned = word("True");
      if (!turned && !word("False")) unexpected("True or False");
      once(fortran, key, turned);
    } else if (key == "shape") {
      once(shape, key, dimensions());
    } else {
      bad_input("{}: header: unknown key '{}'", where_, printable(key));
    }
  }

  std::vector<std::int64_t> dimensions() {
    std::vector<std::int64_t> result;
    expect('(');
    while (!accept(')')) {
      result.push_back(number());
      if (result.size() > kMaxDims) bad_input("{}: more than {} dimensions", where_, kMaxDims);
      bool comma = accept(',');
      if (comma) continue;
      // (3) is a number to Python, not a shape.
      if (result.size() == 1) unexpected("a comma after the only dimension");
      expect(')');
      break;
    }
    return result;
  }

  std::int64_t number() {
    blanks();
    std::size_t start = at_;
    std::int64_t n = 0;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; at_++)
      if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, text_[at_] - '0', &n))
        bad_input("{}: header: a dimension beyond 64 bits", where_);
    if (at_ == start || (text_[start] == '0' && at_ - start > 1)) unexpected("a dimension");
    return n;
  }

  std::string_view text_;
  const std::string& where_;
  std::size_t at_ = 0;
};

DType dtype_of(const std::string& descr, const std::string& where) {
  auto row = std::find_if(kLetters.begin(), kLetters.end(),
                          [&](const Letter& l) { return l.descr == descr; });
  if (row != kLetters.end()) return row->dtype;
  if (descr.find('O') != std::string::npos)
    bad_input("{}: an array of objects ('{}'), which is a pickle; nothing of it was run", where,
              printable(descr));
  if (descr.starts_with('>'))
    bad_input("{}: big-endian elements ('{}'), expected little-endian ones", where,
              printable(descr));
  if (descr == "|V2")
    bad_input(
        "{}: elements of two bytes without a type ('|V2'), as numpy saves bfloat16; save it as "
        "float32 or as safetensors",
        where);
  bad_input("{}: elements of type '{}' are not weights", where, printable(descr));
}

struct Array {
  DType dtype;
  std::vector<std::int64_t> shape, strides;  // strides in elements
  std::uint64_t header = 0;                  // bytes before the elements
  std::uint64_t nbytes = 0;
};

std::string read_at(const RandomAccess& file, std::uint64_t offset, std::uint64_t size) {
  std::string bytes(size, '\0');
  file.read(offset, std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

Array read_array(const RandomAccess& file, const ZipEntry& entry, const std::string& where) {
  if (entry.size < 10) bad_input("{}: {} bytes, too short for an array", where, entry.size);
  std::string head = read_at(file, entry.offset, std::min<std::uint64_t>(12, entry.size));
  auto byte = [&](std::size_t i) {
    return static_cast<std::uint64_t>(static_cast<unsigned char>(head[i]));
  };
  if (!head.starts_with(kMagic)) bad_input("{}: not an array of numpy", where);
  if (byte(6) < 1 || byte(6) > 3 || byte(7) != 0)
    bad_input("{}: version {}.{}, expected 1.0, 2.0 or 3.0", where, byte(6), byte(7));
  bool wide = byte(6) > 1;
  if (wide && head.size() < 12) bad_input("{}: cut short", where);
  std::uint64_t length = byte(8) | byte(9) << 8;
  if (wide) length |= byte(10) << 16 | byte(11) << 24;
  Array array{.dtype = DType::kF32, .shape = {}, .strides = {}};
  array.header = (wide ? 12u : 10u) + length;
  if (length == 0 || length > kMaxHeader || array.header > entry.size)
    bad_input("{}: header of {} bytes, but the entry has {} and the limit is {}", where, length,
              entry.size, kMaxHeader);
  std::string text = read_at(file, entry.offset + array.header - length, length);
  HeaderParser parser(text, where);
  parser.parse();
  array.dtype = dtype_of(*parser.descr, where);
  array.shape = *parser.shape;
  std::int64_t elements = checked_elements(array.shape, where);
  std::uint64_t size = size_of(array.dtype);
  if (__builtin_mul_overflow(static_cast<std::uint64_t>(elements), size, &array.nbytes) ||
      array.nbytes != entry.size - array.header)
    bad_input("{}: shape {} of {} needs {} x {} bytes, the entry has {} after its header", where,
              shape_text(array.shape), name_of(array.dtype), elements, size,
              entry.size - array.header);
  if (array.header % size != 0)
    bad_input("{}: a header of {} bytes leaves elements of {} unaligned", where, array.header,
              size);
  array.strides.resize(array.shape.size());
  // The products stay below `elements`, or one dimension is 0 and nothing is read; then they may
  // be anything, such as 1.
  std::int64_t stride = 1;
  for (std::size_t i = 0; i < array.shape.size(); i++) {
    std::size_t d = *parser.fortran ? i : array.shape.size() - 1 - i;
    array.strides[d] = stride;
    if (elements > 0) stride *= array.shape[d];
  }
  return array;
}

}  // namespace

std::vector<SourceTensor> read_npz(const RandomAccess& file) {
  ZipArchive zip = read_zip(file, ZipLayout::kFlat);
  std::sort(zip.entries.begin(), zip.entries.end(),
            [](const ZipEntry& a, const ZipEntry& b) { return a.offset < b.offset; });
  std::vector<SourceTensor> tensors;
  tensors.reserve(zip.entries.size());
  for (const ZipEntry& entry : zip.entries) {
    std::string where = fmt::format("{}: {}", file.where, printable(entry.name));
    if (!entry.name.ends_with(kSuffix) || entry.name.size() == kSuffix.size())
      bad_input("{}: expected a name that ends in {}", where, kSuffix);
    Array array = read_array(file, entry, where);
    SourceTensor tensor;
    tensor.name = entry.name.substr(0, entry.name.size() - kSuffix.size());
    tensor.dtype = array.dtype;
    tensor.shape = array.shape;
    tensor.offset = entry.offset + array.header;
    tensor.nbytes = array.nbytes;
    tensor.reader =
        std::make_shared<TorchReader>(std::make_shared<TorchStorage>(file, entry),
                                      TorchView{array.dtype, array.header / size_of(array.dtype),
                                                std::move(array.shape), std::move(array.strides)});
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

std::vector<SourceTensor> read_npz(std::shared_ptr<const InputFile> file) {
  RandomAccess access{.where = printable(file->path(), 1024), .size = file->size(), .read = {}};
  access.read = [file = std::move(file)](std::uint64_t offset, std::span<std::byte> out) {
    file->read(offset, out);
  };
  return read_npz(access);
}

}  // namespace mlc
