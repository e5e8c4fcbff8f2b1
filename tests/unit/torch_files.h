// PyTorch files written byte by byte, and what reading one gives.
#pragma once

#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <zlib.h>

#include "base/error.h"
#include "convert/torch_checkpoint.h"

#define EXPECT_HAS(outer, inner) EXPECT_PRED_FORMAT2(testing::IsSubstring, inner, outer)

namespace mlc::torch_files {

using namespace std::string_literals;

// These give const strings so that "literal" + them appends: g++ 12 warns of the other way
// (GCC bug 105651).
inline const std::string little(std::uint64_t value, std::size_t width) {
  std::string bytes;
  for (std::size_t i = 0; i < width; i++)
    bytes += static_cast<char>(i < sizeof value ? value >> (8 * i) & 0xFF : 0);
  return bytes;
}

inline std::uint32_t crc_of(const std::string& bytes) {
  return static_cast<std::uint32_t>(
      crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

// A zip archive with stored entries in the order given.
inline const std::string zip(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string file, directory;
  for (const auto& [name, data] : entries) {
    std::string common = little(0, 8) + little(crc_of(data), 4) + little(data.size(), 4) +
                         little(data.size(), 4) + little(name.size(), 2) + little(0, 2);
    directory += "PK\x01\x02"s + little(0, 2) + little(0, 2) + common + little(0, 10) +
                 little(file.size(), 4) + name;
    file += "PK\x03\x04"s + little(0, 2) + common + name + data;
  }
  std::size_t offset = file.size();
  return file + directory + "PK\x05\x06"s + little(0, 4) + little(entries.size(), 2) +
         little(entries.size(), 2) + little(directory.size(), 4) + little(offset, 4) + little(0, 2);
}

inline const std::string text(const std::string& s) { return "X"s + little(s.size(), 4) + s; }
inline const std::string integer(std::int64_t n) {
  return std::string("\x8a\x08", 2) + little(static_cast<std::uint64_t>(n), 8);
}
inline const std::string tuple(const std::vector<std::int64_t>& numbers) {
  std::string result = "(";
  for (std::int64_t n : numbers)
    result += integer(n);
  return result + "t";
}
inline const std::string kProto("\x80\x02", 2);
inline const std::string kNewFalse("\x89");

inline const std::string storage(const std::string& type, const std::string& key,
                                 std::int64_t numel) {
  return "("s + text("storage") + "ctorch\n"s + type + "\n"s + text(key) + text("cpu") +
         integer(numel) + "tQ";
}
inline const std::string tensor(const std::string& from, std::int64_t offset,
                                const std::string& shape, const std::string& strides) {
  return "ctorch._utils\n_rebuild_tensor_v2\n("s + from + integer(offset) + shape + strides +
         kNewFalse + "ccollections\nOrderedDict\n)RtR";
}
inline const std::string dict(const std::string& items) { return kProto + "}("s + items + "u."; }

inline const std::string archive(const std::string& pickle, const std::string& data) {
  return zip({{"a/data.pkl", pickle}, {"a/data/0", data}, {"a/version", "3\n"}});
}

inline const std::string floats(std::size_t n) {
  std::string bytes;
  for (std::size_t i = 0; i < n; i++) {
    auto value = static_cast<float>(i);
    std::uint32_t bits = 0;
    std::memcpy(&bits, &value, 4);
    bytes += little(bits, 4);
  }
  return bytes;
}

inline RandomAccess memory(const std::string& bytes) {
  return {"f", bytes.size(), [bytes](std::uint64_t offset, std::span<std::byte> out) {
            if (offset > bytes.size() || out.size() > bytes.size() - offset)
              throw std::logic_error("read beyond the file");
            std::memcpy(out.data(), bytes.data() + offset, out.size());
          }};
}

inline std::vector<std::byte> values(const SourceTensor& t, std::int64_t first,
                                     std::int64_t count) {
  std::vector<std::byte> out(static_cast<std::size_t>(count) * size_of(t.dtype));
  t.reader->read(first, count, out);
  return out;
}
inline std::vector<std::byte> values(const SourceTensor& t) { return values(t, 0, t.elements()); }

// Opens and reads everything; the error, or "".
inline std::string outcome(const RandomAccess& file) {
  try {
    for (const SourceTensor& t : read_torch(file))
      values(t);
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ExitCode::kBadInput) << e.what();
    return e.what();
  }
  return "";
}

inline std::string refusal_of(const std::string& pickle) {
  return outcome(memory(archive(pickle, floats(6))));
}

inline const std::string kW = text("w");
inline const std::string kSix = storage("FloatStorage", "0", 6);
inline const std::string kGood = dict(kW + tensor(kSix, 0, tuple({2, 3}), tuple({3, 1})));

}  // namespace mlc::torch_files
