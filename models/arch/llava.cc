// LLaVA: CLIP's vision tower, a projector, and a Llama or Mistral as the text model.
#include "models/arch/clip_rows.h"
#include "models/arch/llama_rows.h"
#include "models/well_formed.h"

namespace mlc {

static constexpr Alias kAliases[] = {
    {.name = "tower", .text = "vision_tower"},
    {.name = "clip", .text = "vision_tower"},
};
static constexpr std::string_view kTower[] = {"vision_tower"};

static constexpr std::array kProjector = {
    Param{.name = "multi_modal_projector.linear_1.weight",
          .shape = {"text_config.hidden_size", "vision_config.hidden_size"},
          .kind = ParamKind::kLinear},
    Param{.name = "multi_modal_projector.linear_1.bias",
          .shape = {"text_config.hidden_size"},
          .kind = ParamKind::kLinearBias},
    Param{.name = "multi_modal_projector.linear_2.weight",
          .shape = {"text_config.hidden_size", "text_config.hidden_size"},
          .kind = ParamKind::kLinear},
    Param{.name = "multi_modal_projector.linear_2.bias",
          .shape = {"text_config.hidden_size"},
          .kind = ParamKind::kLinearBias},
};

static constexpr std::array kEmbedding = {
    Param{.name = "language_model.model.embed_tokens.weight",
          .shape = {"@vocab_size", "text_config.hidden_size"},
          .kind = ParamKind::kEmbedding},
};

static constexpr std::array kLayer = {
    Param{.name = "language_model.model.layers.{i}.self_attn.qkv_proj.weight",
          .shape = {"(text_config.num_attention_heads+2*text_config.num_key_value_heads)*text_"
                    "config.head_dim",
                    "text_config.hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kConcat,
          .sources = {"language_model.model.layers.{i}.self_attn.q_proj.weight",
                      "language_model.model.layers.{i}.self_attn.k_proj.weight",
                      "language_model.model.layers.{i}.self_attn.v_proj.weight"}},
    Param{.name = "language_model.model.layers.{i}.self_attn.o_proj.weight",
          .shape = {"text_config.hidden_size",
                    "text_config.num_attention_heads*text_config.head_dim"},
          .kind = ParamKind::kLinear},
    Param{.name = "language_model.model.layers.{i}.mlp.gate_up_proj.weight",
          .shape = {"2*text_config.intermediate_size", "text_config.hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kConcat,
          .sources = {"language_model.model.layers.{i}.mlp.gate_proj.weight",
                      "language_model.model.layers.{i}.mlp.up_proj.weight"}},
    Param{.name = "language_model.model.layers.{i}.mlp.down_proj.weight",
          .shape = {"text_config.hidden_size", "text_config.intermediate_size"},
          .kind = ParamKind::kLinear},
    Param{.name = "language_model.model.layers.{i}.input_layernorm.weight",
          .shape = {"text_config.hidden_size"},
          .kind = ParamKind::kNorm},
    Param{.name = "language_model.model.layers.{i}.post_attention_layernorm.weight",
          .shape = {"text_config.hidden_size"},
          .kind = ParamKind::kNorm},
};

static constexpr std::array kTail = {
    Param{.name = "language_model.model.norm.weight",
          .shape = {"text_config.hidden_size"},
          .kind = ParamKind::kNorm},
    Param{.name = "language_model.lm_head.weight",
          .shape = {"@vocab_size", "text_config.hidden_size"},
          .kind = ParamKind::kLinear,
          .when = "not ('tie_word_embeddings' in text_config and text_config.tie_word_embeddings)"},
};

static constexpr Ignored kRotary[] = {
    {.pattern = "language_model.model.layers.{i}.self_attn.rotary_emb.inv_freq",
     .rule = "rotary frequencies, computed from the config"},
};
static constexpr Ignored kTiedTextHead[] = {
    {.pattern = "language_model.lm_head.weight",
     .rule = "the head is tied to the embedding",
     .counted = true},
};
static constexpr Block kBody[] = {
    {.params = kClipEmbeddings, .ignored = kClipIgnored},
    {.variable = "i", .count = "vision_config.num_hidden_layers", .params = kClipLayer},
    {.params = kClipNorm},
    {.params = kProjector},
    {.params = kEmbedding},
    {.variable = "i",
     .count = "text_config.num_hidden_layers",
     .params = kLayer,
     .ignored = kRotary},
    {.params = kTail},
    {.when = "'tie_word_embeddings' in text_config and text_config.tie_word_embeddings",
     .ignored = kTiedTextHead},
};

static constexpr Field kVisionFields[] = {
    {.name = "hidden_size"},
    {.name = "image_size"},
    {.name = "intermediate_size"},
    {.name = "num_attention_heads"},
    {.name = "num_hidden_layers"},
    {.name = "patch_size"},
    {.name = "projection_dim"},
    {.name = "vocab_size"},
    {.name = "num_channels", .otherwise = "3"},
    {.name = "layer_norm_eps", .type = FieldType::kNumber, .otherwise = "1e-06"},
};
static constexpr ConfigTable kVisionConfig = {.fields = kVisionFields};

static constexpr std::string_view kLlama2Of7B =
    R"({"architectures": ["LlamaForCausalLM"], "bos_token_id": 1, "eos_token_id": 2,
"hidden_act": "silu", "hidden_size": 4096, "initializer_range": 0.02,
"intermediate_size": 11008, "max_position_embeddings": 2048, "model_type": "llama",
"num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 32,
"pad_token_id": 0, "pretraining_tp": 1, "rms_norm_eps": 1e-05, "rope_scaling": null,
"tie_word_embeddings": false, "torch_dtype": "float16",
"transformers_version": "4.31.0.dev0", "use_cache": true, "vocab_size": 32000,
"context_window_size": 2048, "prefill_chunk_size": 2048})";

static constexpr std::string_view kLlama2Of13B =
    R"({"_name_or_path": "meta-llama/Llama-2-13b-hf", "architectures": ["LlamaForCausalLM"],
"bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu", "hidden_size": 5120,
"initializer_range": 0.02, "intermediate_size": 13824, "max_position_embeddings": 2048,
"model_type": "llama", "num_attention_heads": 40, "num_hidden_layers": 40,
"num_key_value_heads": 40, "pad_token_id": 0, "pretraining_tp": 2, "rms_norm_eps": 1e-05,
"rope_scaling": null, "tie_word_embeddings": false, "torch_dtype": "float16",
"transformers_version": "4.31.0.dev0", "use_cache": true, "vocab_size": 32000,
"context_window_size": 2048, "prefill_chunk_size": 2048})";

static constexpr std::string_view kMistral7B =
    R"({"architectures": ["MistralForCausalLM"], "bos_token_id": 1, "eos_token_id": 2,
"hidden_act": "silu", "hidden_size": 4096, "initializer_range": 0.02,
"intermediate_size": 14336, "max_position_embeddings": 32768, "model_type": "mistral",
"num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8,
"rms_norm_eps": 1e-05, "rope_theta": 10000.0, "tie_word_embeddings": false,
"torch_dtype": "bfloat16", "transformers_version": "4.34.0.dev0", "use_cache": true,
"vocab_size": 32000, "sliding_window_size": 4096, "prefill_chunk_size": 128,
"attention_sink_size": 4})";

// A text_config that only names its model means that model's own config. mlc_llm asks the hub for
// it, and without a network knows these; so do we, and for any other name the text_config itself
// has to hold everything.
static constexpr NamedText kTextModels[] = {
    {.name = "meta-llama/Llama-2-7b-hf", .text = kLlama2Of7B},
    {.name = "meta-llama/Llama-2-13b-hf", .text = kLlama2Of13B},
    {.name = "lmsys/vicuna-7b-v1.5", .text = kLlama2Of7B},
    {.name = "mistralai/Mistral-7B-v0.1", .text = kMistral7B},
};

static constexpr Field kFields[] = {
    {.name = "image_token_index"},
    {.name = "text_config", .type = FieldType::kObject},
    {.name = "vision_config", .type = FieldType::kObject},
    {.name = "vocab_size"},
    {.name = "context_window_size", .otherwise = "-1"},
    {.name = "sliding_window_size", .otherwise = "-1"},
    {.name = "prefill_chunk_size", .otherwise = "-1"},
    {.name = "tensor_parallel_shards", .otherwise = "1"},
    {.name = "max_batch_size", .otherwise = "1"},
    {.name = "text_architecture", .type = FieldType::kString, .otherwise = "'LlamaForCausalLM'"},
};

static constexpr Step kSteps[] = {
    steps::nested("vision_config", kVisionConfig),
    {.verb = Verb::kMerge, .field = "text_config", .keys = {"_name_or_path"}, .named = kTextModels},
    {.verb = Verb::kSet,
     .field = "text_architecture",
     .when = When::kAlways,
     .expression = "text_config.architectures[0]",
     .condition = "'_name_or_path' in text_config and 'architectures' in text_config"},
    steps::check("text_architecture in ('LlamaForCausalLM', 'MistralForCausalLM')"),
    steps::nested("text_config", kLlamaConfig, "text_architecture == 'LlamaForCausalLM'"),
    steps::nested("text_config", kMistralConfig, "text_architecture == 'MistralForCausalLM'"),
    steps::inherit("context_window_size",
                   "context_window_size <= 0 and 'context_window_size' in text_config",
                   "text_config.context_window_size"),
    steps::inherit("sliding_window_size",
                   "sliding_window_size <= 0 and 'sliding_window_size' in text_config",
                   "text_config.sliding_window_size"),
    steps::inherit("prefill_chunk_size",
                   "prefill_chunk_size <= 0 and 'prefill_chunk_size' in text_config",
                   "text_config.prefill_chunk_size"),
};

static constexpr Architecture kModels[] = {
    {.model_type = "llava",
     .config = {.fields = kFields, .steps = kSteps},
     .body = kBody,
     .aliases = kAliases,
     .no_quantization = kTower,
     .renames = kPartsBelowModel},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_llava = kModels;

}  // namespace mlc
