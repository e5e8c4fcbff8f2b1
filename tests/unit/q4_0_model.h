// A small Llama as llama.cpp's converter writes it, linears in Q4_0, and the value of every weight.
// Source of the layout: the GGUF format's document, version 3; of the rows' order in q and k: its
// converter, which puts the two halves of a head side by side.
#pragma once

#include "tests/unit/packed_model.h"

namespace mlc::test {

class GgufText {
 public:
  template <class T>
  GgufText& add(T value) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  GgufText& add(const std::string& text) {
    add(std::uint64_t{text.size()});
    bytes += text;
    return *this;
  }
  void pad() { bytes.resize((bytes.size() + 31) / 32 * 32); }
  std::string bytes;
};

// Values by the names and in the order of the Hugging Face checkpoint.
inline PlainTensors write_q4_0_llama(const std::string& path, const LlamaSize& size,
                                     std::uint64_t seed) {
  struct Row {
    std::string gguf, name;
    std::int64_t rows, cols;  // rows 0: one dimension, in float32
    std::int64_t heads = 0;   // whose rows are in GGUF's order
  };
  std::int64_t key_rows = size.hidden / size.heads * size.groups;
  const std::string layer = "model.layers.0.";
  const std::vector<Row> rows = {
      {"token_embd", "model.embed_tokens", size.vocab, size.hidden},
      {"blk.0.attn_norm", layer + "input_layernorm", 0, size.hidden},
      {"blk.0.attn_q", layer + "self_attn.q_proj", size.hidden, size.hidden, size.heads},
      {"blk.0.attn_k", layer + "self_attn.k_proj", key_rows, size.hidden, size.groups},
      {"blk.0.attn_v", layer + "self_attn.v_proj", key_rows, size.hidden},
      {"blk.0.attn_output", layer + "self_attn.o_proj", size.hidden, size.hidden},
      {"blk.0.ffn_norm", layer + "post_attention_layernorm", 0, size.hidden},
      {"blk.0.ffn_gate", layer + "mlp.gate_proj", size.intermediate, size.hidden},
      {"blk.0.ffn_up", layer + "mlp.up_proj", size.intermediate, size.hidden},
      {"blk.0.ffn_down", layer + "mlp.down_proj", size.hidden, size.intermediate},
      {"output_norm", "model.norm", 0, size.hidden},
      {"output", "lm_head", size.vocab, size.hidden},
  };
  constexpr std::uint32_t kU32 = 4, kString = 8, kF32 = 0, kQ40 = 2;
  GgufText head, data;
  head.bytes = "GGUF";
  head.add(std::uint32_t{3}).add(std::uint64_t{rows.size()}).add(std::uint64_t{3});
  head.add(std::string("general.architecture")).add(kString).add(std::string("llama"));
  head.add(std::string("llama.attention.head_count")).add(kU32);
  head.add(static_cast<std::uint32_t>(size.heads));
  head.add(std::string("llama.attention.head_count_kv")).add(kU32);
  head.add(static_cast<std::uint32_t>(size.groups));
  Random random(seed);
  PlainTensors tensors;
  for (const Row& r : rows) {
    auto cols = static_cast<std::uint64_t>(r.cols);
    head.add(r.gguf + ".weight").add(std::uint32_t{r.rows == 0 ? 1u : 2u}).add(cols);
    if (r.rows != 0) head.add(static_cast<std::uint64_t>(r.rows));
    head.add(r.rows == 0 ? kF32 : kQ40).add(std::uint64_t{data.bytes.size()});
    PlainTensor& tensor = tensors[r.name + ".weight"];
    tensor.dtype = DType::kF32;
    tensor.shape = {r.cols};
    if (r.rows != 0) tensor.shape.insert(tensor.shape.begin(), r.rows);
    tensor.values.resize(cols * static_cast<std::size_t>(std::max<std::int64_t>(r.rows, 1)));
    for (std::int64_t row = 0; row < r.rows; row++) {
      std::int64_t head_dim = r.heads == 0 ? 1 : r.rows / r.heads;
      std::int64_t in_head = row % head_dim;
      std::int64_t to =
          r.heads == 0 ? row : row - in_head + in_head % 2 * (head_dim / 2) + in_head / 2;
      for (std::int64_t col = 0; col < r.cols; col += 32) {
        float d = 0.01f * random.gaussian();  // of either sign; now and then zero or not normal
        if (random.below(50) == 0) d = static_cast<float>(random.below(3)) * 0x1p-24f;
        std::uint16_t scale = f32_to_f16(d);
        data.add(scale);
        double* values = &tensor.values[static_cast<std::size_t>(to * r.cols + col)];
        for (std::size_t i = 0; i < 16; i++) {
          unsigned byte = random.bits() & 255u;
          data.add(static_cast<std::uint8_t>(byte));
          auto exact = static_cast<double>(f16_to_f32(scale));
          values[i] = (static_cast<double>(byte & 15u) - 8) * exact;
          values[i + 16] = (static_cast<double>(byte >> 4) - 8) * exact;
        }
      }
    }
    for (std::int64_t i = 0; r.rows == 0 && i < r.cols; i++) {
      float value = random.gaussian();
      data.add(value);
      tensor.values[static_cast<std::size_t>(i)] = static_cast<double>(value);
    }
    data.pad();
  }
  head.pad();
  write_file_atomically(path, head.bytes + data.bytes);
  return tensors;
}

}  // namespace mlc::test
