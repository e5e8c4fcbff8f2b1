// Tokenizers and texts: any file is refused, or tokenizes the text that follows it; ids are within
// the vocabulary, and a stream gives UTF-8. The input is the kind ('j' or 'r'), the file, a byte
// 0xFF (which no JSON has), and the text.
#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/utf8.h"
#include "runtime-min/tokenizer/tokenizer.h"

namespace {

using namespace mlc;

void check(const Tokenizer& tokenizer, const std::string& text) {
  std::vector<std::int32_t> ids = tokenizer.encode(text);
  StreamDecoder stream(tokenizer);
  for (std::int32_t id : ids) {
    // Special tokens that a template names need not be in the vocabulary.
    if (id < 0) __builtin_trap();
    if (find_invalid_utf8(stream.push(id)) != std::string::npos) __builtin_trap();
  }
  if (find_invalid_utf8(stream.finish()) != std::string::npos) __builtin_trap();
  if (find_invalid_utf8(tokenizer.decode(ids)) != std::string::npos) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::size_t end = bytes.rfind('\xFF');
  std::string text = end == std::string::npos ? "In the beginning" : bytes.substr(end + 1);
  std::string file = bytes.substr(0, end);
  try {
    check(
        data[0] == 'r' ? *parse_rwkv_tokenizer(file, "fuzz") : *parse_tokenizer_json(file, "fuzz"),
        text);
  } catch (const Error& e) {
    if (e.code() != ExitCode::kBadInput) __builtin_trap();
  }
  return 0;
}
