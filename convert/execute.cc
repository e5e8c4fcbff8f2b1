#include "convert/execute.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <mutex>
#include <set>

#include "base/error.h"
#include "base/hash.h"
#include "base/parallel.h"
#include "convert/found_lattices.h"
#include "convert/largest_values.h"
#include "convert/memory_gate.h"
#include "convert/unit_runner.h"
#include "convert/work.h"

namespace mlc {
namespace {

// As many shards as the widest MD5 has lanes are hashed together.
constexpr std::size_t kHashLanes = 16;
constexpr std::size_t kHashBlock = std::size_t{64} << 10;
// Reading back 16 lanes, program text and library heaps.
constexpr std::uint64_t kFixedMemory = std::uint64_t{40} << 20;

std::uint64_t block_bytes(unsigned threads, std::uint64_t max_memory) {
  // A unit holds about three times its block at most (packed KN: eight blocks, twice).
  std::uint64_t share = max_memory > 2 * kFixedMemory ? (max_memory - kFixedMemory) / threads / 24
                                                      : std::uint64_t{64} << 10;
  return std::clamp(share, std::uint64_t{64} << 10, kBlockBytes);
}

class Execution {
 public:
  Execution(const Plan& plan, const Checkpoint& checkpoint, const ExecuteOptions& options,
            ShardStore& store, Reporter& reporter)
      : plan_(plan),
        checkpoint_(checkpoint),
        options_(options),
        store_(store),
        reporter_(reporter),
        work_(cut_into_units(plan, checkpoint, block_bytes(options.threads, options.max_memory))),
        gate_(options.max_memory > kFixedMemory ? options.max_memory - kFixedMemory : 0),
        scan_{plan, checkpoint, options, store, gate_},
        lattices_(plan) {
    unhashed_ = store_.count() - store_.done_count();
    // A shard of params without elements: no unit completes it.
    for (std::size_t s = 0; s < store_.count(); s++)
      if (store_.size(s) == 0 && !store_.is_done(s)) to_hash_.push_back(s);
  }

  ExecuteResult run() {
    // Before finished units are dropped: what is found must not depend on what is done.
    if (options_.keep_lattices) times_ += find_lattices(scan_, work_.units, lattices_, reporter_);
    drop_finished_units();
    quantized_.resize(work_.units.size());
    cast_.resize(work_.units.size());
    errors_.resize(work_.units.size());
    std::vector<MaxAbs> largest = find_largest_values(scan_, work_.units, times_, reporter_);
    scales_ = whole_scales(largest, *options_.rule);
    // Every scale of a whole param is known from here on.
    reporter_.begin("convert", pending_bytes());
    parallel_for(options_.threads, options_.threads, [&](std::size_t, unsigned) { worker(); });
    // Every shard is complete and hashed from here on; the kernel has been writing them out
    // meanwhile.
    auto start = std::chrono::steady_clock::now();
    reporter_.begin("sync", 0);
    parallel_for(options_.threads, options_.threads,
                 [&](std::size_t, unsigned) { store_.sync_finished(); });
    reporter_.end();
    ExecuteResult result;
    result.sync_seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    // In unit order, so that sums of doubles do not depend on which thread was faster.
    std::set<std::size_t> nonfinite;
    result.params.resize(plan_.steps.size());
    for (std::size_t u = 0; u < work_.units.size(); u++) {
      result.quantized += quantized_[u];
      result.cast += cast_[u];
      if (quantized_[u].nan_values + quantized_[u].inf_values + cast_[u].nan_values +
          cast_[u].inf_values)
        nonfinite.insert(work_.units[u].step);
      ParamResult& param = result.params[work_.units[u].step];
      param.seen = true;
      param.groups += quantized_[u].groups;
      param.lattice_groups += quantized_[u].lattice_groups;
      param.error += errors_[u];
    }
    for (const ParamResult& param : result.params)
      result.lossless_params += param.groups > 0 && param.lattice_groups == param.groups ? 1u : 0u;
    result.found_lattices = lattices_.count();
    for (std::size_t s : nonfinite)
      result.nonfinite.push_back(plan_.steps[s].spec.name);
    for (std::size_t s = 0; s < store_.count(); s++)
      result.md5.push_back(store_.md5(s));
    result.times = times_;
    return result;
  }

 private:
  // A unit is needed if one of its records lies in a shard that is not finished.
  void drop_finished_units() {
    std::erase_if(work_.units, [&](const WorkUnit& unit) {
      const PlanStep& step = plan_.steps[unit.step];
      return std::all_of(step.records.begin(), step.records.end(),
                         [&](const PlanRecord& r) { return store_.is_done(r.shard); });
    });
  }

  std::uint64_t unit_bytes(const WorkUnit& unit) const {
    return unit_source_bytes(plan_, checkpoint_, unit);
  }

  std::uint64_t pending_bytes() const {
    std::uint64_t sum = 0;
    for (const WorkUnit& unit : work_.units)
      sum += unit_bytes(unit);
    return sum;
  }

  void worker() {
    UnitRunner runner(plan_, checkpoint_, options_, store_, scales_, lattices_);
    try {
      while (!stop_) {
        throw_if_cancelled();
        std::vector<std::size_t> batch = take_hash_batch();
        if (!batch.empty()) {
          hash(batch, runner.times);
          continue;
        }
        std::size_t u = next_.fetch_add(1);
        if (u >= work_.units.size()) {
          std::lock_guard lock(mutex_);
          units_exhausted_ = true;
          if (to_hash_.empty()) break;
          continue;
        }
        run_unit(u, runner);
      }
    } catch (...) {
      stop_ = true;
      throw;
    }
    std::lock_guard lock(mutex_);
    times_ += runner.times;
  }

  void run_unit(std::size_t u, UnitRunner& runner) {
    const WorkUnit& unit = work_.units[u];
    GatePass pass(gate_, unit_memory(plan_, checkpoint_, unit));
    UnitRunner::Result result = runner.run(unit);
    quantized_[u] = result.quantized;
    cast_[u] = result.cast;
    errors_[u] = result.error;
    reporter_.advance(unit_bytes(unit));
    if (result.complete.empty()) return;
    std::lock_guard lock(mutex_);
    to_hash_.insert(to_hash_.end(), result.complete.begin(), result.complete.end());
  }

  // A batch takes as long as its longest shard, however many lanes are filled. So: full lanes while
  // there is other work, and the last shards in equal parts, one part a thread.
  std::vector<std::size_t> take_hash_batch() {
    std::lock_guard lock(mutex_);
    std::size_t n = kHashLanes;
    if (units_exhausted_)
      n = std::min(n, (to_hash_.size() + options_.threads - 1) / options_.threads);
    else if (to_hash_.size() < n || unhashed_ <= n * options_.threads)
      return {};
    unhashed_ -= n;
    std::vector<std::size_t> batch(to_hash_.begin(),
                                   to_hash_.begin() + static_cast<std::ptrdiff_t>(n));
    to_hash_.erase(to_hash_.begin(), to_hash_.begin() + static_cast<std::ptrdiff_t>(n));
    return batch;
  }

  void hash(const std::vector<std::size_t>& batch, StageTimes& times) {
    auto start = std::chrono::steady_clock::now();
    std::vector<std::shared_ptr<OutputFile>> files;
    std::vector<Md5Source> streams;
    for (std::size_t shard : batch) {
      files.push_back(store_.complete_file(shard));
      streams.push_back({store_.size(shard)});
    }
    auto read = [](void* context, std::size_t stream, std::uint64_t offset,
                   std::span<std::byte> out) {
      throw_if_cancelled();
      (*static_cast<std::vector<std::shared_ptr<OutputFile>>*>(context))[stream]->read(offset, out);
    };
    std::vector<Md5Digest> digests = md5_many(streams, read, &files, kHashBlock);
    auto hashed = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < batch.size(); i++)
      store_.finish(batch[i], hex(digests[i]));
    times.hash += std::chrono::duration<double>(hashed - start).count();
    times.sync += std::chrono::duration<double>(std::chrono::steady_clock::now() - hashed).count();
  }

  const Plan& plan_;
  const Checkpoint& checkpoint_;
  const ExecuteOptions& options_;
  ShardStore& store_;
  Reporter& reporter_;
  WorkList work_;
  std::vector<float> scales_;  // by step
  MemoryGate gate_;
  SourceScan scan_;
  FoundLattices lattices_;
  std::vector<QuantCounts> quantized_;
  std::vector<CastCounts> cast_;
  std::vector<ErrorSums> errors_;
  std::atomic<bool> stop_ = false;
  std::atomic<std::size_t> next_ = 0;
  std::mutex mutex_;
  std::deque<std::size_t> to_hash_;
  std::size_t unhashed_ = 0;
  bool units_exhausted_ = false;
  StageTimes times_;
};

}  // namespace

StageTimes& StageTimes::operator+=(const StageTimes& other) {
  read += other.read;
  transform += other.transform;
  quantize += other.quantize;
  write += other.write;
  hash += other.hash;
  sync += other.sync;
  return *this;
}

std::uint64_t planned_memory(const Plan& plan, const Checkpoint& checkpoint, unsigned threads,
                             std::uint64_t max_memory) {
  WorkList work = cut_into_units(plan, checkpoint, block_bytes(threads, max_memory));
  std::uint64_t limit = max_memory > kFixedMemory ? max_memory - kFixedMemory : 0;
  return kFixedMemory +
         std::max(work.largest_unit_bytes, std::min(limit, threads * work.largest_unit_bytes));
}

ExecuteResult execute_plan(const Plan& plan, const Checkpoint& checkpoint,
                           const ExecuteOptions& options, ShardStore& store, Reporter& reporter) {
  return Execution(plan, checkpoint, options, store, reporter).run();
}

}  // namespace mlc
