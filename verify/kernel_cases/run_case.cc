// A case on a device: its slices lie in one buffer, each behind a gap that has to stay as it is.
#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "verify/kernel_cases/case_data.h"
#include "verify/kernel_cases/wrong_pattern.h"

namespace mlc {
namespace {

struct Layout {
  std::array<std::uint64_t, kMaxBuffers> offset = {};
  std::uint64_t bytes = 0;
};

Layout lay_out(const Instance& t, std::uint64_t alignment) {
  Layout layout;
  std::uint64_t at = t.front;
  for (std::size_t i = 0; i < kMaxBuffers; i++) {
    if (t.buffers[i].empty()) continue;
    at = (at + 4 + alignment - 1) / alignment * alignment;
    layout.offset[i] = at;
    at += t.buffers[i].size() * 4;
  }
  layout.bytes = (at + 64 + 3) / 4 * 4;
  return layout;
}

struct Ran {
  std::string outside, variant;
  std::vector<std::vector<std::uint32_t>> after;
  std::uint64_t nanoseconds = 0;
};

constexpr int kTimedRuns = 3;

Ran run(Device& device, const Instance& t, bool timed, CaseStage& stage) {
  stage = CaseStage::kMemory;
  const Layout layout = lay_out(t, device.info().slice_alignment);
  auto buffer = device.make_buffer(layout.bytes, BufferUse::kDevice);
  // What lies in front, up to 4 KiB of it, the gaps, and the slices.
  const std::uint64_t from = t.front > 4096 ? t.front - 4096 : 0;
  std::vector<std::uint32_t> image((layout.bytes - from) / 4, kGap);
  Dispatch dispatch{t.kernel};
  dispatch.words = t.words;
  dispatch.label = "case";
  for (std::size_t i = 0; i < info_of(t.kernel).buffers; i++) {
    const std::size_t home = t.same_as[i];
    if (t.buffers[home].empty()) continue;
    const std::size_t bytes = t.buffers[home].size() * 4;
    std::memcpy(image.data() + (layout.offset[home] - from) / 4, t.buffers[home].data(), bytes);
    dispatch.buffers[i] = {buffer.get(), layout.offset[home], bytes};
  }
  device.write(*buffer, from, std::as_bytes(std::span(image)));
  Ran result;
  result.variant = device.variant_of(dispatch);
  stage = CaseStage::kBuild;
  auto program = device.record({dispatch});
  stage = CaseStage::kRun;
  device.run(*program);
  std::vector<std::uint32_t> found(image.size());
  device.read(*buffer, from, std::as_writable_bytes(std::span(found)));
  result.after.resize(kMaxBuffers);
  for (std::size_t i = 0; i < kMaxBuffers; i++) {
    const std::size_t n = t.buffers[i].size(), at = (layout.offset[i] - from) / 4;
    if (n == 0) continue;
    result.after[i].assign(found.begin() + static_cast<std::ptrdiff_t>(at),
                           found.begin() + static_cast<std::ptrdiff_t>(at + n));
    std::memcpy(found.data() + at, image.data() + at, n * 4);
  }
  // With the slices as they were, nothing may have changed.
  for (std::size_t i = 0; i < found.size() && result.outside.empty(); i++)
    if (found[i] != image[i])
      result.outside =
          fmt::format("byte {} of the buffer, outside of all slices, was written", from + 4 * i);
  for (int turn = 0; timed && turn < kTimedRuns; turn++) {
    std::vector<std::uint64_t> times;
    device.run(*program, &times);
    if (!times.empty() && times[0] > 0)
      result.nanoseconds =
          turn == 0 ? times[0] : std::min<std::uint64_t>(result.nanoseconds, times[0]);
  }
  return result;
}

double found_value(const std::vector<std::uint32_t>& words, std::size_t element, Element type) {
  if (type == Element::kF32) return double{bits_f32(words.at(element))};
  if (type == Element::kU32) return words.at(element);
  return double{
      f16_to_f32(static_cast<std::uint16_t>(words.at(element / 2) >> (element % 2 * 16)))};
}

}  // namespace

namespace {

// What buffer i holds against what it has to hold.
class Comparison {
 public:
  Comparison(const Instance& t, const Ran& ran) : t_(t), ran_(ran) {}

  void add(std::size_t i) {
    const std::vector<std::uint32_t>& after = ran_.after[i];
    std::vector<std::uint32_t> rest = after;
    const Element type = t_.element[i];
    std::vector<bool> bad;
    for (const Wanted& w : t_.wanted[i]) {
      const double found = found_value(after, w.element, type);
      const double error = std::isinf(w.value) && found == w.value ? 0 : std::fabs(found - w.value);
      if (error != 0 && error <= w.bound) worst_ = std::max(worst_, error / w.bound);
      const bool is_wrong = !(error <= w.bound);
      bad.push_back(is_wrong);
      if (is_wrong && wrong_++ == 0)
        result_.wrong = w.bound == HUGE_VAL
                            ? fmt::format("buffer {}, element {}: found {}", i, w.element, found)
                            : fmt::format("buffer {}, element {}: found {}, expected {} within {}",
                                          i, w.element, found, w.value, w.bound);
      if (is_wrong)
        worst_ =
            w.bound > 0 && error < w.bound * 1e300 ? std::max(worst_, error / w.bound) : HUGE_VAL;
      if (type != Element::kF16) {
        rest[w.element] = t_.buffers[i][w.element];
      } else {
        const std::uint32_t mask = 0xffffu << (w.element % 2 * 16);
        std::uint32_t& word = rest[w.element / 2];
        word = (word & ~mask) | (t_.buffers[i][w.element / 2] & mask);
      }
    }
    if (result_.pattern.empty()) result_.pattern = wrong_pattern(bad, row_width(t_));
    for (std::size_t at = 0; at < rest.size(); at++)
      if (rest[at] != t_.buffers[i][at] && outside_++ == 0)
        first_outside_ = fmt::format("buffer {}, word {}: written, but not an output", i, at);
  }

  CaseResult result() && {
    result_.variant = ran_.variant;
    result_.nanoseconds = ran_.nanoseconds;
    result_.worst = worst_;
    if (wrong_ > 0) {
      result_.fault = CaseFault::kValue;
      if (wrong_ > 1) result_.wrong += fmt::format(" ({} are wrong)", wrong_);
    } else if (outside_ > 0 || !ran_.outside.empty()) {
      result_.fault = CaseFault::kOutside;
      result_.wrong = outside_ > 0 ? first_outside_ : ran_.outside;
      if (outside_ > 1) result_.wrong += fmt::format(" ({} are)", outside_);
    }
    return std::move(result_);
  }

 private:
  const Instance& t_;
  const Ran& ran_;
  CaseResult result_;
  std::string first_outside_;
  double worst_ = 0;
  std::size_t wrong_ = 0, outside_ = 0;
};

}  // namespace

CaseResult run_instance(Device& device, Instance t, bool timed, CaseStage& stage) {
  evaluate(t);
  for (auto& wanted : t.wanted)
    std::sort(wanted.begin(), wanted.end(),
              [](const Wanted& a, const Wanted& b) { return a.element < b.element; });
  const Ran ran = run(device, t, timed, stage);
  Comparison comparison(t, ran);
  for (std::size_t i = 0; i < kMaxBuffers; i++)
    comparison.add(i);
  return std::move(comparison).result();
}

CaseResult run_case(Device& device, const KernelCase& c) {
  CaseStage stage{};
  return run_instance(device, c.make(), false, stage);
}

std::vector<std::vector<std::uint32_t>> run_bits(Device& device, const KernelCase& c) {
  CaseStage stage{};
  return run(device, c.make(), false, stage).after;
}

}  // namespace mlc
