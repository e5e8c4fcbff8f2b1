// Archives of one array, for tests and the fuzz target.
#pragma once

#include <cstdint>
#include <string>

#include <zlib.h>

namespace mlc::test {

inline void append_little(std::string& out, std::uint64_t value, int width) {
  for (int i = 0; i < width; i++)
    out += i < 8 ? static_cast<char>(value >> (8 * i) & 0xFF) : '\0';
}

// An array of version 1.0 whose elements begin at a multiple of 64.
inline std::string npy(const std::string& header, const std::string& data) {
  std::string text = header;
  text.append(63 - (10 + text.size()) % 64, ' ');
  text += '\n';
  std::string bytes("\x93NUMPY\x01\x00", 8);
  append_little(bytes, text.size(), 2);
  return bytes + text + data;
}

// One stored entry.
inline std::string npz_of(const std::string& name, const std::string& data) {
  // Safe: zlib reads bytes.
  auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(data.data()), data.size());
  std::string common;
  append_little(common, 0, 8);
  append_little(common, crc, 4);
  append_little(common, data.size(), 4);
  append_little(common, data.size(), 4);
  append_little(common, name.size(), 2);
  append_little(common, 0, 2);
  std::string file("PK\x03\x04\x14\x00", 6);
  file += common + name + data;
  std::size_t offset = file.size();
  std::string directory("PK\x01\x02\x14\x00\x14\x00", 8);
  directory += common;
  append_little(directory, 0, 14);
  directory += name;
  file += directory;
  file.append("PK\x05\x06", 4);
  append_little(file, 0, 4);
  append_little(file, 1, 2);
  append_little(file, 1, 2);
  append_little(file, directory.size(), 4);
  append_little(file, offset, 4);
  append_little(file, 0, 2);
  return file;
}

}  // namespace mlc::test
