#include "runtime-min/cpu/cpu_memory.h"

#include <cstring>
#include <fstream>
#include <limits>
#include <new>
#include <string>

#include <sys/mman.h>

#include "base/error.h"
#include "base/units.h"

namespace mlc {
namespace {

// From here on memory comes in pages of its own, and in huge ones where the system has them: with
// small pages, reading a large matrix is bound by the misses of the address cache.
constexpr std::uint64_t kOwnPages = std::uint64_t{4} << 20;
constexpr std::align_val_t kAlignment{64};

[[noreturn]] void no_memory(std::uint64_t bytes) {
  fail(ExitCode::kUnsupported, "cpu: a buffer needs {}, available are {}", bytes_text(bytes),
       bytes_text(machine_memory().available));
}

}  // namespace

CpuBuffer::CpuBuffer(std::uint64_t bytes) : Buffer(bytes) {
  if (bytes > std::numeric_limits<std::ptrdiff_t>::max()) no_memory(bytes);
  if (bytes < kOwnPages) {
    data_ = static_cast<std::byte*>(::operator new(bytes, kAlignment, std::nothrow));
    if (data_ == nullptr) no_memory(bytes);
    std::memset(data_, 0, bytes);
    return;
  }
  // The system promises more than it has, and ends programs that use it: ask first.
  const MachineMemory memory = machine_memory();
  if (memory.total != 0 && bytes > memory.available) no_memory(bytes);
  void* pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) no_memory(bytes);
  // A wish: where it is refused, pages are small.
  static_cast<void>(madvise(pages, bytes, MADV_HUGEPAGE));
  data_ = static_cast<std::byte*>(pages);
}

CpuBuffer::~CpuBuffer() {
  if (bytes() < kOwnPages)
    ::operator delete(data_, kAlignment);
  else
    munmap(data_, bytes());
}

MachineMemory machine_memory() {
  MachineMemory memory;
  std::ifstream file("/proc/meminfo");
  std::string name, unit;
  for (std::uint64_t kib = 0; file >> name >> kib;) {
    if (name == "MemTotal:") memory.total = kib * 1024;
    if (name == "MemAvailable:") memory.available = kib * 1024;
    std::getline(file, unit);
  }
  return memory;
}

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name") && line.find(": ") != std::string::npos)
      return printable(line.substr(line.find(": ") + 2));
  return "CPU";
}

}  // namespace mlc
