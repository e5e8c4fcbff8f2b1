#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "verify/kernel_cases/case_data.h"
#include "verify/kernel_cases/dispatch_case.h"

namespace mlc {
namespace {

constexpr std::uint32_t kPrompt = 32;  // rows: a pass of several, and so many positions

class NoBuffer : public Buffer {
 public:
  explicit NoBuffer(std::uint64_t bytes) : Buffer(bytes) {}
};

// Says what the engine asks a device for, and does nothing.
class ListeningDevice : public Device {
 public:
  explicit ListeningDevice(const DeviceInfo& info) : info_(info) {
    info_.memory_bytes = 0;  // not known: nothing is too much
  }

  const DeviceInfo& info() const override { return info_; }
  std::unique_ptr<Buffer> make_buffer(std::uint64_t bytes, BufferUse /*use*/) override {
    return std::make_unique<NoBuffer>(bytes);
  }
  void write(Buffer& /*buffer*/, std::uint64_t /*offset*/,
             std::span<const std::byte> /*bytes*/) override {}
  void read(const Buffer& /*buffer*/, std::uint64_t /*offset*/,
            std::span<std::byte> bytes) override {
    std::fill(bytes.begin(), bytes.end(), std::byte{});
  }
  std::unique_ptr<Program> record(std::vector<Dispatch> dispatches) override {
    heard_.insert(heard_.end(), dispatches.begin(), dispatches.end());
    return std::make_unique<Program>();
  }
  void run(Program& /*program*/, std::vector<std::uint64_t>* nanoseconds) override {
    if (nanoseconds != nullptr) nanoseconds->clear();
  }
  std::string variant_of(const Dispatch& /*dispatch*/) override { return ""; }

  std::vector<Dispatch> take() { return std::exchange(heard_, {}); }

 private:
  DeviceInfo info_;
  std::vector<Dispatch> heard_;
};

std::string_view format_of(const Dispatch& d) {
  if (d.kernel != Kernel::kEmbed && d.kernel != Kernel::kMatmul && d.kernel != Kernel::kMoeMatmul)
    return "";
  const auto weight = WeightFormat{d.words[0]};
  const bool grouped = weight == WeightFormat::kQ4 || weight == WeightFormat::kQ3;
  for (const Format& f : kFormats)
    if (f.weight == weight && (!grouped || f.scale == ScaleFormat{d.words[1]})) return f.name;
  return "";
}

}  // namespace

std::vector<KernelCase> cases_of_model(Device& device, const LoadedModel& model,
                                       std::uint64_t max_bytes) {
  ListeningDevice listening(device.info());
  LoadedModel any_weights = model;
  any_weights.folder.clear();
  EngineOptions options;
  options.context = 2 * kPrompt;
  options.prefill_rows = kPrompt;
  SilentReporter silent;
  const std::unique_ptr<Engine> engine = Engine::open(listening, any_weights, options, silent);
  std::vector<KernelCase> cases;
  std::map<std::pair<Kernel, std::array<std::uint32_t, kMaxWords>>, bool> seen;
  const auto forward = [&](std::uint32_t rows, std::uint32_t position) {
    const std::vector<RowInput> inputs(rows, RowInput{.slot = 0, .token = 1});
    std::vector<std::uint32_t> wanted(rows);
    for (std::uint32_t r = 0; r < rows; r++)
      wanted[r] = r;
    engine->forward(inputs, wanted);
    for (Dispatch& d : listening.take()) {
      if (!seen.emplace(std::pair(d.kernel, d.words), true).second) continue;
      KernelCase c{fmt::format("{}/{} row{}: {}", info_of(d.kernel).name, rows,
                               rows == 1 ? "" : "s", d.label),
                   d.kernel};
      c.format = format_of(d);
      // The buffers live as long as the engine does, which is not as long as the case: only which
      // of them are the same is looked at.
      c.make = [=] { return instance_of(d, position, max_bytes); };
      cases.push_back(std::move(c));
    }
  };
  forward(kPrompt, 0);
  forward(1, kPrompt);
  return cases;
}

}  // namespace mlc
