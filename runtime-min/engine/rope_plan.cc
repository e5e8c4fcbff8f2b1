#include "runtime-min/engine/rope_plan.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace mlc {
namespace {

class Scaling {
 public:
  Scaling(const Json& json, const ModelConfig& config) : json_(json), config_(config) {}

  std::optional<double> find(std::string_view name) const {
    const Json* value = json_.find(name);
    if (value == nullptr || value->is_null()) return std::nullopt;
    return value->as_double(where(name));
  }
  double number(std::string_view name) const {
    if (std::optional<double> value = find(name)) return *value;
    bad_input("{} is missing", where(name));
  }
  // Of the object, or of the model.
  std::optional<double> wide(std::string_view name) const {
    if (std::optional<double> value = find(name)) return value;
    for (const Json* object : {&config_.source, &config_.fields})
      if (const Json* value = object->find(name))
        if (value->is_number() && value->as_double(name) > 0) return value->as_double(name);
    return std::nullopt;
  }
  std::vector<double> list(std::string_view name, std::size_t count) const {
    const Json* value = json_.find(name);
    if (value == nullptr) bad_input("{} is missing", where(name));
    const std::vector<Json>& items = value->items(where(name));
    if (items.size() != count)
      bad_input("{} has {} numbers, expected {}", where(name), items.size(), count);
    std::vector<double> numbers;
    numbers.reserve(count);
    for (const Json& item : items)
      numbers.push_back(item.as_double(where(name)));
    return numbers;
  }
  double positive(std::string_view name, double value) const {
    if (!(value > 0) || !std::isfinite(value))
      bad_input("{} is {}, expected a positive number", where(name), value);
    return value;
  }
  std::string where(std::string_view name) const {
    return fmt::format("{}: rope_scaling.{}", config_.path, name);
  }

 private:
  const Json& json_;
  const ModelConfig& config_;
};

void scale_llama3(RopePlan& rope, const Scaling& s) {
  double factor = s.positive("factor", s.number("factor"));
  double low = s.positive("low_freq_factor", s.number("low_freq_factor"));
  double high = s.positive("high_freq_factor", s.number("high_freq_factor"));
  double original = s.number("original_max_position_embeddings");
  for (double& f : rope.frequencies) {
    double wavelength = 2 * std::numbers::pi / f;
    if (wavelength < original / high) continue;
    if (wavelength > original / low) {
      f /= factor;
      continue;
    }
    double smooth = (original / wavelength - low) / (high - low);
    f = (1 - smooth) * f / factor + smooth * f;
  }
}

double yarn_scale(double factor, double m) {
  return factor <= 1 ? 1.0 : 0.1 * m * std::log(factor) + 1.0;
}

void scale_yarn(RopePlan& rope, const Scaling& s, double theta) {
  double factor = s.positive("factor", s.number("factor"));
  double original = s.wide("original_max_position_embeddings")
                        .value_or(s.wide("max_position_embeddings").value_or(0));
  s.positive("original_max_position_embeddings", original);
  double dims = rope.dims;
  // The dimension at which a rotation turns `turns` times over the original context.
  auto dimension = [&](double turns) {
    return dims * std::log(original / (turns * 2 * std::numbers::pi)) / (2 * std::log(theta));
  };
  double low = dimension(s.find("beta_fast").value_or(32));
  double high = dimension(s.find("beta_slow").value_or(1));
  if (s.find("truncate").value_or(1) != 0) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, dims - 1);
  if (low == high) high += 0.001;
  for (std::size_t i = 0; i < rope.frequencies.size(); i++) {
    double ramp = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    rope.frequencies[i] *= ramp / factor + (1 - ramp);
  }
  double mscale = s.find("mscale").value_or(0);
  double mscale_all = s.find("mscale_all_dim").value_or(0);
  rope.scale = mscale != 0 && mscale_all != 0
                   ? yarn_scale(factor, mscale) / yarn_scale(factor, mscale_all)
                   : yarn_scale(factor, 1);
  if (std::optional<double> given = s.find("attention_factor")) rope.scale = *given;
}

void scale_longrope(RopePlan& rope, const Scaling& s) {
  std::size_t pairs = rope.frequencies.size();
  std::vector<double> shorts = s.list("short_factor", pairs);
  std::vector<double> longs = s.list("long_factor", pairs);
  std::optional<double> context = s.wide("max_position_embeddings");
  double original = s.wide("original_max_position_embeddings").value_or(context.value_or(0));
  s.positive("original_max_position_embeddings", original);
  double factor = context && *context != original ? *context / original : 1;
  if (std::optional<double> given = s.find("factor")) factor = *given;
  rope.scale = factor <= 1 ? 1.0 : std::sqrt(1 + std::log(factor) / std::log(original));
  if (std::optional<double> given = s.find("attention_factor")) rope.scale = *given;
  rope.long_after = static_cast<std::uint32_t>(std::min(original, 4e9));
  rope.long_frequencies = rope.frequencies;
  for (std::size_t i = 0; i < pairs; i++) {
    rope.frequencies[i] /= s.positive("short_factor", shorts[i]);
    rope.long_frequencies[i] /= s.positive("long_factor", longs[i]);
  }
}

}  // namespace

RopePlan plan_rope(double theta, std::uint32_t dims, bool interleaved, const Json& scaling,
                   const ModelConfig& config) {
  RopePlan rope{.dims = dims, .interleaved = interleaved};
  rope.frequencies.reserve(dims / 2);
  for (std::uint32_t i = 0; i < dims; i += 2)
    rope.frequencies.push_back(std::pow(theta, -static_cast<double>(i) / dims));
  if (!scaling.is_object()) return rope;
  Scaling s(scaling, config);
  const Json* kind_json = scaling.find("rope_type");
  if (kind_json == nullptr) kind_json = scaling.find("type");
  if (kind_json == nullptr) bad_input("{} is missing", s.where("rope_type"));
  const std::string& kind = kind_json->as_string(s.where("rope_type"));
  // Dynamic scaling begins where the context ends for which the model was made, and is not needed
  // before that; mrope is plain for text.
  if (kind == "default" || kind == "mrope") return rope;
  if (kind == "dynamic") {
    // Hunyuan's alpha changes the base for all lengths.
    double alpha = s.find("alpha").value_or(0);
    if (alpha > 0 && dims > 2)
      for (std::uint32_t i = 0; i < dims; i += 2)
        rope.frequencies[i / 2] *= std::pow(alpha, -static_cast<double>(i) / (dims - 2));
    return rope;
  }
  if (kind == "linear") {
    double factor = s.positive("factor", s.number("factor"));
    for (double& f : rope.frequencies)
      f /= factor;
  } else if (kind == "llama3") {
    scale_llama3(rope, s);
  } else if (kind == "yarn") {
    scale_yarn(rope, s, theta);
  } else if (kind == "longrope" || kind == "su") {
    scale_longrope(rope, s);
  } else {
    fail(ExitCode::kUnsupported,
         "{} is \"{}\"; the engine knows default, linear, llama3, yarn, longrope and dynamic",
         s.where("rope_type"), printable(kind, 60));
  }
  return rope;
}

void fill_rope_table(const RopePlan& rope, std::span<const std::uint32_t> positions,
                     std::span<const std::uint32_t> lengths, std::span<float> table) {
  std::size_t pairs = rope.dims / 2;
  for (std::size_t r = 0; r < positions.size(); r++) {
    bool is_long = !rope.long_frequencies.empty() && lengths[r] > rope.long_after;
    const std::vector<double>& frequencies = is_long ? rope.long_frequencies : rope.frequencies;
    double scale = rope.scale;
    if (rope.growth != 0)
      scale *= 1 + rope.growth * std::log(1 + std::floor(positions[r] / rope.growth_step));
    float* row = table.data() + r * rope.dims;
    for (std::size_t i = 0; i < pairs; i++) {
      double angle = positions[r] * frequencies[i];
      row[i] = static_cast<float>(std::cos(angle) * scale);
      row[pairs + i] = static_cast<float>(std::sin(angle) * scale);
    }
  }
}

}  // namespace mlc
