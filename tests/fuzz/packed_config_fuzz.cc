// quantization_config and adapter_config.json: any text is refused or gives values within the
// limits that the readers count on.
#include <cmath>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "convert/lora_config.h"
#include "convert/packed_config.h"

namespace {

template <class F>
void refused_or(F parse) {
  try {
    parse();
  } catch (const mlc::Error& e) {
    if (e.code() != mlc::ExitCode::kBadInput && e.code() != mlc::ExitCode::kUnsupported)
      __builtin_trap();
  }
}

void check(const mlc::PackedConfig& config) {
  for (const mlc::PackedInts& p : config.ints) {
    if (p.bits != 2 && p.bits != 4 && p.bits != 8) __builtin_trap();
    if (p.group_size != -1 && p.group_size < 1) __builtin_trap();
  }
  bool words = config.kind == mlc::PackedKind::kGptq || config.kind == mlc::PackedKind::kAwq;
  if (words && config.ints.size() != 1) __builtin_trap();
  if (config.weight_block && ((*config.weight_block)[0] < 1 || (*config.weight_block)[1] < 1))
    __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  mlc::Json json;
  try {
    json = mlc::parse_json(text, "fuzz");
  } catch (const mlc::Error&) {
    return 0;
  }
  refused_or([&] { check(mlc::parse_packed_config(json, "fuzz")); });
  for (mlc::PackedKind kind : {mlc::PackedKind::kGptq, mlc::PackedKind::kAwq})
    refused_or([&] { check(mlc::parse_packed_sidecar(json, "fuzz", kind)); });
  refused_or([&] {
    mlc::LoraConfig config = mlc::parse_lora_config(json, "fuzz");
    for (std::string_view module : {"model.layers.0.self_attn.q_proj", "q_proj", ""}) {
      if (config.rank_of(module) < 1) __builtin_trap();
      if (!std::isfinite(config.scaling_of(module))) __builtin_trap();
      (void)config.targets(module);
      (void)config.saves(module);
    }
  });
  return 0;
}
