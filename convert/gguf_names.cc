#include "convert/gguf_names.h"

#include <algorithm>
#include <array>

namespace mlc {
namespace {

using Undo = GgufUndo;
using Row = GgufNameRow;

// The names that most decoders share.
constexpr std::array kCommon = {
    Row{"token_embd", "model.embed_tokens"},
    Row{"output_norm", "model.norm"},
    Row{"output", "lm_head"},
    Row{"rope_freqs", "", Undo::kDerived},
    Row{"rope_factors_long", "", Undo::kDerived},
    Row{"rope_factors_short", "", Undo::kDerived},
    Row{"blk.*.attn_norm", "model.layers.*.input_layernorm"},
    Row{"blk.*.attn_q", "model.layers.*.self_attn.q_proj"},
    Row{"blk.*.attn_k", "model.layers.*.self_attn.k_proj"},
    Row{"blk.*.attn_v", "model.layers.*.self_attn.v_proj"},
    Row{"blk.*.attn_output", "model.layers.*.self_attn.o_proj"},
    Row{"blk.*.attn_q_norm", "model.layers.*.self_attn.q_norm"},
    Row{"blk.*.attn_k_norm", "model.layers.*.self_attn.k_norm"},
    Row{"blk.*.ffn_norm", "model.layers.*.post_attention_layernorm"},
    Row{"blk.*.ffn_gate", "model.layers.*.mlp.gate_proj"},
    Row{"blk.*.ffn_up", "model.layers.*.mlp.up_proj"},
    Row{"blk.*.ffn_down", "model.layers.*.mlp.down_proj"},
};

constexpr std::array kPaired = {
    Row{"blk.*.attn_q", "model.layers.*.self_attn.q_proj", Undo::kQueryRows},
    Row{"blk.*.attn_k", "model.layers.*.self_attn.k_proj", Undo::kKeyRows},
};

constexpr std::array kMixtral = {
    Row{"blk.*.attn_q", "model.layers.*.self_attn.q_proj", Undo::kQueryRows},
    Row{"blk.*.attn_k", "model.layers.*.self_attn.k_proj", Undo::kKeyRows},
    Row{"blk.*.ffn_gate_inp", "model.layers.*.block_sparse_moe.gate"},
    Row{"blk.*.ffn_gate_exps", "model.layers.*.block_sparse_moe.experts.#.w1", Undo::kExperts},
    Row{"blk.*.ffn_down_exps", "model.layers.*.block_sparse_moe.experts.#.w2", Undo::kExperts},
    Row{"blk.*.ffn_up_exps", "model.layers.*.block_sparse_moe.experts.#.w3", Undo::kExperts},
};

constexpr std::array kExperts = {
    Row{"blk.*.ffn_gate_inp", "model.layers.*.mlp.gate"},
    Row{"blk.*.ffn_gate_exps", "model.layers.*.mlp.experts.#.gate_proj", Undo::kExperts},
    Row{"blk.*.ffn_down_exps", "model.layers.*.mlp.experts.#.down_proj", Undo::kExperts},
    Row{"blk.*.ffn_up_exps", "model.layers.*.mlp.experts.#.up_proj", Undo::kExperts},
    Row{"blk.*.ffn_gate_inp_shexp", "model.layers.*.mlp.shared_expert_gate", Undo::kOneRow},
    Row{"blk.*.ffn_gate_shexp", "model.layers.*.mlp.shared_expert.gate_proj"},
    Row{"blk.*.ffn_down_shexp", "model.layers.*.mlp.shared_expert.down_proj"},
    Row{"blk.*.ffn_up_shexp", "model.layers.*.mlp.shared_expert.up_proj"},
};

// The first DeepSeek permutes its query and key rows as Llama does, and calls its shared expert so.
constexpr std::array kDeepSeek = {
    Row{"blk.*.attn_q", "model.layers.*.self_attn.q_proj", Undo::kQueryRows},
    Row{"blk.*.attn_k", "model.layers.*.self_attn.k_proj", Undo::kKeyRows},
    Row{"blk.*.ffn_gate_inp", "model.layers.*.mlp.gate"},
    Row{"blk.*.ffn_gate_exps", "model.layers.*.mlp.experts.#.gate_proj", Undo::kExperts},
    Row{"blk.*.ffn_down_exps", "model.layers.*.mlp.experts.#.down_proj", Undo::kExperts},
    Row{"blk.*.ffn_up_exps", "model.layers.*.mlp.experts.#.up_proj", Undo::kExperts},
    Row{"blk.*.ffn_gate_shexp", "model.layers.*.mlp.shared_experts.gate_proj"},
    Row{"blk.*.ffn_down_shexp", "model.layers.*.mlp.shared_experts.down_proj"},
    Row{"blk.*.ffn_up_shexp", "model.layers.*.mlp.shared_experts.up_proj"},
};

// DeepSeek 2 and 3. Files since 2025 hold kv_b in two turned halves (attn_k_b, attn_v_b), which are
// no renaming; those names have no row and are reported.
constexpr std::array kDeepSeek2 = {
    Row{"blk.*.attn_q_a", "model.layers.*.self_attn.q_a_proj"},
    Row{"blk.*.attn_q_a_norm", "model.layers.*.self_attn.q_a_layernorm"},
    Row{"blk.*.attn_q_b", "model.layers.*.self_attn.q_b_proj"},
    Row{"blk.*.attn_kv_a_mqa", "model.layers.*.self_attn.kv_a_proj_with_mqa"},
    Row{"blk.*.attn_kv_a_norm", "model.layers.*.self_attn.kv_a_layernorm"},
    Row{"blk.*.attn_kv_b", "model.layers.*.self_attn.kv_b_proj"},
    Row{"blk.*.ffn_gate_inp", "model.layers.*.mlp.gate"},
    Row{"blk.*.ffn_gate_exps", "model.layers.*.mlp.experts.#.gate_proj", Undo::kExperts},
    Row{"blk.*.ffn_down_exps", "model.layers.*.mlp.experts.#.down_proj", Undo::kExperts},
    Row{"blk.*.ffn_up_exps", "model.layers.*.mlp.experts.#.up_proj", Undo::kExperts},
    Row{"blk.*.ffn_gate_shexp", "model.layers.*.mlp.shared_experts.gate_proj"},
    Row{"blk.*.ffn_down_shexp", "model.layers.*.mlp.shared_experts.down_proj"},
    Row{"blk.*.ffn_up_shexp", "model.layers.*.mlp.shared_experts.up_proj"},
};

constexpr std::array kGemma = {
    Row{"output_norm", "model.norm", Undo::kMinusOne},
    Row{"blk.*.attn_norm", "model.layers.*.input_layernorm", Undo::kMinusOne},
    Row{"blk.*.ffn_norm", "model.layers.*.post_attention_layernorm", Undo::kMinusOne},
};

// Gemma 2 and 3 have norms before and after.
constexpr std::array kGemma2 = {
    Row{"output_norm", "model.norm", Undo::kMinusOne},
    Row{"blk.*.attn_norm", "model.layers.*.input_layernorm", Undo::kMinusOne},
    Row{"blk.*.post_attention_norm", "model.layers.*.post_attention_layernorm", Undo::kMinusOne},
    Row{"blk.*.ffn_norm", "model.layers.*.pre_feedforward_layernorm", Undo::kMinusOne},
    Row{"blk.*.post_ffw_norm", "model.layers.*.post_feedforward_layernorm", Undo::kMinusOne},
    Row{"blk.*.attn_q_norm", "model.layers.*.self_attn.q_norm", Undo::kMinusOne},
    Row{"blk.*.attn_k_norm", "model.layers.*.self_attn.k_norm", Undo::kMinusOne},
};

constexpr std::array kOlmo2 = {
    Row{"blk.*.post_attention_norm", "model.layers.*.post_attention_layernorm"},
    Row{"blk.*.post_ffw_norm", "model.layers.*.post_feedforward_layernorm"},
};

constexpr std::array kPhi2 = {
    Row{"output_norm", "model.final_layernorm"},
    Row{"blk.*.attn_output", "model.layers.*.self_attn.dense"},
    Row{"blk.*.ffn_up", "model.layers.*.mlp.fc1"},
    Row{"blk.*.ffn_down", "model.layers.*.mlp.fc2"},
};

constexpr std::array kPhi3 = {
    Row{"blk.*.attn_qkv", "model.layers.*.self_attn.qkv_proj"},
    Row{"blk.*.ffn_up", "model.layers.*.mlp.gate_up_proj"},
};

constexpr std::array kStarcoder2 = {
    Row{"blk.*.ffn_up", "model.layers.*.mlp.c_fc"},
    Row{"blk.*.ffn_down", "model.layers.*.mlp.c_proj"},
};

constexpr std::array kNemotron = {
    Row{"output_norm", "model.norm", Undo::kMinusOne},
    Row{"blk.*.attn_norm", "model.layers.*.input_layernorm", Undo::kMinusOne},
    Row{"blk.*.ffn_norm", "model.layers.*.post_attention_layernorm", Undo::kMinusOne},
};

constexpr std::array kGpt2 = {
    Row{"token_embd", "wte"},
    Row{"position_embd", "wpe"},
    Row{"output_norm", "ln_f"},
    Row{"output", "lm_head"},
    Row{"blk.*.attn_norm", "h.*.ln_1"},
    Row{"blk.*.attn_qkv", "h.*.attn.c_attn", Undo::kTurned},
    Row{"blk.*.attn_output", "h.*.attn.c_proj", Undo::kTurned},
    Row{"blk.*.ffn_norm", "h.*.ln_2"},
    Row{"blk.*.ffn_up", "h.*.mlp.c_fc", Undo::kTurned},
    Row{"blk.*.ffn_down", "h.*.mlp.c_proj", Undo::kTurned},
};

// GPT-BigCode: GPT-2 with ordinary linears.
constexpr std::array kStarcoder = {
    Row{"token_embd", "transformer.wte"},
    Row{"position_embd", "transformer.wpe"},
    Row{"output_norm", "transformer.ln_f"},
    Row{"output", "lm_head"},
    Row{"blk.*.attn_norm", "transformer.h.*.ln_1"},
    Row{"blk.*.attn_qkv", "transformer.h.*.attn.c_attn"},
    Row{"blk.*.attn_output", "transformer.h.*.attn.c_proj"},
    Row{"blk.*.ffn_norm", "transformer.h.*.ln_2"},
    Row{"blk.*.ffn_up", "transformer.h.*.mlp.c_fc"},
    Row{"blk.*.ffn_down", "transformer.h.*.mlp.c_proj"},
};

constexpr std::array kGptNeox = {
    Row{"token_embd", "gpt_neox.embed_in"},
    Row{"output_norm", "gpt_neox.final_layer_norm"},
    Row{"output", "embed_out"},
    Row{"blk.*.attn_norm", "gpt_neox.layers.*.input_layernorm"},
    Row{"blk.*.attn_qkv", "gpt_neox.layers.*.attention.query_key_value", Undo::kNeoxRows},
    Row{"blk.*.attn_output", "gpt_neox.layers.*.attention.dense"},
    Row{"blk.*.ffn_norm", "gpt_neox.layers.*.post_attention_layernorm"},
    Row{"blk.*.ffn_up", "gpt_neox.layers.*.mlp.dense_h_to_4h"},
    Row{"blk.*.ffn_down", "gpt_neox.layers.*.mlp.dense_4h_to_h"},
};

constexpr std::array kQwen = {
    Row{"token_embd", "transformer.wte"},
    Row{"output_norm", "transformer.ln_f"},
    Row{"output", "lm_head"},
    Row{"blk.*.attn_norm", "transformer.h.*.ln_1"},
    Row{"blk.*.attn_qkv", "transformer.h.*.attn.c_attn"},
    Row{"blk.*.attn_output", "transformer.h.*.attn.c_proj"},
    Row{"blk.*.ffn_norm", "transformer.h.*.ln_2"},
    Row{"blk.*.ffn_up", "transformer.h.*.mlp.w1"},
    Row{"blk.*.ffn_gate", "transformer.h.*.mlp.w2"},
    Row{"blk.*.ffn_down", "transformer.h.*.mlp.c_proj"},
};

constexpr std::array kChatGlm = {
    Row{"token_embd", "transformer.embedding.word_embeddings"},
    Row{"output_norm", "transformer.encoder.final_layernorm"},
    Row{"output", "transformer.output_layer"},
    Row{"rope_freqs", "", Undo::kDerived},
    Row{"blk.*.attn_norm", "transformer.encoder.layers.*.input_layernorm"},
    Row{"blk.*.attn_qkv", "transformer.encoder.layers.*.self_attention.query_key_value"},
    Row{"blk.*.attn_output", "transformer.encoder.layers.*.self_attention.dense"},
    Row{"blk.*.ffn_norm", "transformer.encoder.layers.*.post_attention_layernorm"},
    Row{"blk.*.ffn_up", "transformer.encoder.layers.*.mlp.dense_h_to_4h"},
    Row{"blk.*.ffn_down", "transformer.encoder.layers.*.mlp.dense_4h_to_h"},
};

// Architectures whose class in the converter descends from LlamaModel, or permutes as it does, have
// paired rows. "llama" is also Mistral, Mixtral, Yi, SmolLM and others.
constexpr std::array kArchitectures = {
    GgufArchitecture{"llama", kMixtral, kCommon},
    GgufArchitecture{"mistral3", kPaired, kCommon},
    GgufArchitecture{"granite", kPaired, kCommon},
    GgufArchitecture{"smollm3", kPaired, kCommon},
    GgufArchitecture{"minicpm", kPaired, kCommon},
    GgufArchitecture{"olmo", kPaired, kCommon},
    GgufArchitecture{"olmo2", kOlmo2, kCommon},
    GgufArchitecture{"qwen", kQwen},
    GgufArchitecture{"qwen2", kCommon},
    GgufArchitecture{"qwen2moe", kExperts, kCommon},
    GgufArchitecture{"qwen3", kCommon},
    GgufArchitecture{"qwen3moe", kExperts, kCommon},
    GgufArchitecture{"deepseek", kDeepSeek, kCommon},
    GgufArchitecture{"deepseek2", kDeepSeek2, kCommon},
    GgufArchitecture{"gemma", kGemma, kCommon},
    GgufArchitecture{"gemma2", kGemma2, kCommon},
    GgufArchitecture{"gemma3", kGemma2, kCommon},
    GgufArchitecture{"phi2", kPhi2, kCommon},
    GgufArchitecture{"phi3", kPhi3, kCommon},
    GgufArchitecture{"command-r", kCommon},
    GgufArchitecture{"cohere2", kCommon},
    GgufArchitecture{"ernie4_5", kCommon},
    GgufArchitecture{"orion", kCommon},
    GgufArchitecture{"stablelm", kCommon},
    GgufArchitecture{"starcoder2", kStarcoder2, kCommon},
    GgufArchitecture{"nemotron", kNemotron, kCommon},
    GgufArchitecture{"gpt2", kGpt2},
    GgufArchitecture{"starcoder", kStarcoder},
    GgufArchitecture{"gptneox", kGptNeox},
    GgufArchitecture{"chatglm", kChatGlm},
};

constexpr bool well_formed(const Row& row) {
  bool layer = row.gguf.find('*') != std::string_view::npos;
  bool derived = row.undo == Undo::kDerived;
  return derived == row.hf.empty() && (derived || layer == (row.hf.find('*') != row.hf.npos)) &&
         (row.undo == Undo::kExperts) == (row.hf.find('#') != row.hf.npos);
}
constexpr bool well_formed_rows(std::span<const Row> rows) {
  return std::all_of(rows.begin(), rows.end(), well_formed);
}
static_assert(std::all_of(kArchitectures.begin(), kArchitectures.end(), [](const auto& a) {
  return !a.name.empty() && well_formed_rows(a.rows) && well_formed_rows(a.common);
}));

// "blk.12.attn_q" as "blk.*.attn_q" and "12".
struct Split {
  std::string pattern;
  std::string layer;
};
Split split_layer(std::string_view name) {
  constexpr std::string_view kBlock = "blk.";
  if (!name.starts_with(kBlock)) return {std::string(name), {}};
  std::string_view rest = name.substr(kBlock.size());
  std::string_view layer = rest.substr(0, rest.find_first_not_of("0123456789"));
  if (layer.empty()) return {std::string(name), {}};
  return {std::string(kBlock) + "*" + std::string(rest.substr(layer.size())), std::string(layer)};
}

}  // namespace

std::span<const GgufArchitecture> gguf_architectures() { return kArchitectures; }

const GgufArchitecture* find_gguf_architecture(std::string_view name) {
  auto row = std::find_if(kArchitectures.begin(), kArchitectures.end(),
                          [&](const GgufArchitecture& a) { return a.name == name; });
  return row == kArchitectures.end() ? nullptr : &*row;
}

std::optional<GgufName> huggingface_name(const GgufArchitecture& architecture,
                                         std::string_view gguf_name) {
  std::string_view suffix;
  for (std::string_view s : {".weight", ".bias"})
    if (gguf_name.ends_with(s)) suffix = s;
  Split split = split_layer(gguf_name.substr(0, gguf_name.size() - suffix.size()));
  for (std::span<const Row> rows : {architecture.rows, architecture.common})
    for (const Row& row : rows) {
      if (row.gguf != split.pattern || suffix.empty()) continue;
      GgufName name{std::string(row.hf), row.undo};
      if (std::size_t star = name.hf.find('*'); star != std::string::npos)
        name.hf.replace(star, 1, split.layer);
      name.hf += suffix;
      bool weights_only = row.undo == Undo::kMinusOne || row.undo == Undo::kTurned;
      if (weights_only && suffix != ".weight") name.undo = Undo::kNothing;
      return name;
    }
  return std::nullopt;
}

}  // namespace mlc
