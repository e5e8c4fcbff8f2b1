#include "runtime-min/cpu/cpu_program.h"

#include <algorithm>

#include "base/parallel.h"
#include "runtime-min/cpu/cpu_memory.h"

namespace mlc {
namespace {

// Handing out a chunk costs about 0.1 us.
constexpr std::size_t kChunkNanoseconds = 4000;
// Cores are not equally fast, nor ours alone: the last chunks even that out.
constexpr std::size_t kChunksPerThread = 32;

std::uint64_t next_serial() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

bool overlap(const Slice& a, const Slice& b) {
  return a.buffer != nullptr && a.buffer == b.buffer && a.offset < b.offset + b.bytes &&
         b.offset < a.offset + a.bytes;
}

// One of them writes what the other one touches.
bool conflict(const Dispatch& a, const Dispatch& b) {
  const std::uint32_t a_writes = info_of(a.kernel).written, b_writes = info_of(b.kernel).written;
  for (std::size_t i = 0; i < info_of(a.kernel).buffers; i++)
    for (std::size_t j = 0; j < info_of(b.kernel).buffers; j++)
      if (((a_writes >> i & 1) != 0 || (b_writes >> j & 1) != 0) &&
          overlap(a.buffers[i], b.buffers[j]))
        return true;
  return false;
}

}  // namespace

CpuProgram::CpuProgram(std::vector<Dispatch> dispatches,
                       const std::vector<const CpuKernel*>& kernels, unsigned threads)
    : dispatches_(std::move(dispatches)) {
  for (std::size_t i = 0; i < dispatches_.size(); i++) {
    const Dispatch& dispatch = dispatches_[i];
    Step& step = steps_.emplace_back();
    step.kernel = kernels[i];
    step.arguments.words = dispatch.words;
    for (std::size_t b = 0; b < kMaxBuffers; b++)
      if (const Slice& slice = dispatch.buffers[b]; slice.buffer != nullptr)
        step.arguments.data[b] = static_cast<CpuBuffer*>(slice.buffer)->data() + slice.offset;
    step.items = step.kernel->items(step.arguments);
    const std::size_t cost = std::max<std::size_t>(step.kernel->cost(step.arguments), 1);
    const std::size_t busy =
        step.kernel->busy == nullptr ? step.items : step.kernel->busy(step.arguments);
    const std::size_t share = busy / (threads * kChunksPerThread);
    step.chunk = std::max<std::size_t>({1, share, kChunkNanoseconds / cost});
    const std::size_t granule = step.kernel->granule;
    step.chunk = (step.chunk + granule - 1) / granule * granule;
    step.chunks = (step.items + step.chunk - 1) / step.chunk;
    step.lanes = std::vector<Lane>(threads);
    for (std::size_t t = 0; t < threads; t++) {
      step.lanes[t].begin = step.chunks * t / threads;
      step.lanes[t].end = step.chunks * (t + 1) / threads;
    }
    for (step.after = i; step.after > 0; step.after--)
      if (conflict(dispatches_[step.after - 1], dispatch)) break;
  }
}

bool CpuProgram::Watch::over() {
  if (stop.load(std::memory_order_relaxed)) return true;
  if (cancel_signal.load(std::memory_order_relaxed) == 0 &&
      std::chrono::steady_clock::now() < deadline)
    return false;
  stop.store(true, std::memory_order_relaxed);
  return true;
}

// Returns false when the run is over.
bool CpuProgram::run_chunks(Step& step, Lane& lane, Watch& watch) {
  // A thread that comes late looks before it counts.
  while (lane.next.load(std::memory_order_relaxed) < lane.end) {
    if (watch.over()) return false;
    const std::size_t chunk = lane.next.fetch_add(1, std::memory_order_relaxed);
    if (chunk >= lane.end) break;
    const std::size_t first = chunk * step.chunk;
    step.kernel->run(step.arguments, first, std::min(step.items, first + step.chunk));
    step.done.fetch_add(1, std::memory_order_release);
  }
  return true;
}

void CpuProgram::work(std::size_t begin, std::size_t end, std::size_t lane, Watch& watch) {
  std::size_t finished = begin;
  for (std::size_t i = begin; i < end; i++) {
    Step& step = steps_[i];
    for (; finished < step.after; finished++) {
      const Step& awaited = steps_[finished];
      Spin spin;
      while (awaited.done.load(std::memory_order_acquire) != awaited.chunks) {
        spin.turn();
        if (spin.turns() % 1024 == 0 && watch.over()) return;
      }
    }
    for (std::size_t other = 0; other < step.lanes.size(); other++)
      if (!run_chunks(step, step.lanes[(lane + other) % step.lanes.size()], watch)) return;
  }
}

std::size_t CpuProgram::run(CpuPool& pool, std::size_t begin, std::size_t end,
                            std::chrono::steady_clock::time_point deadline) {
  for (std::size_t i = begin; i < end; i++) {
    steps_[i].arguments.serial = next_serial();
    steps_[i].done.store(0, std::memory_order_relaxed);
    for (Lane& lane : steps_[i].lanes)
      lane.next.store(lane.begin, std::memory_order_relaxed);
  }
  Watch watch{deadline};
  std::atomic<std::size_t> arrived{0};
  pool.run([&] { work(begin, end, arrived++, watch); });
  for (std::size_t i = begin; i < end; i++)
    if (steps_[i].done != steps_[i].chunks) return i;
  return end;
}

}  // namespace mlc
