// Memory of the CPU device, and what this machine has of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "runtime-min/device.h"

namespace mlc {

class CpuBuffer : public Buffer {
 public:
  explicit CpuBuffer(std::uint64_t bytes);  // Error(kUnsupported) when memory is short
  ~CpuBuffer() override;
  CpuBuffer(const CpuBuffer&) = delete;
  CpuBuffer& operator=(const CpuBuffer&) = delete;

  std::byte* data() const { return data_; }

 private:
  std::byte* data_ = nullptr;
};

struct MachineMemory {
  std::uint64_t total = 0, available = 0;  // bytes
};
MachineMemory machine_memory();

std::string processor_name();  // "AMD EPYC 9B45", printable

}  // namespace mlc
