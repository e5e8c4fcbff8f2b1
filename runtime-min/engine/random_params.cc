#include <algorithm>
#include <cmath>
#include <cstring>
#include <unordered_map>

#include "base/error.h"
#include "base/half.h"
#include "models/models.h"
#include "models/param_rules.h"
#include "quantize/group_quant.h"
#include "runtime-min/engine/param_store.h"

namespace mlc {
namespace {

// The same random bytes are used again and again: what they are has no part in how long it takes.
constexpr std::size_t kPool = std::size_t{1} << 20;

// splitmix64.
std::uint64_t next_random(std::uint64_t& state) {
  std::uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

// Group quantization, as convert/quant_rules.cc has it.
bool quantizes(const Quantization& q, const ParamSpec& spec) {
  if (q.kind != QuantKind::kGroup || spec.no_quantization) return false;
  if (spec.kind == ParamKind::kLinear)
    return !is_gate(spec) && (q.quantizes_final_fc || !is_final_fc(spec));
  if (spec.kind == ParamKind::kEmbedding) return q.quantizes_embedding;
  return spec.kind == ParamKind::kExperts;
}

enum class Fill : std::uint8_t { kCodes, kScales, kValues, kOnes };

class RandomParams : public ParamStore {
 public:
  explicit RandomParams(const LoadedModel& model) : quantization_(*model.quantization) {
    for (const ParamSpec& spec : expand_params(model.config, name_of(quantization_.kind)))
      add(spec);
    std::uint64_t state = model.seed;
    pools_.resize(4);
    DType dtype = quantization_.model_dtype;
    // Codes spread over 15 steps with a deviation of 4.3: weights of 1 / sqrt(k), as training
    // leaves them, keep activations in the range that they are made for. k is some thousands.
    fill(
        pools_[0], [&] { return next_random(state); }, 8);
    fill_halves(pools_[1], dtype, state, 0.002f, 0.004f);
    fill_halves(pools_[2], dtype, state, -0.03f, 0.03f);
    fill_halves(pools_[3], dtype, state, 1, 1);
  }

  const Record* find(std::string_view name) const override {
    auto found = params_.find(std::string(name));
    return found == params_.end() ? nullptr : &found->second.record;
  }

  void read(const Record& record, std::uint64_t offset, std::span<std::byte> out) const override {
    const std::vector<std::byte>& pool =
        pools_[static_cast<std::size_t>(params_.at(record.name).fill)];
    while (!out.empty()) {
      std::size_t at = offset % pool.size();
      std::size_t count = std::min(out.size(), pool.size() - at);
      std::memcpy(out.data(), pool.data() + at, count);
      out = out.subspan(count);
      offset += count;
    }
  }

  std::vector<std::string> names() const override {
    std::vector<std::string> names;
    for (const auto& [name, param] : params_)
      names.push_back(name);
    std::sort(names.begin(), names.end());
    return names;
  }

 private:
  struct Param {
    Record record;
    Fill fill;
  };

  void add(const ParamSpec& spec) {
    std::string module = spec.name.substr(0, spec.name.rfind('.'));
    if (!quantizes(quantization_, spec)) {
      Fill fill = Fill::kValues;
      if (spec.shape.size() == 1) fill = spec.name.ends_with(".bias") ? Fill::kValues : Fill::kOnes;
      return add(spec.name, spec.shape, quantization_.model_dtype, fill);
    }
    auto cols = static_cast<std::size_t>(spec.shape.back());
    std::vector<std::int64_t> words = spec.shape;
    std::vector<std::int64_t> groups = spec.shape;
    words.back() = static_cast<std::int64_t>(words_per_row(quantization_, cols));
    groups.back() = static_cast<std::int64_t>(groups_per_row(quantization_, cols));
    if (quantization_.layout == WeightLayout::kKN && spec.kind == ParamKind::kLinear) {
      std::reverse(words.begin(), words.end());
      std::reverse(groups.begin(), groups.end());
    }
    add(module + ".q_weight", words, DType::kU32, Fill::kCodes);
    add(module + ".q_scale", groups, quantization_.model_dtype, Fill::kScales);
  }

  void add(const std::string& name, const std::vector<std::int64_t>& shape, DType dtype,
           Fill fill) {
    Record record{.name = name, .shape = shape, .dtype = dtype};
    record.nbytes = dtype == DType::kU32 ? 4 : 2;
    for (std::int64_t side : shape)
      record.nbytes *= static_cast<std::uint64_t>(side);
    params_.emplace(name, Param{std::move(record), fill});
  }

  template <class Next>
  static void fill(std::vector<std::byte>& pool, Next next, std::size_t step) {
    pool.resize(kPool);
    for (std::size_t i = 0; i < kPool; i += step) {
      auto value = next();
      std::memcpy(pool.data() + i, &value, step);
    }
  }

  // float32 params travel as bfloat16.
  static void fill_halves(std::vector<std::byte>& pool, DType dtype, std::uint64_t& state,
                          float least, float most) {
    fill(
        pool,
        [&]() -> std::uint16_t {
          auto unit = static_cast<float>(next_random(state) >> 40) / float{1 << 24};
          float value = least + unit * (most - least);
          return dtype == DType::kF16 ? f32_to_f16(value) : f32_to_bf16(value);
        },
        2);
  }

  const Quantization& quantization_;
  std::unordered_map<std::string, Param> params_;
  std::vector<std::vector<std::byte>> pools_;  // by Fill
};

}  // namespace

std::unique_ptr<ParamStore> random_params(const LoadedModel& model) {
  return std::make_unique<RandomParams>(model);
}

}  // namespace mlc
