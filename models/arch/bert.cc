// BERT encoders for embeddings. MLC's model ends with the last layer, so the pooler is left out.
#include "models/well_formed.h"

namespace mlc {

static constexpr std::array kEmbeddings = {
    Param{.name = "embeddings.word_embeddings.weight",
          .shape = {"vocab_size", "hidden_size"},
          .kind = ParamKind::kEmbedding},
    Param{.name = "embeddings.position_embeddings.weight",
          .shape = {"context_window_size", "hidden_size"},
          .kind = ParamKind::kEmbedding},
    Param{.name = "embeddings.token_type_embeddings.weight",
          .shape = {"type_vocab_size", "hidden_size"},
          .kind = ParamKind::kEmbedding},
    Param{
        .name = "embeddings.LayerNorm.weight", .shape = {"hidden_size"}, .kind = ParamKind::kNorm},
    Param{.name = "embeddings.LayerNorm.bias", .shape = {"hidden_size"}, .kind = ParamKind::kNorm},
};

static constexpr std::array kLayer = {
    Param{.name = "encoder.layer.{i}.attention.self.qkv.weight",
          .shape = {"3*num_attention_heads*head_dim", "hidden_size"},
          .kind = ParamKind::kLinear,
          .op = Op::kConcat,
          .sources = {"encoder.layer.{i}.attention.self.query.weight",
                      "encoder.layer.{i}.attention.self.key.weight",
                      "encoder.layer.{i}.attention.self.value.weight"}},
    Param{.name = "encoder.layer.{i}.attention.self.qkv.bias",
          .shape = {"3*num_attention_heads*head_dim"},
          .kind = ParamKind::kLinearBias,
          .op = Op::kConcat,
          .sources = {"encoder.layer.{i}.attention.self.query.bias",
                      "encoder.layer.{i}.attention.self.key.bias",
                      "encoder.layer.{i}.attention.self.value.bias"}},
    Param{.name = "encoder.layer.{i}.attention.output.dense.weight",
          .shape = {"hidden_size", "hidden_size"},
          .kind = ParamKind::kLinear},
    Param{.name = "encoder.layer.{i}.attention.output.dense.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kLinearBias},
    Param{.name = "encoder.layer.{i}.attention.output.LayerNorm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm},
    Param{.name = "encoder.layer.{i}.attention.output.LayerNorm.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm},
    Param{.name = "encoder.layer.{i}.intermediate.dense.weight",
          .shape = {"intermediate_size", "hidden_size"},
          .kind = ParamKind::kLinear},
    Param{.name = "encoder.layer.{i}.intermediate.dense.bias",
          .shape = {"intermediate_size"},
          .kind = ParamKind::kLinearBias},
    Param{.name = "encoder.layer.{i}.output.dense.weight",
          .shape = {"hidden_size", "intermediate_size"},
          .kind = ParamKind::kLinear},
    Param{.name = "encoder.layer.{i}.output.dense.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kLinearBias},
    Param{.name = "encoder.layer.{i}.output.LayerNorm.weight",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm},
    Param{.name = "encoder.layer.{i}.output.LayerNorm.bias",
          .shape = {"hidden_size"},
          .kind = ParamKind::kNorm},
};

static constexpr Ignored kIgnored[] = {
    {.pattern = "embeddings.position_ids", .rule = "positions, counted from zero", .counted = true},
    {.pattern = "pooler.dense.bias", .rule = "the pooler, which MLC leaves out", .counted = true},
    {.pattern = "pooler.dense.weight", .rule = "the pooler, which MLC leaves out", .counted = true},
    {.pattern = "cls.*", .rule = "heads for training, which MLC leaves out", .counted = true},
};
// mlc_llm names them for this model type only.
static constexpr Ignored kBgeIgnored[] = {
    {.pattern = "embeddings.position_ids", .rule = "positions, counted from zero"},
    {.pattern = "pooler.dense.bias", .rule = "the pooler, which MLC leaves out"},
    {.pattern = "pooler.dense.weight", .rule = "the pooler, which MLC leaves out"},
};
static constexpr Block kBody[] = {
    {.params = kEmbeddings, .ignored = kIgnored},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer},
};
static constexpr Block kBgeBody[] = {
    {.params = kEmbeddings, .ignored = kBgeIgnored},
    {.variable = "i", .count = "num_hidden_layers", .params = kLayer},
};

static constexpr Field kFields[] = {
    {.name = "vocab_size"},
    {.name = "hidden_size"},
    {.name = "num_hidden_layers"},
    {.name = "num_attention_heads"},
    {.name = "intermediate_size"},
    {.name = "hidden_act", .type = FieldType::kString},
    {.name = "layer_norm_eps", .type = FieldType::kNumber},
    {.name = "context_window_size", .otherwise = "0"},
    {.name = "prefill_chunk_size", .otherwise = "0"},
    {.name = "tensor_parallel_shards", .otherwise = "1"},
    {.name = "type_vocab_size", .otherwise = "2"},
    {.name = "pad_token_id", .type = FieldType::kAny, .otherwise = "0"},
    {.name = "position_offset", .otherwise = "0"},
    {.name = "head_dim", .otherwise = "0"},
    {.name = "max_batch_size", .otherwise = "1"},
};

static constexpr Step kSteps[] = {
    steps::set("intermediate_size", "4*hidden_size", When::kNullOrMinus1),
    steps::kContext,
    steps::kHeadDim,
    steps::kHeadsFillHidden,
    {.verb = Verb::kPrefillUncapped},
};

// Checkpoints of models with a head have the outer module's name in front.
static constexpr Rename kOuter[] = {{.from = "", .to = "bert."}};

static constexpr Embedding kFirstToken = {.side = "encoder", .pooling = "cls"};

static constexpr Architecture kModels[] = {
    {.model_type = "bert",
     .config = {.fields = kFields, .steps = kSteps},
     .body = kBody,
     .renames = kOuter,
     .embedding = kFirstToken},
    {.model_type = "bert-bge",
     .config = {.fields = kFields, .steps = kSteps},
     .body = kBgeBody,
     .renames = kOuter,
     .embedding = kFirstToken},
};
static_assert(well_formed(kModels));

extern constinit const Family arch_bert = kModels;

}  // namespace mlc
