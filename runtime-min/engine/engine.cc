#include "runtime-min/engine/engine.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <optional>

#include "base/error.h"
#include "runtime-min/engine/forward_pass.h"
#include "runtime-min/engine/forward_plan.h"
#include "runtime-min/engine/param_store.h"
#include "runtime-min/engine/weights.h"
#include "runtime-min/engine/written.h"

namespace mlc {
namespace {

// Numbers of rows that have a pass of their own; others are filled up with rows that are inactive.
constexpr std::uint32_t kExactRows = 8;

std::uint32_t padded(std::uint32_t rows, std::uint32_t most) {
  if (rows <= kExactRows) return rows;
  return std::min(most, std::bit_ceil(rows));
}

// Where nobody asked for one: the model's, but no more than people mean.
std::uint32_t default_context(const LoadedModel& model) {
  bool shorter = model.context > 0 && model.context < kDefaultContext;
  return shorter ? static_cast<std::uint32_t>(model.context) : kDefaultContext;
}

class RunningEngine : public Engine {
 public:
  RunningEngine(Device& device, const LoadedModel& model, std::unique_ptr<ParamStore> params,
                const EngineOptions& options, Reporter& reporter)
      : device_(device),
        check_values_(options.check_values),
        store_(std::move(params)),
        weights_(*store_, model, device.info()),
        plan_(plan_forward(model.config)),
        pass_(device.info(), plan_, weights_, options, default_context(model)) {
    if (options.slots == 0) fail(ExitCode::kUsage, "an engine needs at least one slot");
    info_.model_type = model.config.model_type();
    info_.quantization = model.quantization->name;
    info_.layers = static_cast<std::uint32_t>(plan_.layers.size());
    info_.hidden = pass_.hidden();
    info_.vocab = pass_.vocab();
    info_.slots = options.slots;
    info_.params = weights_.params();
    info_.weight_bytes = weights_.bytes();
    info_.cache_bytes = pass_.cache_bytes();
    info_.activation_bytes = pass_.activation_bytes();
    info_.notes = plan_.notes;
    info_.context = pass_.context();
    std::vector<std::string> unused = weights_.unused();
    if (!unused.empty())
      info_.notes.push_back(fmt::format("{} params are not part of the forward pass: {}",
                                        unused.size(), printable_list(unused)));
    check_memory();
    for (const std::string& note : info_.notes)
      reporter.note(note);
    weights_.upload(device, reporter);
    pass_.allocate(device);
    positions_.assign(options.slots, 0);
  }

  const ModelInfo& info() const override { return info_; }

  std::span<const float> forward(std::span<const RowInput> rows,
                                 std::span<const std::uint32_t> wanted) override {
    std::vector<RowState> states = place(rows);
    check_wanted(wanted, rows.size());
    logits_.resize(wanted.size() * info_.vocab);
    profile_.clear();
    std::size_t done = 0;
    std::size_t given = 0;
    while (done < rows.size()) {
      std::size_t count = std::min<std::size_t>(rows.size() - done, pass_.rows());
      std::size_t last = given;
      while (last < wanted.size() && wanted[last] < done + count) {
        if (last - given == pass_.wanted()) {
          count = wanted[last] - done;
          break;
        }
        last++;
      }
      run(std::span(states).subspan(done, count), wanted.subspan(given, last - given), done,
          std::span(logits_).subspan(given * info_.vocab, (last - given) * info_.vocab));
      done += count;
      given = last;
    }
    return logits_;
  }

  std::uint32_t position(std::uint32_t slot) const override { return positions_[known(slot)]; }

  void reset(std::uint32_t slot) override {
    positions_[known(slot)] = 0;
    pass_.forget(device_, slot);
  }

  void truncate(std::uint32_t slot, std::uint32_t length) override {
    std::uint32_t& position = positions_[known(slot)];
    if (length > position)
      fail(ExitCode::kUsage, "slot {} holds {} tokens, fewer than {}", slot, position, length);
    if (length == 0) return reset(slot);
    if (position - length > pass_.kept(position))
      fail(ExitCode::kUnsupported,
           "slot {} can't go back from {} to {} tokens: the window has moved on, or layers keep a "
           "state; begin anew",
           slot, position, length);
    position = length;
  }

  void set_profiling(bool on) override { profiling_ = on; }
  const std::vector<KernelTime>& profile() const override { return profile_; }
  void set_trace(Trace trace) override { trace_ = std::move(trace); }

 private:
  struct Recorded {
    std::vector<PassStep> steps;
    std::unique_ptr<Program> program;
  };

  std::size_t known(std::uint32_t slot) const {
    if (slot >= positions_.size())
      fail(ExitCode::kUsage, "there is no slot {}; the engine has {}", slot, positions_.size());
    return slot;
  }

  void check_memory() const {
    std::uint64_t needed = info_.weight_bytes + info_.cache_bytes + info_.activation_bytes;
    std::uint64_t available = device_.info().memory_bytes;
    if (available != 0 && needed > available)
      fail(ExitCode::kUnsupported,
           "{}: the model needs {} bytes ({} for weights, {} for {} tokens in {} slots, {} for "
           "buffers), the device has {}",
           printable(device_.info().name), needed, info_.weight_bytes, info_.cache_bytes,
           info_.context, info_.slots, info_.activation_bytes, available);
  }

  // The positions of the rows; nothing has changed where this throws.
  std::vector<RowState> place(std::span<const RowInput> rows) {
    std::vector<std::uint32_t> lengths = positions_;
    std::vector<bool> seen(positions_.size());
    std::vector<RowState> states;
    states.reserve(rows.size());
    for (std::size_t i = 0; i < rows.size(); i++) {
      const RowInput& row = rows[i];
      std::size_t slot = known(row.slot);
      if (i == 0 || rows[i - 1].slot != row.slot) {
        if (seen[slot])
          fail(ExitCode::kUsage, "the rows of slot {} don't stand together", row.slot);
        seen[slot] = true;
      }
      if (row.token >= info_.vocab)
        fail(ExitCode::kUsage, "token {} is outside the vocabulary of {}", row.token, info_.vocab);
      states.push_back({.token = row.token, .slot = row.slot, .position = lengths[slot]++});
      if (lengths[slot] > info_.context) too_long(rows, row.slot);
    }
    lengths_ = std::move(lengths);
    return states;
  }

  [[noreturn]] void too_long(std::span<const RowInput> rows, std::uint32_t slot) const {
    auto more = std::count_if(rows.begin(), rows.end(),
                              [&](const RowInput& row) { return row.slot == slot; });
    fail(ExitCode::kUsage,
         "slot {} holds {} tokens and was given {} more; the context is {} tokens", slot,
         positions_[slot], more, info_.context);
  }

  void check_wanted(std::span<const std::uint32_t> wanted, std::size_t rows) const {
    for (std::size_t i = 0; i < wanted.size(); i++)
      if (wanted[i] >= rows || (i > 0 && wanted[i] <= wanted[i - 1]))
        fail(ExitCode::kUsage, "wanted row {} of {} is out of order or does not exist", wanted[i],
             rows);
  }

  Recorded& recorded(std::uint32_t rows, std::uint32_t wanted) {
    Recorded& entry = programs_[{rows, wanted}];
    if (entry.steps.empty()) entry.steps = pass_.steps(rows, wanted);
    if (entry.program != nullptr || check_values_ || trace_) return entry;
    std::vector<Dispatch> dispatches;
    dispatches.reserve(entry.steps.size());
    for (const PassStep& step : entry.steps)
      dispatches.push_back(step.dispatch);
    entry.program = device_.record(std::move(dispatches));
    return entry;
  }

  template <class T>
  void write(const Slice& slice, std::span<const T> values) {
    device_.write(*slice.buffer, slice.offset, std::as_bytes(values));
  }

  // One pass over at most pass_.rows() rows; `first` is the index of the first.
  void run(std::span<const RowState> rows, std::span<const std::uint32_t> wanted, std::size_t first,
           std::span<float> logits) {
    auto count = static_cast<std::uint32_t>(rows.size());
    std::uint32_t padded_rows = padded(count, pass_.rows());
    auto gathered = static_cast<std::uint32_t>(wanted.size());
    // All rows of a pass that is full need no gathering; a pass that has idle rows always does,
    // unless it computes no logits.
    std::uint32_t padded_wanted = gathered == 0 ? 0 : padded(gathered, pass_.wanted());
    host_rows_.assign(rows.begin(), rows.end());
    host_rows_.resize(padded_rows, RowState{.slot = kInactive});
    write(pass_.state(), std::span<const RowState>(host_rows_));
    if (padded_wanted != 0 && padded_wanted != padded_rows) {
      std::vector<RowState> gather;
      for (std::uint32_t row : wanted)
        gather.push_back({.token = static_cast<std::uint32_t>(row - first)});
      gather.resize(padded_wanted, RowState{.slot = kInactive});
      write(pass_.gather(), std::span<const RowState>(gather));
    }
    write_rope_tables(rows, padded_rows);
    Recorded& entry = recorded(padded_rows, padded_wanted);
    if (check_values_)
      run_checked(entry.steps);
    else if (trace_)
      run_traced(entry.steps);
    else
      run_recorded(entry, rows);
    for (const RowState& row : rows)
      positions_[row.slot] = row.position + 1;
    if (gathered == 0) return;
    Slice slice = pass_.logits();
    if (padded_wanted != padded_rows || gathered == count) {
      device_.read(*slice.buffer, slice.offset, std::as_writable_bytes(logits));
      return;
    }
    // As many rows wanted as the pass has, some of them idle: those are picked out here.
    for (std::size_t i = 0; i < wanted.size(); i++)
      device_.read(*slice.buffer, slice.offset + (wanted[i] - first) * info_.vocab * sizeof(float),
                   std::as_writable_bytes(logits.subspan(i * info_.vocab, info_.vocab)));
  }

  void write_rope_tables(std::span<const RowState> rows, std::uint32_t padded_rows) {
    std::vector<std::uint32_t> positions(padded_rows, 0);
    std::vector<std::uint32_t> lengths(padded_rows, 0);
    for (std::size_t r = 0; r < rows.size(); r++) {
      positions[r] = rows[r].position;
      lengths[r] = lengths_[rows[r].slot];
    }
    for (std::size_t i = 0; i < plan_.ropes.size(); i++) {
      table_.resize(std::size_t{padded_rows} * plan_.ropes[i].dims);
      fill_rope_table(plan_.ropes[i], positions, lengths, table_);
      write(pass_.rope_table(i), std::span<const float>(table_));
    }
  }

  void run_recorded(Recorded& entry, std::span<const RowState> rows) {
    if (!profiling_) return device_.run(*entry.program);
    std::vector<std::uint64_t> times;
    device_.run(*entry.program, &times);
    for (std::size_t i = 0; i < entry.steps.size(); i++) {
      const PassStep& step = entry.steps[i];
      std::uint64_t seen = 0;
      for (const RowState& row : rows)
        seen += step.window == 0 ? row.position + 1 : std::min(row.position + 1, step.window);
      profile_.push_back({.label = step.dispatch.label,
                          .kernel = step.dispatch.kernel,
                          .variant = device_.variant_of(step.dispatch),
                          .nanoseconds = i < times.size() ? times[i] : 0,
                          .bytes = step.bytes + seen * step.bytes_per_position});
    }
  }

  // Each dispatch alone, with a look at what it wrote.
  void run_checked(const std::vector<PassStep>& steps) {
    for (const PassStep& step : steps) {
      const Dispatch& d = step.dispatch;
      std::unique_ptr<Program> program = device_.record({d});
      device_.run(*program);
      const KernelInfo& kernel = info_of(d.kernel);
      for (std::uint32_t b = 0; b < kernel.buffers; b++) {
        bool floats = d.kernel != Kernel::kKvStore && !(d.kernel == Kernel::kTopExperts && b == 1);
        if (floats && (kernel.written >> b & 1) != 0 && d.buffers[b].buffer != nullptr)
          check_finite(d, d.buffers[b]);
      }
    }
  }

  void check_finite(const Dispatch& d, const Slice& slice) {
    std::vector<float> values(slice.bytes / sizeof(float));
    device_.read(*slice.buffer, slice.offset, std::as_writable_bytes(std::span(values)));
    auto bad =
        std::find_if(values.begin(), values.end(), [](float v) { return !std::isfinite(v); });
    if (bad != values.end())
      fail(ExitCode::kVerify, "{}: the kernel {} ({}) of {} gave {} as element {}",
           printable(device_.info().name), info_of(d.kernel).name, device_.variant_of(d), d.label,
           *bad, bad - values.begin());
  }

  void run_traced(const std::vector<PassStep>& steps) {
    for (std::size_t i = 0; i < steps.size(); i++) {
      const Dispatch& d = steps[i].dispatch;
      std::unique_ptr<Program> program = device_.record({d});
      device_.run(*program);
      const Dispatch* next = i + 1 < steps.size() ? &steps[i + 1].dispatch : nullptr;
      TraceStep step{.label = d.label,
                     .kernel = d.kernel,
                     .variant = device_.variant_of(d),
                     .last = next == nullptr || next->label != d.label || next->kernel != d.kernel,
                     .written = {}};
      std::vector<WrittenSlice> slices = written_by(d);
      for (const WrittenSlice& slice : slices)
        step.written.push_back(read_written(device_, slice));
      if (!trace_(step)) continue;
      for (std::size_t w = 0; w < slices.size(); w++)
        write_written(device_, slices[w], step.written.at(w));
    }
  }

  Device& device_;
  bool check_values_;
  std::unique_ptr<ParamStore> store_;
  Weights weights_;  // before the plan: it bounds the number of layers
  ForwardPlan plan_;
  ForwardPass pass_;
  ModelInfo info_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, Recorded> programs_;
  std::vector<std::uint32_t> positions_;  // of each slot
  std::vector<std::uint32_t> lengths_;    // of each slot, once the call is done
  std::vector<RowState> host_rows_;
  std::vector<float> table_;
  std::vector<float> logits_;
  bool profiling_ = false;
  std::vector<KernelTime> profile_;
  Trace trace_;
};

}  // namespace

std::unique_ptr<Engine> Engine::open(Device& device, const LoadedModel& model,
                                     const EngineOptions& options, Reporter& reporter) {
  return open(device, model,
              model.folder.empty() ? random_params(model) : open_folder(model.folder), options,
              reporter);
}

std::unique_ptr<Engine> Engine::open(Device& device, const LoadedModel& model,
                                     std::unique_ptr<ParamStore> params,
                                     const EngineOptions& options, Reporter& reporter) {
  return std::make_unique<RunningEngine>(device, model, std::move(params), options, reporter);
}

}  // namespace mlc
