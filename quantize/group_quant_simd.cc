// The fast form of group_quantize: one set of kernels, compiled for every SIMD level, chosen at run
// time.
#include <algorithm>

#include "quantize/group_quant.h"
#include "quantize/group_reference.h"
#include "quantize/group_run.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "quantize/group_quant_simd.cc"
#include <hwy/foreach_target.h>  // includes this file once per level
// Highway's own header has to come after it.
#include <hwy/highway.h>

#include "quantize/group_batch-inl.h"
#include "quantize/q4f16_from_bf16-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mlc::HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR  // there the reference is as good

template <int kBitsPerCode, class T, class S>
bool run_source(const GroupRun& run, ErrorLanes& lanes, QuantCounts& counts) {
  if (run.want_error) {
    quantize_run<kBitsPerCode, T, S, true>(run, lanes, counts);
  } else {
    quantize_run<kBitsPerCode, T, S, false>(run, lanes, counts);
  }
  return true;
}

template <int kBitsPerCode, class T>
bool run_model(const GroupRun& run, ErrorLanes& lanes, QuantCounts& counts) {
  switch (run.src_dtype) {
    case DType::kBF16:
      return run_source<kBitsPerCode, T, ElementBF16>(run, lanes, counts);
    case DType::kF16:
      return run_source<kBitsPerCode, T, ElementF16>(run, lanes, counts);
    case DType::kF32:
      return run_source<kBitsPerCode, T, ElementF32>(run, lanes, counts);
    default:
      return false;
  }
}

// False where no fast kernel fits.
bool quantize_groups(const GroupRun& run, ErrorLanes& lanes, QuantCounts& counts) {
  if (run.q->bits == 4 && run.q->group_size == 32) {
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
    if (run.q->model_dtype == DType::kF16 && run.src_dtype == DType::kBF16 && !run.want_error) {
      quantize_q4f16_from_bf16(run, lanes, counts);
      return true;
    }
#endif
    switch (run.q->model_dtype) {
      case DType::kF16:
        return run_model<4, ElementF16>(run, lanes, counts);
      case DType::kBF16:
        return run_model<4, ElementBF16>(run, lanes, counts);
      case DType::kF32:
        return run_model<4, ElementF32>(run, lanes, counts);
      default:
        return false;
    }
  }
  if (run.q->bits == 3 && run.q->group_size == 40 && run.q->model_dtype == DType::kF16)
    return run_model<3, ElementF16>(run, lanes, counts);
  return false;
}

#else

bool quantize_groups(const GroupRun& /*run*/, ErrorLanes& /*lanes*/, QuantCounts& /*counts*/) {
  return false;
}

#endif

}  // namespace mlc::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mlc {
namespace {
HWY_EXPORT(quantize_groups);
}  // namespace

void group_quantize(const Quantization& q, const NumericRule& rule, const GroupQuantBlock& block,
                    bool want_error, QuantCounts& counts) {
  const auto group_size = static_cast<std::size_t>(q.group_size);
  const std::size_t tail = block.cols % group_size;
  const std::size_t src_size = size_of(block.src_dtype);
  const std::size_t scale_size = size_of(q.model_dtype);
  const std::size_t words_per_group = group_size / static_cast<std::size_t>(q.codes_per_word());
  // Rows without a tail are one run of groups.
  const std::size_t runs = tail == 0 ? 1 : block.rows;
  const std::size_t groups = block.cols / group_size * (tail == 0 ? block.rows : 1);

  ErrorLanes lanes;
  GroupRun run{&q,     &rule,          block.src,     block.src_dtype,
               groups, block.q_weight, block.q_scale, want_error};
  for (std::size_t i = 0; i < runs; i++) {
    if (!HWY_DYNAMIC_DISPATCH(quantize_groups)(run, lanes, counts))
      return group_quantize_reference(q, rule, block, want_error, counts);
    run.src = static_cast<const char*>(run.src) + groups * group_size * src_size;
    run.words += groups * words_per_group;
    run.scales = static_cast<char*>(run.scales) + groups * scale_size;
    if (tail == 0) continue;
    quantize_group_reference(q, rule, run.src, block.src_dtype, tail, run.words, run.scales,
                             want_error ? &lanes : nullptr, counts);
    run.src = static_cast<const char*>(run.src) + tail * src_size;
    run.words += words_per_group;
    run.scales = static_cast<char*>(run.scales) + scale_size;
  }
  lanes.add_to(counts);
}

}  // namespace mlc
#endif  // HWY_ONCE
