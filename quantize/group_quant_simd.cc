#include "quantize/group_quant.h"

namespace mlc {

void group_quantize(const Quantization& q, const NumericRule& rule, const GroupQuantBlock& block,
                    bool want_error, QuantCounts& counts) {
  group_quantize_reference(q, rule, block, want_error, counts);
}

}  // namespace mlc
