// Gemma 3n: the text model, alone (gemma3n_text) or as the part of a model with vision and audio,
// whose towers are left out. Unlike Gemma 3's, its norms are stored as they are. AltUp keeps
// several streams of hidden states, Laurel is a low-rank residual, and each layer has an embedding
// of its own. The last layers use the keys and values of earlier ones; releases hold some for them
// too.
#include "models/arch/kin_rows.h"
#include "models/well_formed.h"

namespace mlc {

static constexpr std::array kEmbeddings = {
    Param{.name = "model.embed_tokens.weight",
          .shape = {"vocab_size", "hidden_size"},
          .kind = ParamKind::kEmbedding,
          .sources = {"model.language_model.embed_tokens.weight"}},
    Param{.name = "model.embed_tokens_per_layer.weight",
          .shape = {"vocab_size_per_layer_input", "num_hidden_layers*hidden_size_per_layer_input"},
          .kind = ParamKind::kEmbedding,
          .sources = {"model.language_model.embed_tokens_per_layer.weight"}},
    Param{.name = "model.per_layer_model_projection.weight",
          .shape = {"num_hidden_layers*hidden_size_per_layer_input", "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"model.language_model.per_layer_model_projection.weight"}},
    Param{.name = "model.per_layer_projection_norm.weight",
          .shape = {"hidden_size_per_layer_input"},
          .kind = ParamKind::kNorm,
          .sources = {"model.language_model.per_layer_projection_norm.weight"}},
};

static constexpr std::array kStreams = {
    Param{.name = "model.altup_projections.{k}.weight",
          .shape = {"hidden_size", "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"model.language_model.altup_projections.{k}.weight"}},
    Param{.name = "model.altup_unembed_projections.{k}.weight",
          .shape = {"hidden_size", "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"model.language_model.altup_unembed_projections.{k}.weight"}},
};

static constexpr std::array kQueries = {
    Param{.name = "model.layers.{i}.self_attn.q_proj.weight",
          .shape = {"num_attention_heads*head_dim", "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"model.language_model.layers.{i}.self_attn.q_proj.weight"}},
    Param{.name = "model.layers.{i}.self_attn.q_norm.weight",
          .shape = {"head_dim"},
          .kind = ParamKind::kNorm,
          .sources = {"model.language_model.layers.{i}.self_attn.q_norm.weight"}},
    Param{.name = "model.layers.{i}.self_attn.o_proj.weight",
          .shape = {"hidden_size", "num_attention_heads*head_dim"},
          .kind = ParamKind::kLinear,
          .sources = {"model.language_model.layers.{i}.self_attn.o_proj.weight"}},
};

static constexpr std::array kKeysAndValues = {
    Param{.name = "model.layers.{i}.self_attn.k_proj.weight",
          .shape = {"num_key_value_heads*head_dim", "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"model.language_model.layers.{i}.self_attn.k_proj.weight"}},
    Param{.name = "model.layers.{i}.self_attn.v_proj.weight",
          .shape = {"num_key_value_heads*head_dim", "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"model.language_model.layers.{i}.self_attn.v_proj.weight"}},
    Param{.name = "model.layers.{i}.self_attn.k_norm.weight",
          .shape = {"head_dim"},
          .kind = ParamKind::kNorm,
          .sources = {"model.language_model.layers.{i}.self_attn.k_norm.weight"}},
};

static constexpr Ignored kUnusedKeys[] = {
    {.pattern = "model.language_model.layers.{i}.self_attn.k_proj.weight",
     .rule = "keys of a layer that uses those of an earlier one",
     .counted = true},
    {.pattern = "model.language_model.layers.{i}.self_attn.v_proj.weight",
     .rule = "values of a layer that uses those of an earlier one",
     .counted = true},
    {.pattern = "model.language_model.layers.{i}.self_attn.k_norm.weight",
     .rule = "keys of a layer that uses those of an earlier one",
     .counted = true},
};

static constexpr std::array kMlp = {
    Param{.name = "model.layers.{i}.mlp.gate_up_proj.weight",
          .shape = {"2*intermediate_size[i]", "hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kConcat,
          .sources = {"model.language_model.layers.{i}.mlp.gate_proj.weight",
                      "model.language_model.layers.{i}.mlp.up_proj.weight"}},
    Param{.name = "model.layers.{i}.mlp.down_proj.weight",
          .shape = {"hidden_size", "intermediate_size[i]"},
          .kind = ParamKind::kLinear,
          .sources = {"model.language_model.layers.{i}.mlp.down_proj.weight"}},
};

// The matrices of AltUp have as many inputs as there are streams, fewer than a group of any scheme,
// or outputs, like a router: they are not quantized.
static constexpr std::array kAltUp = {
    Param{.name = "model.layers.{i}.altup.correct_output_scale",
          .shape = {"hidden_size"},
          .sources = {"model.language_model.layers.{i}.altup.correct_output_scale"}},
    Param{.name = "model.layers.{i}.altup.correction_coefs.weight",
          .shape = {"altup_num_inputs", "altup_num_inputs"},
          .sources = {"model.language_model.layers.{i}.altup.correction_coefs.weight"}},
    Param{.name = "model.layers.{i}.altup.prediction_coefs.weight",
          .shape = {"altup_num_inputs*altup_num_inputs", "altup_num_inputs"},
          .sources = {"model.language_model.layers.{i}.altup.prediction_coefs.weight"}},
    Param{.name = "model.layers.{i}.altup.modality_router.weight",
          .shape = {"altup_num_inputs", "hidden_size"},
          .sources = {"model.language_model.layers.{i}.altup.modality_router.weight"}},
    Param{.name = "model.layers.{i}.altup.router_norm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"model.language_model.layers.{i}.altup.router_norm.weight"}},
};

static constexpr std::array kLaurel = {
    Param{.name = "model.layers.{i}.laurel.linear_left.weight",
          .shape = {"laurel_rank", "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"model.language_model.layers.{i}.laurel.linear_left.weight"}},
    Param{.name = "model.layers.{i}.laurel.linear_right.weight",
          .shape = {"hidden_size", "laurel_rank"},
          .kind = ParamKind::kLinear,
          .sources = {"model.language_model.layers.{i}.laurel.linear_right.weight"}},
    Param{.name = "model.layers.{i}.laurel.post_laurel_norm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"model.language_model.layers.{i}.laurel.post_laurel_norm.weight"}},
};

static constexpr std::array kPerLayerInput = {
    Param{.name = "model.layers.{i}.per_layer_input_gate.weight",
          .shape = {"hidden_size_per_layer_input", "hidden_size"},
          .kind = ParamKind::kLinear,
          .sources = {"model.language_model.layers.{i}.per_layer_input_gate.weight"}},
    Param{.name = "model.layers.{i}.per_layer_projection.weight",
          .shape = {"hidden_size", "hidden_size_per_layer_input"},
          .kind = ParamKind::kLinear,
          .sources = {"model.language_model.layers.{i}.per_layer_projection.weight"}},
    Param{.name = "model.layers.{i}.post_per_layer_input_norm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"model.language_model.layers.{i}.post_per_layer_input_norm.weight"}},
};

static constexpr std::array kNorms = {
    Param{.name = "model.layers.{i}.input_layernorm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"model.language_model.layers.{i}.input_layernorm.weight"}},
    Param{.name = "model.layers.{i}.post_attention_layernorm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"model.language_model.layers.{i}.post_attention_layernorm.weight"}},
    Param{.name = "model.layers.{i}.pre_feedforward_layernorm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"model.language_model.layers.{i}.pre_feedforward_layernorm.weight"}},
    Param{.name = "model.layers.{i}.post_feedforward_layernorm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"model.language_model.layers.{i}.post_feedforward_layernorm.weight"}},
};

static constexpr std::array kTail = {
    Param{.name = "model.norm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm,
          .sources = {"model.language_model.norm.weight"}},
};

static constexpr Ignored kLeftOut[] = {
    {.pattern = "model.vision_tower.*",
     .rule = "the vision tower, which MLC leaves out",
     .counted = true},
    {.pattern = "model.embed_vision.*",
     .rule = "the vision tower, which MLC leaves out",
     .counted = true},
    {.pattern = "model.audio_tower.*",
     .rule = "the audio tower, which MLC leaves out",
     .counted = true},
    {.pattern = "model.embed_audio.*",
     .rule = "the audio tower, which MLC leaves out",
     .counted = true},
    {.pattern = "lm_head.weight", .rule = "the head is tied to the embedding", .counted = true},
};

static constexpr auto kRest = join(kMlp, kAltUp, kLaurel, kPerLayerInput, kNorms);
static constexpr Block kLayer[] = {
    {.params = kQueries},
    {.when = "i < num_hidden_layers-num_kv_shared_layers", .params = kKeysAndValues},
    {.when = "i >= num_hidden_layers-num_kv_shared_layers", .ignored = kUnusedKeys},
    {.params = kRest},
};
static constexpr Block kBody[] = {
    {.params = kEmbeddings, .ignored = kLeftOut},
    {.variable = "k", .count = "altup_num_inputs-1", .params = kStreams},
    {.variable = "i", .count = "num_hidden_layers", .blocks = kLayer},
    {.params = kTail},
};

static constexpr Field kFields[] = {
    {.name = "hidden_size"},
    {.name = "intermediate_size", .type = FieldType::kList},
    {.name = "num_hidden_layers"},
    {.name = "num_attention_heads", .otherwise = "8"},
    {.name = "num_key_value_heads", .otherwise = "2"},
    {.name = "head_dim", .otherwise = "256"},
    {.name = "vocab_size", .otherwise = "262400"},
    {.name = "vocab_size_per_layer_input", .otherwise = "262144"},
    {.name = "hidden_size_per_layer_input", .otherwise = "256"},
    {.name = "num_kv_shared_layers", .otherwise = "15"},
    {.name = "altup_num_inputs", .otherwise = "4"},
    {.name = "altup_active_idx", .otherwise = "0"},
    {.name = "altup_coef_clip", .type = FieldType::kNumber, .otherwise = "120.0"},
    {.name = "altup_correct_scale", .type = FieldType::kBool, .otherwise = "True"},
    {.name = "laurel_rank", .otherwise = "64"},
    {.name = "activation_sparsity_pattern", .type = FieldType::kAny, .otherwise = "None"},
    {.name = "layer_types", .type = FieldType::kList, .otherwise = "None"},
    {.name = "sliding_window", .otherwise = "512"},
    {.name = "rms_norm_eps", .type = FieldType::kNumber, .otherwise = "1e-06"},
    {.name = "rope_theta", .type = FieldType::kNumber, .otherwise = "1000000"},
    {.name = "rope_local_base_freq", .type = FieldType::kNumber, .otherwise = "10000"},
    {.name = "rope_parameters", .type = FieldType::kAny, .otherwise = "None"},
    {.name = "hidden_activation", .type = FieldType::kString, .otherwise = "'gelu_pytorch_tanh'"},
    {.name = "final_logit_softcapping", .type = FieldType::kNumber, .otherwise = "30.0"},
    {.name = "attention_bias", .type = FieldType::kBool, .otherwise = "False"},
    kTiedUnlessSaid,
    {.name = "context_window_size", .otherwise = "0"},
    {.name = "prefill_chunk_size", .otherwise = "0"},
    {.name = "tensor_parallel_shards", .otherwise = "1"},
    {.name = "max_batch_size", .otherwise = "1"},
};

// The head is always the embedding, and attention never has biases: the class knows others, but no
// release has them. The outer config of the models with towers says nothing of the head.
static constexpr Step kSteps[] = {
    steps::check("tie_word_embeddings"),
    steps::check("not attention_bias"),
    steps::check("0 <= num_kv_shared_layers < num_hidden_layers"),
    steps::check("altup_num_inputs > 1"),
    {.verb = Verb::kTake,
     .field = "context_window_size",
     .keys = {"max_position_embeddings"},
     .expression = "32768"},
    steps::kHeadsGroup,
    steps::kPrefill8192,
};
static constexpr ConfigTable kConfig = {
    .fields = kFields, .steps = kSteps, .flatten = "text_config"};
static constexpr Rename kTextAlone[] = {{.from = "model.language_model.", .to = "model."}};

static constexpr Architecture kModels[] = {
    {.model_type = "gemma3n",
     .class_names = {"Gemma3nForConditionalGeneration"},
     .config = kConfig,
     .body = kBody,
     .renames = kTextAlone,
     .in_mlc_llm = false},
    {.model_type = "gemma3n_text",
     .class_names = {"Gemma3nForCausalLM"},
     .config = kConfig,
     .body = kBody,
     .renames = kTextAlone,
     .in_mlc_llm = false},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_gemma3n = kModels;

}  // namespace mlc
