#include "verify/report_numbers.h"

#include <cmath>

namespace mlc {
namespace {

// JSON has no infinities and no NaN: they are null.
Json number(double value) { return std::isfinite(value) ? Json(value) : Json(); }

template <class T>
Json list(const std::vector<T>& values) {
  Json array = Json::array();
  for (const T& value : values)
    array.push(Json(value));
  return array;
}

// What a param has lost; null without a source.
Json error_json(const ParamNumbers& param) {
  if (!param.compared) return {};
  return Json::object()
      .set("relative_mse", number(param.relative_mse))
      .set("snr_db", number(param.snr_db))
      .set("cosine", number(param.cosine))
      .set("max_error", number(param.max_error))
      .set("max_error_at", list(param.max_error_at))
      .set("max_error_source", number(param.max_error_source))
      .set("max_error_value", number(param.max_error_value));
}

Json recomputed_json(const ParamNumbers& param) {
  if (!param.recomputed) return {};
  return Json::object()
      .set("different_words", param.different_words)
      .set("different_scales", param.different_scales);
}

Json param_json(const ParamNumbers& param) {
  return Json::object()
      .set("name", param.name)
      .set("layer", param.layer < 0 ? Json() : Json(param.layer))
      .set("kind", param.kind)
      .set("shape", list(param.shape))
      .set("quantized", param.quantized)
      .set("elements", param.elements)
      .set("nan", param.nan)
      .set("inf", param.inf)
      .set("groups", param.groups)
      .set("zero_groups", param.zero_groups)
      .set("clipped_groups", param.clipped_groups)
      .set("codes", list(param.codes))
      .set("rms", number(param.rms))
      .set("max_abs", number(param.max_abs))
      .set("error", error_json(param))
      .set("recomputed", recomputed_json(param));
}

Json kernel_json(const KernelNumbers& kernel) {
  auto seconds = static_cast<double>(kernel.nanoseconds) * 1e-9;
  return Json::object()
      .set("kernel", kernel.kernel)
      .set("variant", kernel.variant)
      .set("cases", kernel.cases)
      .set("wrong_cases", kernel.wrong_cases)
      .set("worst", number(kernel.worst))
      .set("worst_case", kernel.worst_case)
      .set("first_wrong", kernel.first_wrong)
      .set("nanoseconds", kernel.nanoseconds)
      .set("bytes", kernel.bytes)
      .set("bytes_per_second",
           kernel.nanoseconds == 0 ? Json() : number(static_cast<double>(kernel.bytes) / seconds));
}

Json divergence_json(const Divergence& d) {
  Json perplexity;
  if (d.perplexity_positions > 0)
    perplexity = Json::object()
                     .set("positions", d.perplexity_positions)
                     .set("reference", number(d.perplexity_reference))
                     .set("value", number(d.perplexity))
                     .set("ratio", number(d.perplexity_ratio))
                     .set("ratio_error", number(d.perplexity_ratio_error));
  Json curve = Json::array();
  for (double kl : d.kl_curve)
    curve.push(number(kl));
  return Json::object()
      .set("positions", d.positions)
      .set("nonfinite_positions", d.nonfinite_positions)
      .set("max_logit_error", number(d.max_logit_error))
      .set("mean_logit_error", number(d.mean_logit_error))
      .set("logit_range", number(d.logit_range))
      .set("kl_mean", number(d.kl_mean))
      .set("kl_99", number(d.kl_99))
      .set("kl_max", number(d.kl_max))
      .set("top1", number(d.top1))
      .set("unexplained_top1", d.unexplained_top1)
      .set("perplexity", std::move(perplexity))
      .set("kl_curve", std::move(curve));
}

}  // namespace

Json result_json(const FilesResult& files) {
  return Json::object()
      .set("files", files.files)
      .set("shards", files.shards)
      .set("bytes", files.bytes)
      .set("seconds", number(files.seconds));
}

Json result_json(const ParamsResult& params) {
  return Json::object()
      .set("model_type", params.model_type)
      .set("quantization", params.quantization)
      .set("records", params.records)
      .set("expected", params.expected)
      .set("conv_template", params.conv_template)
      .set("vocab_size", params.vocab_size)
      .set("tokenizer_size", params.tokenizer_size);
}

Json result_json(const WeightsResult& weights) {
  Json params = Json::array();
  for (const ParamNumbers& param : weights.params)
    params.push(param_json(param));
  Json error, recomputed;
  if (weights.compared)
    error = Json::object()
                .set("relative_mse", number(weights.relative_mse))
                .set("snr_db", number(weights.snr_db));
  if (!weights.rule.empty() || !weights.fitting.empty())
    recomputed = Json::object().set("rule", weights.rule).set("fitting", weights.fitting);
  return Json::object()
      .set("error", std::move(error))
      .set("codes", list(weights.codes))
      .set("recomputed", std::move(recomputed))
      .set("bytes", weights.bytes)
      .set("seconds", number(weights.seconds))
      .set("params", std::move(params));
}

Json result_json(const KernelsResult& kernels) {
  Json rows = Json::array();
  for (const KernelNumbers& kernel : kernels.kernels)
    rows.push(kernel_json(kernel));
  return Json::object()
      .set("device", kernels.device)
      .set("device_name", kernels.device_name)
      .set("bundle", kernels.bundle.empty() ? Json() : Json(kernels.bundle))
      .set("driver", kernels.driver)
      .set("copy_bytes_per_second", number(kernels.copy_bytes_per_second))
      .set("seconds", number(kernels.seconds))
      .set("kernels", std::move(rows));
}

Json layers_json(const std::vector<LayerNumbers>& layers) {
  Json rows = Json::array();
  for (const LayerNumbers& layer : layers)
    rows.push(Json::object()
                  .set("label", layer.label)
                  .set("kernel", layer.kernel)
                  .set("variant", layer.variant)
                  .set("relative_error", number(layer.relative_error))
                  .set("own_error", number(layer.own_error))
                  .set("nonfinite", layer.nonfinite)
                  .set("reference_nonfinite", layer.reference_nonfinite));
  return rows;
}

Json result_json(const ModelResult& model) {
  return Json::object()
      .set("device", model.device)
      .set("reference", model.reference)
      .set("text", model.text)
      .set("device_error", divergence_json(model.device_error))
      .set("quantization_error",
           model.quantization_error ? divergence_json(*model.quantization_error) : Json())
      .set("layers", layers_json(model.layers))
      .set("source_layers", layers_json(model.source_layers))
      .set("seconds", number(model.seconds));
}

Json result_json(const ReferenceResult& reference) {
  Json parts = Json::array();
  for (const ReferencePartNumbers& part : reference.parts)
    parts.push(Json::object()
                   .set("label", part.label)
                   .set("error", number(part.error))
                   .set("tolerance", number(part.tolerance)));
  return Json::object()
      .set("path", reference.path)
      .set("device", reference.device)
      .set("device_name", reference.device_name)
      .set("written_by", reference.written_by)
      .set("prompts", reference.prompts)
      .set("positions", reference.positions)
      .set("wrong_positions", reference.wrong_positions)
      .set("max_logit_error", number(reference.max_logit_error))
      .set("max_logit_share", number(reference.max_logit_share))
      .set("layers", reference.layers)
      .set("first_wrong", reference.first_wrong.empty() ? Json() : Json(reference.first_wrong))
      .set("parts", std::move(parts))
      .set("seconds", number(reference.seconds));
}

}  // namespace mlc
