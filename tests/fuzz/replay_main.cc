// Runs a fuzz target on files, where libFuzzer is not at hand: each argument is a file or a folder
// of files. Fails when a folder is missing or empty, so that a lost corpus is noticed.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argc, char** argv) {
  namespace fs = std::filesystem;
  std::vector<fs::path> files;
  for (int i = 1; i < argc; i++) {
    std::size_t before = files.size();
    std::error_code error;
    if (fs::is_regular_file(argv[i], error)) files.emplace_back(argv[i]);
    for (fs::recursive_directory_iterator it(argv[i], error), end; !error && it != end;
         it.increment(error))
      if (it->is_regular_file()) files.push_back(it->path());
    if (files.size() == before) {
      std::fprintf(stderr, "%s: no inputs\n", argv[i]);
      return 1;
    }
  }
  std::sort(files.begin(), files.end());
  for (const fs::path& path : files) {
    std::ifstream in(path, std::ios::binary);
    std::vector<char> bytes((std::istreambuf_iterator<char>(in)), {});
    if (in.bad()) {
      std::fprintf(stderr, "%s: can't be read\n", path.c_str());
      return 1;
    }
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  }
  std::printf("%zu inputs replayed\n", files.size());
  return files.empty() ? 1 : 0;
}
