#include "convert/gguf.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <set>

#include "base/error.h"
#include "convert/not_weights.h"

namespace mlc {
namespace {

constexpr std::uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr std::uint64_t kMaxKey = 65535;
constexpr std::uint64_t kMaxName = 63;  // GGML_MAX_NAME - 1
constexpr std::uint32_t kMaxDims = 4;   // GGML_MAX_DIMS
constexpr std::uint64_t kMaxAlignment = 65536;
constexpr std::uint64_t kDefaultAlignment = 32;
// A chat template may be long, but no string that is kept is longer than this.
constexpr std::uint64_t kMaxString = std::uint64_t{16} << 20;
constexpr std::size_t kWindow = std::size_t{64} << 10;

enum ValueType : std::uint32_t { kBool = 7, kString = 8, kArray = 9 };
struct ValueTypeInfo {
  std::string_view name;
  std::uint32_t size;  // least bytes of a value
};
constexpr std::array<ValueTypeInfo, 13> kValueTypes = {{{"uint8", 1},
                                                        {"int8", 1},
                                                        {"uint16", 2},
                                                        {"int16", 2},
                                                        {"uint32", 4},
                                                        {"int32", 4},
                                                        {"float32", 4},
                                                        {"bool", 1},
                                                        {"string", 8},
                                                        {"array", 12},
                                                        {"uint64", 8},
                                                        {"int64", 8},
                                                        {"float64", 8}}};

// Types that files of 2023 and 2024 have and no reader knows any more.
constexpr std::array<std::uint32_t, 8> kRemovedTypes = {4, 5, 31, 32, 33, 36, 37, 38};

class HeaderParser {
 public:
  HeaderParser(const GgufReadAt& read, std::uint64_t size, const std::string& where)
      : read_(read), size_(size), where_(where) {}

  GgufHeader parse() {
    check_start();
    header_.version = u32("the version");
    if (header_.version == 0x02000000u || header_.version == 0x03000000u)
      refuse(
          "version {} with its bytes reversed: a big-endian file; convert it again on a "
          "little-endian machine",
          header_.version >> 24);
    if (header_.version < 2 || header_.version > 3)
      refuse("version {}, expected 2 or 3", header_.version);
    std::uint64_t tensors = u64("the number of tensors");
    std::uint64_t keys = u64("the number of keys");
    // A tensor info takes 8 + 1 + 4 + 8 + 4 + 8 bytes at least, a pair 8 + 1 + 4 + 1.
    expect_room(tensors, 33, "tensors");
    expect_room(keys, 14, "keys");
    for (std::uint64_t i = 0; i < keys; i++)
      read_pair();
    std::uint64_t alignment = read_alignment();
    header_.tensors.reserve(static_cast<std::size_t>(tensors));
    for (std::uint64_t i = 0; i < tensors; i++)
      read_tensor_info(alignment);
    place_tensors(alignment);
    return std::move(header_);
  }

 private:
  template <class... A>
  [[noreturn]] void refuse(fmt::format_string<A...> format, A&&... args) const {
    bad_input("{}: byte {}: {}", where_, at_, fmt::format(format, std::forward<A>(args)...));
  }

  std::uint64_t left() const { return size_ - at_; }

  void check_start() {
    std::array<char, 512> head{};
    std::size_t n = static_cast<std::size_t>(std::min<std::uint64_t>(head.size(), size_));
    read_(0, std::as_writable_bytes(std::span(head).first(n)));
    std::string_view text(head.data(), n);
    if (!text.starts_with("GGUF")) {
      throw_if_not_weights(text, where_);
      bad_input("{}: starts with '{}', expected 'GGUF'", where_,
                printable(text.substr(0, std::min<std::size_t>(n, 4))));
    }
    at_ = 4;
    static_assert(kMagic == ('G' | 'G' << 8 | 'U' << 16 | 'F' << 24));
  }

  void expect_room(std::uint64_t count, std::uint64_t least, std::string_view what) const {
    if (count > left() / least)
      refuse("{} {}, but the file has {} bytes left", count, what, left());
  }

  // The next bytes, through a window so that small fields cost no system call each.
  void take(void* out, std::size_t n, std::string_view what) {
    if (n > left()) refuse("the file ends inside {} ({} bytes left)", what, left());
    auto* to = static_cast<std::byte*>(out);
    while (n > 0) {
      if (at_ < window_at_ || at_ >= window_at_ + window_.size()) {
        window_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(kWindow, left())));
        window_at_ = at_;
        read_(at_, window_);
      }
      std::size_t from = static_cast<std::size_t>(at_ - window_at_);
      std::size_t part = std::min(n, window_.size() - from);
      std::memcpy(to, window_.data() + from, part);
      to += part;
      at_ += part;
      n -= part;
    }
  }

  template <class V>
  V number(std::string_view what) {
    static_assert(std::endian::native == std::endian::little);
    V v;
    take(&v, sizeof v, what);
    return v;
  }
  std::uint32_t u32(std::string_view what) { return number<std::uint32_t>(what); }
  std::uint64_t u64(std::string_view what) { return number<std::uint64_t>(what); }

  std::string string(std::uint64_t limit, std::string_view what) {
    std::uint64_t length = u64(what);
    if (length > left()) refuse("{} of {} bytes, but {} are left", what, length, left());
    if (length > limit) refuse("{} of {} bytes, the limit is {}", what, length, limit);
    std::string text(static_cast<std::size_t>(length), '\0');
    take(text.data(), text.size(), what);
    return text;
  }

  void skip(std::uint64_t n, std::string_view what) {
    if (n > left()) refuse("{} of {} bytes, but {} are left", what, n, left());
    at_ += n;
  }

  void read_pair() {
    std::string key = string(kMaxKey, "a key");
    if (key.empty()) refuse("an empty key");
    std::uint32_t type = u32("the type of a value");
    GgufValue value = read_value(key, type);
    if (!header_.metadata.emplace(key, std::move(value)).second)
      refuse("key '{}' occurs twice", printable(key));
  }

  const ValueTypeInfo& value_type(std::string_view key, std::uint32_t type) const {
    if (type >= kValueTypes.size())
      refuse("key '{}' has value type {}, expected 0 to {}", printable(key), type,
             kValueTypes.size() - 1);
    return kValueTypes[type];
  }

  bool read_bool(std::string_view key) {
    auto b = number<std::uint8_t>("a value");
    if (b > 1) refuse("key '{}': boolean {}, expected 0 or 1", printable(key), b);
    return b != 0;
  }

  GgufValue read_value(std::string_view key, std::uint32_t type) {
    value_type(key, type);
    auto natural = [](auto v) { return GgufValue(std::uint64_t{v}); };
    auto integer = [](auto v) { return GgufValue(std::int64_t{v}); };
    constexpr std::string_view kWhat = "a value";
    switch (type) {
      case 0:
        return natural(number<std::uint8_t>(kWhat));
      case 1:
        return integer(number<std::int8_t>(kWhat));
      case 2:
        return natural(number<std::uint16_t>(kWhat));
      case 3:
        return integer(number<std::int16_t>(kWhat));
      case 4:
        return natural(number<std::uint32_t>(kWhat));
      case 5:
        return integer(number<std::int32_t>(kWhat));
      case 6:
        return GgufValue(double{number<float>(kWhat)});
      case kBool:
        return GgufValue(read_bool(key));
      case kString:
        return GgufValue(string(kMaxString, "a string"));
      case kArray:
        return GgufValue(read_array(key));
      case 10:
        return natural(number<std::uint64_t>(kWhat));
      case 11:
        return integer(number<std::int64_t>(kWhat));
      default:
        return GgufValue(number<double>(kWhat));
    }
  }

  GgufArray read_array(std::string_view key) {
    std::uint32_t type = u32("the type of an array");
    const ValueTypeInfo& info = value_type(key, type);
    if (type == kArray) refuse("key '{}': an array of arrays", printable(key));
    std::uint64_t count = u64("the length of an array");
    expect_room(count, info.size, fmt::format("elements of key '{}'", printable(key)));
    if (type == kString) {
      for (std::uint64_t i = 0; i < count; i++)
        skip(u64("a string"), "a string");
    } else if (type == kBool) {
      for (std::uint64_t i = 0; i < count; i++)
        read_bool(key);
    } else {
      skip(count * info.size, "an array");  // can't wrap: expect_room
    }
    return {info.name, count};
  }

  std::uint64_t read_alignment() const {
    constexpr std::string_view kKey = "general.alignment";
    auto it = header_.metadata.find(kKey);
    if (it == header_.metadata.end()) return kDefaultAlignment;
    const auto* value = std::get_if<std::uint64_t>(&it->second);
    if (!value) refuse("{} is not an unsigned integer", kKey);
    if (*value < 8 || *value > kMaxAlignment || !std::has_single_bit(*value))
      refuse("{} is {}, expected a power of two from 8 to {}", kKey, *value, kMaxAlignment);
    return *value;
  }

  void read_tensor_info(std::uint64_t alignment) {
    GgufTensor tensor;
    tensor.name = string(kMaxName, "a tensor name");
    const std::string shown = printable(tensor.name);
    if (tensor.name.empty()) refuse("an empty tensor name");
    if (tensor.name.find('\0') != std::string::npos) refuse("tensor name '{}' has a NUL", shown);
    if (!names_.insert(tensor.name).second) refuse("tensor '{}' occurs twice", shown);
    std::uint32_t dims = u32("a number of dimensions");
    if (dims == 0 || dims > kMaxDims)
      refuse("tensor '{}' has {} dimensions, expected 1 to {}", shown, dims, kMaxDims);
    std::int64_t elements = 1;
    for (std::uint32_t i = 0; i < dims; i++) {
      auto dim = number<std::int64_t>("a dimension");
      if (dim < 1) refuse("tensor '{}' has a dimension of {}", shown, dim);
      if (__builtin_mul_overflow(elements, dim, &elements))
        refuse("tensor '{}' has more than 2^63 elements", shown);
      tensor.shape.insert(tensor.shape.begin(), dim);
    }
    std::uint32_t type = u32("a tensor type");
    tensor.type = find_gguf_type(type);
    if (!tensor.type) {
      bool removed =
          std::find(kRemovedTypes.begin(), kRemovedTypes.end(), type) != kRemovedTypes.end();
      refuse("tensor '{}' has {} type {}", shown, removed ? "the removed" : "an unknown",
             static_cast<std::int32_t>(type));
    }
    if (tensor.shape.back() % tensor.type->elements != 0)
      refuse("tensor '{}' has rows of {} elements, expected multiples of {} ({})", shown,
             tensor.shape.back(), tensor.type->elements, tensor.type->name);
    std::uint64_t blocks = static_cast<std::uint64_t>(elements) / tensor.type->elements;
    if (__builtin_mul_overflow(blocks, std::uint64_t{tensor.type->bytes}, &tensor.nbytes) ||
        tensor.nbytes > std::uint64_t{std::numeric_limits<std::int64_t>::max()})
      refuse("tensor '{}' has more than 2^63 bytes", shown);
    tensor.offset = u64("an offset");
    if (tensor.offset % alignment != 0)
      refuse("tensor '{}' has offset {}, expected a multiple of {}", shown, tensor.offset,
             alignment);
    header_.tensors.push_back(std::move(tensor));
  }

  // From offsets in the data to offsets in the file.
  void place_tensors(std::uint64_t alignment) {
    auto padding = [&](std::uint64_t n) { return (alignment - n % alignment) % alignment; };
    const std::uint64_t data = at_ + padding(at_);  // at_ <= file size < 2^63
    std::uint64_t end = 0;                          // of the tensors so far, in the data
    for (GgufTensor& t : header_.tensors) {
      const std::string shown = printable(t.name);
      end += padding(end);
      if (t.offset != end)
        refuse("tensor '{}' has offset {}, expected {}, where the one before it ends", shown,
               t.offset, end);
      std::uint64_t room = data > size_ || end > size_ - data ? 0 : size_ - data - end;
      if (t.nbytes > room)
        refuse("tensor '{}' has {} bytes from byte {} on, but the file ends at {}", shown, t.nbytes,
               data + end, size_);
      t.offset = data + end;
      end += t.nbytes;
    }
    std::uint64_t last = data + end + padding(end);
    header_.trailing = !header_.tensors.empty() && last < size_ ? size_ - last : 0;
  }

  const GgufReadAt& read_;
  std::uint64_t size_;
  const std::string& where_;
  std::uint64_t at_ = 0;
  std::vector<std::byte> window_;
  std::uint64_t window_at_ = 0;
  GgufHeader header_;
  std::set<std::string, std::less<>> names_;
};

}  // namespace

std::int64_t GgufTensor::elements() const {
  std::int64_t n = 1;
  for (std::int64_t d : shape)
    n *= d;
  return n;
}

const std::string* GgufHeader::text(std::string_view key) const {
  auto it = metadata.find(key);
  return it == metadata.end() ? nullptr : std::get_if<std::string>(&it->second);
}

std::optional<std::uint64_t> GgufHeader::integer(std::string_view key) const {
  auto it = metadata.find(key);
  if (it == metadata.end()) return std::nullopt;
  if (const auto* natural = std::get_if<std::uint64_t>(&it->second)) return *natural;
  const auto* integer = std::get_if<std::int64_t>(&it->second);
  if (!integer || *integer < 0) return std::nullopt;
  return static_cast<std::uint64_t>(*integer);
}

GgufHeader parse_gguf(const GgufReadAt& read, std::uint64_t file_size, const std::string& where) {
  return HeaderParser(read, file_size, where).parse();
}

GgufHeader read_gguf(const InputFile& file) {
  auto read = [&](std::uint64_t offset, std::span<std::byte> out) { file.read(offset, out); };
  return parse_gguf(read, file.size(), printable(file.path(), 1024));
}

}  // namespace mlc
