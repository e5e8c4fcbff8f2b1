// A device that does one thing wrong: what some dispatches write is changed after they ran.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime-min/device.h"
#include "runtime-min/engine/written.h"

namespace mlc {

class FaultyDevice : public Device {
 public:
  using Wrong = std::function<bool(const Dispatch&)>;              // which dispatches
  using Spoil = std::function<void(std::vector<float>& written)>;  // what becomes of their results

  FaultyDevice(std::unique_ptr<Device> inner, Wrong wrong, Spoil spoil)
      : inner_(std::move(inner)), wrong_(std::move(wrong)), spoil_(std::move(spoil)) {}

  const DeviceInfo& info() const override { return inner_->info(); }
  std::unique_ptr<Buffer> make_buffer(std::uint64_t bytes, BufferUse use) override {
    return inner_->make_buffer(bytes, use);
  }
  void write(Buffer& buffer, std::uint64_t offset, std::span<const std::byte> bytes) override {
    inner_->write(buffer, offset, bytes);
  }
  void read(const Buffer& buffer, std::uint64_t offset, std::span<std::byte> bytes) override {
    inner_->read(buffer, offset, bytes);
  }
  std::string variant_of(const Dispatch& dispatch) override { return inner_->variant_of(dispatch); }

  std::unique_ptr<Program> record(std::vector<Dispatch> dispatches) override {
    auto program = std::make_unique<Parts>();
    std::vector<Dispatch> part;
    for (std::size_t i = 0; i < dispatches.size(); i++) {
      part.push_back(dispatches[i]);
      bool wrong = wrong_(dispatches[i]);
      if (!wrong && i + 1 < dispatches.size()) continue;
      program->parts.push_back(
          {inner_->record(part), wrong ? written_by(dispatches[i]) : std::vector<WrittenSlice>()});
      part.clear();
    }
    return program;
  }

  void run(Program& program, std::vector<std::uint64_t>* /*nanoseconds*/) override {
    for (Part& part : dynamic_cast<Parts&>(program).parts) {
      inner_->run(*part.program);
      for (const WrittenSlice& slice : part.spoiled) {
        std::vector<float> values = read_written(*inner_, slice);
        spoil_(values);
        write_written(*inner_, slice, values);
      }
    }
  }

 private:
  struct Part {
    std::unique_ptr<Program> program;
    std::vector<WrittenSlice> spoiled;
  };
  struct Parts : Program {
    std::vector<Part> parts;
  };
  std::unique_ptr<Device> inner_;
  Wrong wrong_;
  Spoil spoil_;
};

}  // namespace mlc
