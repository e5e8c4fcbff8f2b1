// A small model whose logits are computed by plain loops, and what its cases have in common.
#pragma once

#include "tests/unit/plain_decoder.h"
#include "tests/unit/plain_rwkv.h"

namespace mlc::plain {

struct Case {
  std::string name;
  std::string config;
  std::size_t vocab;
  std::function<Rows(Checkpoint&, const std::vector<std::uint32_t>&)> logits;
};

inline Case decoder_case(std::string name, std::string config, Decoder model) {
  return {std::move(name), std::move(config), model.vocab,
          [model](Checkpoint& weights, const std::vector<std::uint32_t>& ids) {
            return DecoderPass(model, weights).logits(ids);
          }};
}

inline Case rwkv_case(std::string name, std::string config, Rwkv model) {
  return {std::move(name), std::move(config), model.vocab,
          [model](Checkpoint& weights, const std::vector<std::uint32_t>& ids) {
            return RwkvPass(model, weights).logits(ids);
          }};
}

// The shapes of Decoder's defaults, under Llama's names.
inline std::string with_shapes(const std::string& more, int layers = 2) {
  return fmt::format(
      R"({{"hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4,
           "num_key_value_heads": 2, "num_hidden_layers": {}, "vocab_size": 96,
           "max_position_embeddings": 256, "rms_norm_eps": 1e-5, "bos_token_id": 1,
           "eos_token_id": 2, "pad_token_id": 0, "use_cache": true, {}}})",
      layers, more);
}

inline std::function<Row(std::size_t)> rotations(double theta, std::size_t dims = 16) {
  return [=](std::size_t) { return frequencies(theta, dims); };
}

}  // namespace mlc::plain
