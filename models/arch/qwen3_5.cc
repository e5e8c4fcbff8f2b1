// Qwen 3.5, dense.
#include "models/arch/llama_rows.h"
#include "models/arch/qwen3_5_rows.h"
#include "models/well_formed.h"

namespace mlc {

static constexpr auto kRecurrent = join(kQwen35InProj, kQwen35LinearAttention);
static constexpr auto kMlpAndNorms = join(kQwen35Mlp, kQwen35LayerNorms);
static constexpr auto kTail = join(kQwen35Norm, kPlainHead);
static constexpr Block kLayer[] = {
    {.when = "(i+1) % full_attention_interval == 0", .params = kQwen35Attention},
    {.when = "(i+1) % full_attention_interval != 0", .params = kRecurrent},
    {.params = kMlpAndNorms},
};
static constexpr Block kBody[] = {
    {.params = kQwen35Embedding, .ignored = kQwen35LeftOut},
    {.variable = "i", .count = "num_hidden_layers", .blocks = kLayer},
    {.params = kTail},
    kTiedHead,
};

static constexpr Field kFields[] = {
    {.name = "hidden_size", .otherwise = "0"},
    {.name = "intermediate_size", .otherwise = "0"},
    {.name = "num_attention_heads", .otherwise = "0"},
    {.name = "num_hidden_layers", .otherwise = "0"},
    {.name = "num_key_value_heads", .otherwise = "0"},
    {.name = "rms_norm_eps", .type = FieldType::kNumber, .otherwise = "1e-06"},
    {.name = "vocab_size", .otherwise = "0"},
    {.name = "rope_theta", .type = FieldType::kNumber, .otherwise = "10000000"},
    {.name = "head_dim", .otherwise = "256"},
    {.name = "hidden_act", .type = FieldType::kString, .otherwise = "'silu'"},
    {.name = "attention_bias", .type = FieldType::kBool, .otherwise = "False"},
    {.name = "tie_word_embeddings", .type = FieldType::kBool, .otherwise = "False"},
    {.name = "linear_key_head_dim", .otherwise = "128"},
    {.name = "linear_value_head_dim", .otherwise = "128"},
    {.name = "linear_num_key_heads", .otherwise = "16"},
    {.name = "linear_num_value_heads", .otherwise = "16"},
    {.name = "linear_conv_kernel_dim", .otherwise = "4"},
    {.name = "full_attention_interval", .otherwise = "4"},
    {.name = "partial_rotary_factor", .type = FieldType::kNumber, .otherwise = "0.25"},
    {.name = "context_window_size", .otherwise = "0"},
    {.name = "prefill_chunk_size", .otherwise = "0"},
    {.name = "tensor_parallel_shards", .otherwise = "1"},
    {.name = "dtype", .type = FieldType::kString, .otherwise = "'float32'"},
    {.name = "max_batch_size", .otherwise = "1"},
};

static constexpr ConfigTable kConfig = {
    .fields = kFields, .steps = kQwen35Steps, .flatten = "text_config"};

// mlc_llm asks for language_model also in models that are text alone, whose names lack it.
static constexpr Alias kAliases[] = {{.name = "root", .text = "model.language_model."}};
static constexpr Rename kTextAlone[] = {{.from = "model.language_model.", .to = "model."}};

static constexpr Architecture kModels[] = {
    {.model_type = "qwen3_5",
     .config = kConfig,
     .body = kBody,
     .aliases = kAliases,
     .renames = kTextAlone},
    {.model_type = "qwen3_5_text",
     .config = kConfig,
     .body = kBody,
     .aliases = kAliases,
     .renames = kTextAlone},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_qwen3_5 = kModels;

}  // namespace mlc
