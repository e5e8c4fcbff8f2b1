#include "convert/quant_rules.h"

namespace mlc {
namespace {

// FasterTransformer's kernels take rows in multiples of eight, and give float16 (mlc_llm/
// quantization/ft_quantization.py).
bool is_ft_shaped(const ParamSpec& spec) {
  return spec.out_dtype != DType::kF32 && spec.shape[0] % 8 == 0;
}

Packer group_packer(const ParamSpec& spec, const Quantization& q) {
  if (spec.no_quantization) return Packer::kCast;
  bool touched = false;
  if (spec.kind == ParamKind::kLinear)
    touched = !is_gate(spec) && (q.quantizes_final_fc || !is_final_fc(spec));
  else if (spec.kind == ParamKind::kEmbedding)
    touched = q.quantizes_embedding;
  else
    touched = spec.kind == ParamKind::kExperts;
  return touched ? Packer::kGroup : Packer::kCast;
}

// Subtrees outside quantization are not left out, and experts are.
Packer ft_packer(const ParamSpec& spec) {
  if (spec.kind == ParamKind::kEmbedding) return Packer::kGroup;
  if (spec.kind != ParamKind::kLinear) return Packer::kCast;
  if (is_final_fc(spec) || !is_ft_shaped(spec)) return Packer::kGroup;
  return is_gate(spec) ? Packer::kCast : Packer::kFt;
}

}  // namespace

Packer packer_of(const ParamSpec& spec, const Quantization& quantization) {
  switch (quantization.kind) {
    case QuantKind::kGroup:
      return group_packer(spec, quantization);
    case QuantKind::kFt:
      return ft_packer(spec);
    case QuantKind::kPerTensor: {
      bool linear = spec.kind == ParamKind::kLinear && !is_final_fc(spec) && !is_gate(spec);
      return linear || spec.kind == ParamKind::kExperts ? Packer::kFp8 : Packer::kCast;
    }
    case QuantKind::kNone:
    case QuantKind::kAwq:         // convert/kept_params.h has named its params
    case QuantKind::kBlockScale:  // the same
      return Packer::kCast;
  }
  return Packer::kCast;
}

DType plain_dtype(const ParamSpec& spec, const Quantization& quantization) {
  if (spec.dtype) return *spec.dtype;
  if (spec.kind == ParamKind::kLinearBias && spec.out_dtype) return *spec.out_dtype;
  return quantization.model_dtype;
}

bool is_packed_kn(const ParamSpec& spec, const Quantization& quantization) {
  return quantization.layout == WeightLayout::kKN && spec.kind == ParamKind::kLinear;
}

}  // namespace mlc
