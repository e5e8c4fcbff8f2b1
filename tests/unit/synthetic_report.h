// A report with every kind of number in it, for the tests of the reports: no model is needed.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "verify/verify.h"

namespace mlc {

inline constexpr FindingRule kSyntheticRules[] = {
    {"F98", "broken", Severity::kError, "a thing is broken", "mend it"},
    {"W98", "odd-param", Severity::kWarning, "a param lost more than the same one elsewhere",
     "convert it again"},
    {"M98", "known", Severity::kNote, "worth knowing", ""},
};

// Markup, marks of Markdown, a control character, bytes that are no UTF-8.
inline const std::string kHostileText =
    "<script>alert(1)</script> \"q\" 'a' & | `code` </style> \\| *b* \x1b[31m \xff ]]> é";

inline ParamNumbers synthetic_param(std::int64_t layer, const std::string& kind, bool quantized,
                                    double error) {
  ParamNumbers p;
  p.layer = layer;
  p.kind = layer < 0 ? kind : "model.layers.*." + kind;
  p.name = layer < 0 ? kind : "model.layers." + std::to_string(layer) + "." + kind;
  p.shape = {256, 1024};
  p.quantized = quantized;
  p.elements = 256 * 1024;
  p.rms = 0.02;
  p.max_abs = 0.11;
  p.compared = true;
  p.relative_mse = error;
  p.snr_db = -10 * std::log10(error);
  p.cosine = 1 - error / 2;
  p.max_error = 0.01;
  p.max_error_at = {3, 77};
  p.max_error_source = 0.031;
  p.max_error_value = 0.021;
  if (quantized) {
    p.groups = p.elements / 32;
    p.zero_groups = 3;
    p.clipped_groups = 7;
    for (int code = 0; code < 16; code++)
      p.codes.push_back(
          code == 15 ? 0
                     : static_cast<std::uint64_t>(4e4 * std::exp(-0.08 * (code - 7) * (code - 7))));
  }
  return p;
}

inline void add_synthetic_weights(VerifyReport& report, std::int64_t layers) {
  WeightsResult& w = report.weights.emplace();
  w.compared = true;
  w.params.push_back(synthetic_param(-1, "model.embed_tokens", true, 4e-3));
  for (std::int64_t layer = 0; layer < layers; layer++) {
    double depth = 1 + 0.4 * std::sin(static_cast<double>(layer));
    for (const char* kind :
         {"self_attn.qkv_proj", "self_attn.o_proj", "mlp.gate_up_proj", "mlp.down_proj"})
      w.params.push_back(synthetic_param(layer, kind, true, 5e-3 * depth));
    for (const char* kind : {"input_layernorm.weight", "post_attention_layernorm.weight"})
      w.params.push_back(synthetic_param(layer, kind, false, 1e-8));
  }
  w.params.push_back(synthetic_param(-1, "model.norm.weight", false, 1e-8));
  w.params.push_back(synthetic_param(-1, "lm_head", true, 6e-3));
  // One outlier, which a finding names, one that is equal to the source, one that is damaged.
  w.params[1 + 3].relative_mse = 0.3;
  w.params[1 + 3].snr_db = 5.2;
  w.params[1 + 4].relative_mse = 0;
  w.params[1 + 4].snr_db = INFINITY;
  w.params[1 + 5].relative_mse = NAN;
  w.params[1 + 5].nan = 12;
  w.relative_mse = 5.1e-3;
  w.snr_db = 22.9;
  w.codes = synthetic_param(-1, "x", true, 1).codes;
  w.rule = "mlc-2026";
  w.fitting = "mlc-2026 rtn";
  w.bytes = 123456789;
  w.seconds = 1.25;
}

inline void add_synthetic_kernels(VerifyReport& report) {
  KernelsResult& k = report.kernels.emplace();
  k.device = "vulkan:0";
  k.device_name = "Some GPU <2>";
  k.driver = "1.2.3";
  k.copy_bytes_per_second = 2.1e10;
  k.kernels = {
      {"matmul", "matmul_rows_q4f16_1", 24, 1, 7.5, "large", "large [3, 5]: 1.0, got -1.0", 52000,
       900000},
      {"matmul", "matmul_lanes_q4f16_1", 24, 0, 0.61, "tail", "", 41000, 760000},
      {"norm", "norm", 12, 0, 0.2, "tiny", "", 8000, 40000},
      {"softmax", "softmax", 9, 0, 0.05, "equal", "", 0, 0},
  };
  k.seconds = 3.5;
}

inline Divergence synthetic_divergence(double kl, std::size_t points) {
  Divergence d;
  d.positions = 2048;
  d.max_logit_error = 40 * kl;
  d.mean_logit_error = 3 * kl;
  d.logit_range = 31;
  d.kl_mean = kl;
  d.kl_99 = 6 * kl;
  d.kl_max = 20 * kl;
  d.top1 = 0.927;
  d.perplexity_positions = 2047;
  d.perplexity_reference = 15.3546;
  d.perplexity = 15.53;
  d.perplexity_ratio = 1.01142;
  d.perplexity_ratio_error = 0.0021;
  for (std::size_t i = 0; i < points; i++)
    d.kl_curve.push_back(kl * std::exp(1.2 * std::sin(static_cast<double>(i * i))));
  return d;
}

inline void fill_synthetic_report(VerifyReport& report, std::int64_t layers) {
  report.model = "dist/" + kHostileText;
  report.source = "checkpoint";
  report.version = "9.8.7";
  report.ran = {Level::kFile, Level::kParam, Level::kWeight, Level::kKernel};
  report.skipped = {{Level::kModel, "the files are damaged"}};
  report.findings.add(kSyntheticRules[0], "params_shard_0.bin", "1 byte", "2 bytes");
  report.findings.add(kSyntheticRules[1], kHostileText, kHostileText, kHostileText);
  report.findings.add(kSyntheticRules[1], "model.layers.0.mlp.down_proj", "0.3", "at most 0.04");
  report.findings.add(kSyntheticRules[2], "a place");
  report.findings.order();
  report.files = FilesResult{9, 2, 123456789, 0.25};
  report.params = ParamsResult{"llama", "q4f16_1", 65, 65, kHostileText, 4096, 4096};
  add_synthetic_weights(report, layers);
  add_synthetic_kernels(report);
  ModelResult& m = report.model_run.emplace();
  m.device = "vulkan:0";
  m.reference = "cpu-reference";
  m.text = "held_out.txt, 2,048 tokens";
  m.device_error = synthetic_divergence(2e-9, 256);
  m.quantization_error = synthetic_divergence(0.0137, 256);
  m.layers.resize(2);
  m.layers[0] = {"layer 0 self_attn.qkv_proj", "matmul", "matmul_rows", 1e-6, 1e-6, false};
  m.layers[1] = {"layer 0 mlp.down_proj", "matmul", "matmul_lanes", 0.4, 0.02, false};
  for (std::int64_t i = 0; layers > 40 && i < layers; i++)
    m.layers.push_back({"layer " + std::to_string(i) + " norm", "norm", "norm", 0.5, 1e-6, i == 7});
  m.seconds = 12;
  ReferenceResult& r = report.reference.emplace();
  r.path = "mlc-verify-reference.json";
  r.device = "vulkan:0";
  r.device_name = "Some GPU <2>";
  r.written_by = "cpu-reference, mlc 9.8.7";
  r.prompts = 4;
  r.positions = 160;
  r.wrong_positions = 2;
  r.max_logit_error = 1e-5;
  r.max_logit_share = 4e-7;
  r.layers = 3;
  r.parts = {{"embedding", 1e-7, 1e-5}, {"layer 0", 2e-6, 1e-5}, {"layer 1", 0.3, 1e-5}};
  r.first_wrong = "layer 1";
  report.seconds = 17.5;
}

}  // namespace mlc
