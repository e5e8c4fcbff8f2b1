// A GGUF file: any bytes are refused, or every tensor lies inside the file without overlap and can
// be decoded.
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "convert/gguf.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto read = [&](std::uint64_t offset, std::span<std::byte> out) {
    if (offset > size || out.size() > size - offset) __builtin_trap();
    if (!out.empty()) std::memcpy(out.data(), data + offset, out.size());
  };
  try {
    std::uint64_t end = 0;
    for (const mlc::GgufTensor& t : mlc::parse_gguf(read, size, "fuzz").tensors) {
      if (t.offset < end || t.offset > size || t.nbytes > size - t.offset) __builtin_trap();
      end = t.offset + t.nbytes;
      auto blocks = static_cast<std::size_t>(t.elements()) / t.type->elements;
      if (blocks * t.type->bytes != t.nbytes) __builtin_trap();
      if (!t.type->decode) continue;
      std::vector<std::byte> bytes(static_cast<std::size_t>(t.nbytes));
      read(t.offset, bytes);
      std::vector<float> values(static_cast<std::size_t>(t.elements()));
      t.type->decode(bytes.data(), blocks, values.data());
      if (t.type->lattice) t.type->lattice(bytes.data());
    }
  } catch (const mlc::Error& e) {
    if (e.code() != mlc::ExitCode::kBadInput) __builtin_trap();
  }
  return 0;
}
