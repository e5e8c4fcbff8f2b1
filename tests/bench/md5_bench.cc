// MD5 in GB/s: one stream through OpenSSL, and several side by side, from memory and from files in
// the page cache (as the converter hashes its shards).
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/file.h"
#include "base/hash.h"

namespace mlc {
namespace {

constexpr std::size_t kStream = std::size_t{8} << 20;

void report(benchmark::State& state, std::size_t streams) {
  state.SetBytesProcessed(static_cast<std::int64_t>(streams * kStream) *
                          static_cast<std::int64_t>(state.iterations()));
}

void openssl_one_stream(benchmark::State& state) {
  std::vector<std::byte> data(kStream, std::byte{1});
  for (auto _ : state) {
    Md5 md5;
    md5.update(data);
    benchmark::DoNotOptimize(md5.finish());
  }
  report(state, 1);
}
BENCHMARK(openssl_one_stream);

void memory(benchmark::State& state) {
  auto streams = static_cast<std::size_t>(state.range(0));
  // Not a power of two apart: see md5_advance().
  constexpr std::size_t kSpacing = kStream + 4160;
  std::vector<std::byte> data(streams * kSpacing, std::byte{1});
  std::vector<std::span<const std::byte>> parts;
  for (std::size_t i = 0; i < streams; i++)
    parts.push_back(std::span<const std::byte>(data).subspan(i * kSpacing, kStream));
  for (auto _ : state)
    benchmark::DoNotOptimize(md5_many(parts));
  report(state, streams);
}
BENCHMARK(memory)->Arg(1)->Arg(2)->Arg(4)->Arg(8)->Arg(16)->Arg(32);

// Arguments: streams, block size in KiB.
void page_cache(benchmark::State& state) {
  auto streams = static_cast<std::size_t>(state.range(0));
  std::string name = (std::filesystem::temp_directory_path() / "mlc-md5-XXXXXX").string();
  std::string folder = mkdtemp(name.data());
  std::vector<OutputFile> files;
  std::vector<std::byte> data(kStream, std::byte{1});
  for (std::size_t i = 0; i < streams; i++) {
    files.emplace_back(folder + "/" + std::to_string(i), kStream);
    files.back().write(0, data);
  }
  std::vector<Md5Source> sizes(streams, {kStream});
  auto read = [](void* context, std::size_t stream, std::uint64_t offset,
                 std::span<std::byte> out) {
    (*static_cast<std::vector<OutputFile>*>(context))[stream].read(offset, out);
  };
  for (auto _ : state)
    benchmark::DoNotOptimize(
        md5_many(sizes, read, &files, static_cast<std::size_t>(state.range(1)) * 1024));
  report(state, streams);
  std::filesystem::remove_all(folder);
}
BENCHMARK(page_cache)->ArgsProduct({{8, 16, 32}, {4, 8, 16, 32, 64, 128, 256}});

}  // namespace
}  // namespace mlc
