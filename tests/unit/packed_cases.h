// Checkpoints and expected values of tests/golden/formats, and small safetensors made in a test.
#pragma once

#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "base/half.h"
#include "base/hash.h"
#include "base/json.h"
#include "convert/source.h"
#include "convert/transform.h"
#include "quantize/cast_element.h"

namespace mlc::test {

namespace fs = std::filesystem;

// The folder or file in the project, or beside it, or "".
inline fs::path golden_format(const fs::path& name) {
  for (fs::path root : {fs::path(MLC_TEST_DATA) / "golden" / "formats",
                        fs::path(MLC_TEST_SHARED) / "golden" / "formats"})
    if (fs::exists(root / name)) return root / name;
  return {};
}

// All elements as float32, read in slabs of `slab` rows.
inline std::vector<float> values_of(const Checkpoint& checkpoint, const SourceTensor& t,
                                    std::int64_t slab) {
  std::vector<float> out;
  std::int64_t cols = col_count(t.shape);
  std::int64_t rows = row_count(t.shape);
  if (t.shape.size() < 2) slab = rows;
  for (std::int64_t r = 0; r < rows; r += slab) {
    std::int64_t n = std::min(slab, rows - r) * cols;
    std::vector<std::byte> bytes(static_cast<std::size_t>(n) * size_of(t.dtype));
    if (t.reader)
      t.reader->read(r * cols, n, bytes);
    else
      checkpoint.files[t.file].file->read(
          t.offset + static_cast<std::uint64_t>(r * cols) * size_of(t.dtype), bytes);
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); i++)
      out.push_back(
          with_element(t.dtype, bytes.data(), i, [](auto v) { return static_cast<float>(v); }));
  }
  return out;
}

// The hash of expected.json: little-endian float32, NaN as 0x7fc00000.
inline std::string sha256_of(std::vector<float> values) {
  for (float& v : values)
    if (v != v) v = bits_f32(0x7fc00000u);
  Sha256 sha;
  sha.update(std::as_bytes(std::span(values)));
  return hex(sha.finish());
}

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "mlc-formats-XXXXXX").string();
    path = mkdtemp(name.data());
  }
  ~TemporaryFolder() { fs::remove_all(path); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  fs::path path;
};

// One tensor of a file that a test writes.
struct Stored {
  std::string name;
  std::string dtype;  // as safetensors calls it
  std::vector<std::int64_t> shape;
  std::string bytes;
};

template <class T>
Stored stored(std::string name, std::string dtype, std::vector<std::int64_t> shape,
              const std::vector<T>& values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return {std::move(name), std::move(dtype), std::move(shape), std::move(bytes)};
}

inline void write_safetensors(const fs::path& path, const std::vector<Stored>& tensors) {
  Json header = Json::object();
  std::string data;
  for (const Stored& t : tensors) {
    Json shape = Json::array();
    for (std::int64_t d : t.shape)
      shape.push(d);
    Json offsets = Json::array();
    offsets.push(std::uint64_t{data.size()});
    data += t.bytes;
    offsets.push(std::uint64_t{data.size()});
    Json entry = Json::object();
    entry.set("dtype", t.dtype).set("shape", std::move(shape));
    entry.set("data_offsets", std::move(offsets));
    header.set(t.name, std::move(entry));
  }
  std::string text = dump_json(header);
  std::uint64_t n = text.size();
  std::string file(reinterpret_cast<const char*>(&n), sizeof n);
  write_file_atomically(path.string(), file + text + data);
}

}  // namespace mlc::test
