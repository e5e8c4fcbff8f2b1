// Medusa: heads that predict further tokens, beside a model of their own. Only q0 schemes apply.
#include "models/well_formed.h"

namespace mlc {

static constexpr std::array kResidual = {
    Param{.name = "medusa_head.{h}.{l}.linear.weight",
          .shape = {"hidden_size", "hidden_size"},
          .kind = ParamKind::kLinear},
    Param{.name = "medusa_head.{h}.{l}.linear.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kLinearBias},
};

static constexpr std::array kHead = {
    Param{.name = "medusa_head.{h}.{medusa_num_layers}.weight",
          .shape = {"vocab_size", "hidden_size"},
          .kind = ParamKind::kLinear},
};

// The rows of a head's layers come before its last matrix, so they stand in a block of their own.
static constexpr Block kHeadBlocks[] = {
    {.variable = "l", .count = "medusa_num_layers", .params = kResidual},
    {.params = kHead},
};
static constexpr Block kBody[] = {
    {.variable = "h", .count = "medusa_num_heads", .blocks = kHeadBlocks},
};

static constexpr Field kFields[] = {
    {.name = "medusa_num_heads"},
    {.name = "medusa_num_layers"},
    {.name = "hidden_size"},
    {.name = "vocab_size"},
    {.name = "max_batch_size", .otherwise = "1"},
    {.name = "tensor_parallel_shards", .otherwise = "1"},
    {.name = "prefill_chunk_size", .otherwise = "-1"},
    {.name = "context_window_size", .otherwise = "-1"},
};

static constexpr Architecture kModels[] = {
    {.model_type = "medusa", .config = {.fields = kFields}, .body = kBody},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_medusa = kModels;

}  // namespace mlc
