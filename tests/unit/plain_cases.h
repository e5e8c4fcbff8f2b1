// Small models of the architectures that have no golden logits: their config.json, and what the
// published code computes for it (transformers' models/*, and the models' own remote code).
#pragma once

#include "tests/unit/plain_case.h"

namespace mlc::plain {

inline std::vector<Case> recurrent_cases() {
  std::string shapes = R"("hidden_size": 64, "intermediate_size": null, "num_hidden_layers": 4,
      "vocab_size": 96, "head_size": 32, "layer_norm_epsilon": 1e-05})";
  std::string five = R"({"model_type": "rwkv5", "model_version": "5_2", )";
  std::string six = R"({"model_type": "rwkv6", "head_size_divisor": 4, )";
  Rwkv finch{.six = true, .head_eps = 16e-5};
  std::vector<Case> list;
  list.push_back(rwkv_case("rwkv5", five + R"("rescale_every": 2, )" + shapes, {}));
  list.push_back(rwkv_case("rwkv6", six + R"("rescale_every": 3, )" + shapes, finch));
  list.push_back(rwkv_case("rwkv6_not_rescaled", six + shapes, finch));
  return list;
}

inline std::vector<Case> own_name_cases() {
  std::vector<Case> list;
  // Half of each head turns, in neighbouring pairs; rope_ratio multiplies the base.
  Decoder chatglm;
  chatglm.embedding = "transformer.embedding.word_embeddings";
  chatglm.attention_norm = "transformer.encoder.layers.{}.input_layernorm";
  chatglm.mlp_norm = "transformer.encoder.layers.{}.post_attention_layernorm";
  chatglm.qkv = "transformer.encoder.layers.{}.self_attention.query_key_value";
  chatglm.qkv_bias = true;
  chatglm.out = "transformer.encoder.layers.{}.self_attention.dense";
  chatglm.gate_up = "transformer.encoder.layers.{}.mlp.dense_h_to_4h";
  chatglm.down = "transformer.encoder.layers.{}.mlp.dense_4h_to_h";
  chatglm.final_norm = "transformer.encoder.final_layernorm";
  chatglm.head = "transformer.output_layer";
  chatglm.neighbours = true;
  chatglm.rotation = rotations(500000, 8);
  list.push_back(decoder_case("chatglm", R"({"model_type": "chatglm", "hidden_size": 64,
      "num_layers": 2, "kv_channels": 16, "num_attention_heads": 4, "ffn_hidden_size": 96,
      "layernorm_epsilon": 1e-05, "post_layer_norm": true, "rmsnorm": true,
      "add_bias_linear": false, "add_qkv_bias": true, "apply_query_key_layer_scaling": true,
      "multi_query_attention": true, "multi_query_group_num": 2, "padded_vocab_size": 96,
      "seq_length": 256, "rope_ratio": 50})",
                              chatglm));

  Decoder internlm2;
  internlm2.embedding = "model.tok_embeddings";
  internlm2.attention_norm = "model.layers.{}.attention_norm";
  internlm2.mlp_norm = "model.layers.{}.ffn_norm";
  internlm2.qkv = "model.layers.{}.attention.wqkv";
  internlm2.grouped = true;
  internlm2.out = "model.layers.{}.attention.wo";
  internlm2.qkv_bias = internlm2.out_bias = true;
  internlm2.gate = "model.layers.{}.feed_forward.w1";
  internlm2.up = "model.layers.{}.feed_forward.w3";
  internlm2.down = "model.layers.{}.feed_forward.w2";
  internlm2.head = "output";
  internlm2.rotation = rotations(1000000);
  list.push_back(decoder_case(
      "internlm2", with_shapes(R"("model_type": "internlm2", "bias": true, "rope_theta": 1000000)"),
      internlm2));

  // w1 goes up, w2 is the gate.
  Decoder qwen;
  qwen.kv_heads = 4;
  qwen.embedding = "transformer.wte";
  qwen.attention_norm = "transformer.h.{}.ln_1";
  qwen.mlp_norm = "transformer.h.{}.ln_2";
  qwen.qkv = "transformer.h.{}.attn.c_attn";
  qwen.qkv_bias = true;
  qwen.out = "transformer.h.{}.attn.c_proj";
  qwen.gate = "transformer.h.{}.mlp.w2";
  qwen.up = "transformer.h.{}.mlp.w1";
  qwen.down = "transformer.h.{}.mlp.c_proj";
  qwen.final_norm = "transformer.ln_f";
  list.push_back(decoder_case("qwen", R"({"model_type": "qwen", "vocab_size": 96,
      "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
      "layer_norm_epsilon": 1e-05, "scale_attn_weights": true, "kv_channels": 16,
      "rotary_emb_base": 10000, "intermediate_size": 192, "max_position_embeddings": 256})",
                              qwen));

  Decoder baichuan;
  baichuan.kv_heads = 4;
  baichuan.qkv = "model.layers.{}.self_attn.W_pack";
  list.push_back(decoder_case("baichuan",
                              with_shapes(R"("model_type": "baichuan", "initializer_range": 0.02,
                     "tie_word_embeddings": false)"),
                              baichuan));

  Decoder internlm;
  internlm.kv_heads = 4;
  internlm.qkv_bias = internlm.out_bias = true;
  internlm.rotation = rotations(20000);
  list.push_back(decoder_case("internlm", with_shapes(R"("model_type": "internlm", "bias": true,
                                             "rotary": {"base": 20000, "type": "dynamic"})"),
                              internlm));

  Decoder minicpm;
  minicpm.embedding_scale = 12;
  minicpm.residual_scale = 1.4 / std::sqrt(2.0);
  minicpm.logit_scale = 32.0 / 64;
  minicpm.head = {};
  std::string scales = R"("model_type": "minicpm", "hidden_act": "silu", "scale_emb": 12,
      "scale_depth": 1.4, "dim_model_base": 32, "rope_theta": 10000.0, )";
  list.push_back(
      decoder_case("minicpm", with_shapes(scales + R"("tie_word_embeddings": true)"), minicpm));
  Decoder mixture = minicpm;
  mixture.head = "lm_head";
  mixture.has_experts = [](std::size_t) { return true; };
  mixture.experts = 4;
  mixture.top_k = 2;
  mixture.expert_inner = 96;
  mixture.normalized = true;
  mixture.router = "model.layers.{}.mlp.gate";
  mixture.expert = "model.layers.{}.mlp.experts.{}";
  mixture.expert_gate = ".w1";
  mixture.expert_up = ".w3";
  mixture.expert_down = ".w2";
  list.push_back(decoder_case("minicpm_experts",
                              with_shapes(scales + R"("tie_word_embeddings": false,
                                              "num_experts": 4, "num_experts_per_tok": 2)"),
                              mixture));

  Decoder deepseek;
  deepseek.has_experts = [](std::size_t i) { return i > 0; };
  deepseek.experts = 6;
  deepseek.top_k = 3;
  deepseek.expert_inner = 32;
  deepseek.router = "model.layers.{}.mlp.gate";
  deepseek.expert = "model.layers.{}.mlp.experts.{}";
  deepseek.expert_gate = ".gate_proj";
  deepseek.expert_up = ".up_proj";
  deepseek.expert_down = ".down_proj";
  deepseek.shared = "model.layers.{}.mlp.shared_experts";
  deepseek.shared_inner = 64;
  list.push_back(decoder_case("deepseek",
                              with_shapes(R"("model_type": "deepseek", "hidden_act": "silu",
      "moe_intermediate_size": 32, "n_shared_experts": 2, "n_routed_experts": 6,
      "num_experts_per_tok": 3, "moe_layer_freq": 1, "first_k_dense_replace": 1,
      "norm_topk_prob": false, "attention_bias": false, "rope_theta": 10000)"),
                              deepseek));
  return list;
}

inline std::vector<Case> kin_cases() {
  std::vector<Case> list;
  auto put = [&](const std::string& name, const std::string& more, const Decoder& model) {
    list.push_back(decoder_case(
        name,
        with_shapes(R"("model_type": ")" + name + R"(", )" + more, static_cast<int>(model.layers)),
        model));
  };
  Decoder orion;
  orion.layer_norms = orion.norm_bias = true;
  put("orion", R"("rope_theta": 10000.0)", orion);

  Decoder granite;
  granite.qkv_bias = granite.out_bias = granite.mlp_bias = true;
  granite.embedding_scale = 12;
  granite.attention_scale = 0.015625;
  granite.residual_scale = 0.22;
  granite.logit_scale = 1 / 8.0;
  granite.head = {};
  put("granite", R"("rope_theta": 10000.0, "attention_bias": true, "mlp_bias": true,
      "tie_word_embeddings": true, "embedding_multiplier": 12.0, "attention_multiplier": 0.015625,
      "residual_multiplier": 0.22, "logits_scaling": 8.0)",
      granite);

  Decoder smollm3;
  smollm3.layers = 4;
  smollm3.head = {};
  smollm3.rotation = [](std::size_t i) { return frequencies(2000000, i == 3 ? 0 : 16); };
  put("smollm3", R"("rope_parameters": {"rope_theta": 2000000.0, "rope_type": "default"})",
      smollm3);

  Decoder seed;
  seed.qkv_bias = true;
  seed.head_dim = 32;
  seed.rotation = rotations(10000000, 32);
  put("seed_oss", R"("head_dim": 32, "rope_theta": 10000000.0, "attention_bias": true)", seed);

  Decoder internlm3;
  internlm3.qkv_bias = true;
  internlm3.rotation = rotations(50000000);
  put("internlm3", R"("rope_theta": 50000000, "qkv_bias": true, "tie_word_embeddings": false,
      "rope_scaling": {"rope_type": "dynamic", "factor": 6.0})",
      internlm3);

  Decoder ernie;
  ernie.qkv_bias = ernie.out_bias = ernie.mlp_bias = true;
  ernie.head = {};
  ernie.neighbours = true;
  ernie.rotation = rotations(500000);
  put("ernie4_5", R"("rope_theta": 500000.0, "use_bias": true)", ernie);

  Decoder glm4;
  glm4.attention_post_norm = "model.layers.{}.post_self_attn_layernorm";
  glm4.mlp_post_norm = "model.layers.{}.post_mlp_layernorm";
  glm4.gate_up = "model.layers.{}.mlp.gate_up_proj";
  glm4.qkv_bias = true;
  glm4.neighbours = true;
  glm4.rotation = rotations(10000, 8);
  put("glm4", R"("head_dim": 16, "rope_theta": 10000.0, "attention_bias": true,
      "partial_rotary_factor": 0.5)",
      glm4);

  // The base is multiplied by alpha ** (d / (d - 2)).
  Decoder hunyuan;
  hunyuan.q_norm = "model.layers.{}.self_attn.query_layernorm";
  hunyuan.k_norm = "model.layers.{}.self_attn.key_layernorm";
  hunyuan.norm_after_rope = true;
  hunyuan.head = {};
  hunyuan.rotation = rotations(10000 * std::pow(1000.0, 16.0 / 14));
  put("hunyuan_v1_dense", R"("rope_theta": 10000.0, "use_qk_norm": true,
      "tie_word_embeddings": true,
      "rope_scaling": {"type": "dynamic", "alpha": 1000.0, "factor": 1.0})",
      hunyuan);
  return list;
}

inline std::vector<Case> window_cases() {
  std::vector<Case> list;
  auto put = [&](const std::string& name, const std::string& type, const std::string& more,
                 const Decoder& model) {
    list.push_back(decoder_case(
        name,
        with_shapes(R"("model_type": ")" + type + R"(", )" + more, static_cast<int>(model.layers)),
        model));
  };
  auto every_fourth = [](std::size_t i) { return std::size_t{i % 4 == 3 ? 0U : 8U}; };
  std::string types = R"("layer_types": ["sliding_attention", "sliding_attention",
      "sliding_attention", "full_attention"])";

  // The layers that see all don't turn.
  Decoder cohere;
  cohere.layers = 4;
  cohere.layer_norms = true;
  cohere.parallel = true;
  cohere.qkv_bias = cohere.out_bias = true;
  cohere.head = {};
  cohere.logit_scale = 0.25;
  cohere.neighbours = true;
  cohere.window = every_fourth;
  cohere.rotation = [](std::size_t i) { return frequencies(50000, i == 3 ? 0 : 16); };
  std::string cohere_config = R"("layer_norm_eps": 1e-05, "rope_theta": 50000,
      "attention_bias": true, "sliding_window": 8, "logit_scale": 0.25)";
  put("cohere2", "cohere2", cohere_config, cohere);
  put("cohere2_listed", "cohere2", cohere_config + ", " + types, cohere);

  Decoder exaone;
  exaone.layers = 4;
  exaone.attention_norm = exaone.mlp_norm = {};
  exaone.attention_post_norm = "model.layers.{}.post_attention_layernorm";
  exaone.mlp_post_norm = "model.layers.{}.post_feedforward_layernorm";
  exaone.q_norm = "model.layers.{}.self_attn.q_norm";
  exaone.k_norm = "model.layers.{}.self_attn.k_norm";
  exaone.rotation = rotations(1000000);
  put("exaone4", "exaone4", R"("rope_theta": 1000000, "sliding_window": null)", exaone);
  exaone.window = every_fourth;
  exaone.rotation = [](std::size_t i) { return frequencies(1000000, i == 3 ? 0 : 16); };
  put("exaone4_windows", "exaone4", R"("rope_theta": 1000000, "sliding_window": 8, )" + types,
      exaone);

  // Yarn (arxiv.org/abs/2309.00071) in the layers that see all: pairs that turn more than 32 times
  // over the original context stay, those below 1 are slowed down by the factor, with a ramp
  // between.
  Decoder olmo = exaone;
  olmo.norm_whole = true;
  olmo.rotation = [](std::size_t i) {
    Row f = frequencies(500000, 16);
    if (i != 3) return f;
    auto pair_at = [](double turns) {
      return 16 * std::log(64 / (turns * 2 * std::numbers::pi)) / (2 * std::log(500000.0));
    };
    double low = std::max(0.0, std::floor(pair_at(32)));
    double high = std::min(15.0, std::ceil(pair_at(1)));
    for (std::size_t p = 0; p < f.size(); p++) {
      double ramp = std::clamp((static_cast<double>(p) - low) / (high - low), 0.0, 1.0);
      f[p] = f[p] * (1 - ramp) + f[p] / 4 * ramp;
    }
    return f;
  };
  olmo.rotation_scale = [](std::size_t i) { return i == 3 ? 0.1 * std::log(4.0) + 1 : 1.0; };
  put("olmo3", "olmo3", R"("rope_theta": 500000, "sliding_window": 8, "rope_scaling":
      {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64})",
      olmo);
  return list;
}

inline std::vector<Case> cases() {
  std::vector<Case> all;
  for (const std::vector<Case>& some :
       {recurrent_cases(), own_name_cases(), kin_cases(), window_cases()})
    all.insert(all.end(), some.begin(), some.end());
  return all;
}

}  // namespace mlc::plain
