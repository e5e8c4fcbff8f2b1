// A case on a device: its slices lie in one buffer, each behind a gap that has to stay as it is.
#include <cstring>

#include <fmt/format.h>

#include "verify/kernel_cases/case_data.h"

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
  std::string wrong, variant;
  std::vector<std::vector<std::uint32_t>> after;
};

Ran run(Device& device, const Instance& t) {
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
  auto program = device.record({dispatch});
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
  for (std::size_t i = 0; i < found.size() && result.wrong.empty(); i++)
    if (found[i] != image[i])
      result.wrong =
          fmt::format("byte {} of the buffer, outside of all slices, was written", from + 4 * i);
  return result;
}

double found_value(const std::vector<std::uint32_t>& words, std::size_t element, Element type) {
  if (type == Element::kF32) return double{bits_f32(words.at(element))};
  if (type == Element::kU32) return words.at(element);
  return double{
      f16_to_f32(static_cast<std::uint16_t>(words.at(element / 2) >> (element % 2 * 16)))};
}

}  // namespace

CaseResult run_case(Device& device, const KernelCase& c) {
  Instance t = c.make();
  evaluate(t);
  const Ran ran = run(device, t);
  CaseResult result{ran.wrong, ran.variant, 0};
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < kMaxBuffers; i++) {
    std::vector<std::uint32_t> rest = ran.after[i];
    const Element type = t.element[i];
    for (const Wanted& w : t.wanted[i]) {
      const double found = found_value(ran.after[i], w.element, type);
      const double error = std::isinf(w.value) && found == w.value ? 0 : std::fabs(found - w.value);
      if (error != 0 && error <= w.bound) result.worst = std::max(result.worst, error / w.bound);
      if (!(error <= w.bound) && wrong++ == 0)
        result.wrong = fmt::format("buffer {}, element {}: found {}, expected {} within {}", i,
                                   w.element, found, w.value, w.bound);
      if (type != Element::kF16) {
        rest[w.element] = t.buffers[i][w.element];
      } else {
        const std::uint32_t mask = 0xffffu << (w.element % 2 * 16);
        std::uint32_t& word = rest[w.element / 2];
        word = (word & ~mask) | (t.buffers[i][w.element / 2] & mask);
      }
    }
    for (std::size_t at = 0; at < rest.size(); at++)
      if (rest[at] != t.buffers[i][at] && wrong++ == 0)
        result.wrong = fmt::format("buffer {}, word {}: written, but not an output", i, at);
  }
  if (wrong > 1) result.wrong += fmt::format(" ({} are wrong)", wrong);
  return result;
}

std::vector<std::vector<std::uint32_t>> run_bits(Device& device, const KernelCase& c) {
  return run(device, c.make()).after;
}

}  // namespace mlc
