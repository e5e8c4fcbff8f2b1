// Raw arrays through the kernels, for quant_ref_check.py:
//   quant_cli quantize SCHEME RULE SRC_DTYPE ROWS COLS LEVEL < elements > words, then scales
//   quant_cli cast FROM TO LEVEL < elements > elements
// LEVEL is a SIMD level, or "reference".
#include <cstdio>
#include <iterator>
#include <string>
#include <vector>

#include "base/error.h"
#include "quantize/cast.h"
#include "quantize/group_quant.h"

namespace {

using namespace mlc;

std::vector<char> read_input() {
  std::vector<char> bytes;
  std::vector<char> block(1 << 20);
  while (std::size_t n = std::fread(block.data(), 1, block.size(), stdin))
    bytes.insert(bytes.end(), block.begin(), block.begin() + static_cast<std::ptrdiff_t>(n));
  return bytes;
}

void write_output(const void* data, std::size_t n) {
  if (std::fwrite(data, 1, n, stdout) != n) fail(ExitCode::kIo, "standard output is closed");
}

DType dtype_named(const std::string& name) {
  auto dtype = dtype_from_name(name);
  if (!dtype) fail(ExitCode::kUsage, "unknown dtype {}", name);
  return *dtype;
}

void quantize(const std::vector<std::string>& args) {
  const Quantization* q = find_quantization(args.at(1));
  const NumericRule* rule = find_numeric_rule(args.at(2));
  if (q == nullptr || rule == nullptr) fail(ExitCode::kUsage, "unknown quantization or rule");
  const DType dtype = dtype_named(args.at(3));
  const std::size_t rows = std::stoul(args.at(4)), cols = std::stoul(args.at(5));
  const std::vector<char> src = read_input();
  if (src.size() != rows * cols * size_of(dtype)) fail(ExitCode::kUsage, "wrong size of the input");
  std::vector<std::uint32_t> words(rows * words_per_row(*q, cols));
  std::vector<char> scales(rows * groups_per_row(*q, cols) * size_of(q->model_dtype));
  GroupQuantBlock block{src.data(), dtype, rows, cols, words.data(), scales.data()};
  QuantCounts counts;
  const bool reference = args.at(6) == "reference";
  if (!reference) limit_simd_level(args.at(6));
  (reference ? group_quantize_reference : group_quantize)(*q, *rule, block, false, counts);
  write_output(words.data(), words.size() * sizeof(std::uint32_t));
  write_output(scales.data(), scales.size());
}

void cast(const std::vector<std::string>& args) {
  const DType from = dtype_named(args.at(1)), to = dtype_named(args.at(2));
  const std::vector<char> src = read_input();
  const std::size_t n = src.size() / size_of(from);
  std::vector<char> dst(n * size_of(to));
  CastCounts counts;
  const bool reference = args.at(3) == "reference";
  if (!reference) limit_simd_level(args.at(3));
  (reference ? cast_elements_reference : cast_elements)(from, src.data(), to, dst.data(), n,
                                                        counts);
  write_output(dst.data(), dst.size());
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::vector<std::string> args(argv + 1, argv + argc);
    args.at(0) == "quantize" ? quantize(args) : cast(args);
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "quant_cli: %s\n", e.what());
    return 2;
  }
}
