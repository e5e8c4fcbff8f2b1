// A small Llama made in a test: plain, or with its linears packed as GPTQ packs them, and the value
// of every weight.
#pragma once

#include <map>

#include "base/half.h"
#include "base/tensor_cache.h"
#include "tests/unit/packed_cases.h"
#include "tests/unit/plain_path.h"
#include "tests/unit/quant_cases.h"

namespace mlc::test {

struct LlamaSize {
  std::int64_t hidden = 64;
  std::int64_t intermediate = 96;
  std::int64_t heads = 4;
  std::int64_t groups = 2;  // heads of keys and values
  std::int64_t vocab = 40;
};

// One layer. `gptq_group`: 0 for plain weights of `dtype`, else the columns that share a scale;
// symmetric, in natural order.
inline PlainTensors write_llama(const fs::path& folder, const LlamaSize& size, DType dtype,
                                std::int64_t gptq_group, std::uint64_t seed) {
  Random random(seed);
  std::int64_t key_rows = size.hidden / size.heads * size.groups;
  const std::string layer = "model.layers.0.";
  const std::map<std::string, std::vector<std::int64_t>> shapes = {
      {layer + "self_attn.q_proj", {size.hidden, size.hidden}},
      {layer + "self_attn.k_proj", {key_rows, size.hidden}},
      {layer + "self_attn.v_proj", {key_rows, size.hidden}},
      {layer + "self_attn.o_proj", {size.hidden, size.hidden}},
      {layer + "mlp.gate_proj", {size.intermediate, size.hidden}},
      {layer + "mlp.up_proj", {size.intermediate, size.hidden}},
      {layer + "mlp.down_proj", {size.hidden, size.intermediate}},
      {layer + "input_layernorm", {size.hidden}},
      {layer + "post_attention_layernorm", {size.hidden}},
      {"model.norm", {size.hidden}},
      {"model.embed_tokens", {size.vocab, size.hidden}},
      {"lm_head", {size.vocab, size.hidden}},
  };
  PlainTensors tensors;
  std::vector<Stored> file;
  for (const auto& [name, shape] : shapes) {
    PlainTensor& tensor = tensors[name + ".weight"];
    tensor.dtype = dtype;
    tensor.shape = shape;
    if (gptq_group != 0 && name.find("_proj") != std::string::npos) {
      std::int64_t out = shape[0];
      std::int64_t in = shape[1];
      auto at = [](std::int64_t i) { return static_cast<std::size_t>(i); };
      std::vector<std::uint32_t> codes(at(in / 8 * out));
      for (std::uint32_t& word : codes)
        word = random.bits();
      std::vector<std::uint16_t> scales(at(in / gptq_group * out));
      for (std::uint16_t& scale : scales)  // now and then zero or not normal
        scale = f32_to_f16(random.below(50) == 0 ? static_cast<float>(random.below(3)) * 0x1p-24f
                                                 : 0.01f * (0.1f + std::fabs(random.gaussian())));
      std::vector<std::uint32_t> zeros(at(in / gptq_group * out / 8), 0x77777777u);  // 8, less one
      std::vector<std::int32_t> columns;
      for (std::int64_t i = 0; i < in; i++)
        columns.push_back(static_cast<std::int32_t>(i / gptq_group));
      for (std::int64_t o = 0; o < out; o++)
        for (std::int64_t i = 0; i < in; i++) {
          std::uint32_t code = codes[at(i / 8 * out + o)] >> (4 * (i % 8)) & 15u;
          double scale = static_cast<double>(f16_to_f32(scales[at(i / gptq_group * out + o)]));
          tensor.values.push_back((static_cast<double>(code) - 8) * scale);
        }
      file.push_back(stored(name + ".qweight", "I32", {in / 8, out}, codes));
      file.push_back(stored(name + ".qzeros", "I32", {in / gptq_group, out / 8}, zeros));
      file.push_back(stored(name + ".scales", "F16", {in / gptq_group, out}, scales));
      file.push_back(stored(name + ".g_idx", "I32", {in}, columns));
      continue;
    }
    Stored plain{name + ".weight", std::string(info(dtype).safetensors), shape, ""};
    std::int64_t count = shape[0] * (shape.size() > 1 ? shape[1] : 1);
    for (std::int64_t i = 0; i < count; i++) {
      tensor.values.push_back(rounded(0.1 * static_cast<double>(random.gaussian()), dtype));
      append_element(plain.bytes, tensor.values.back(), dtype);
    }
    file.push_back(plain);
  }
  write_safetensors(folder / "model.safetensors", file);
  Json config = Json::object();
  config.set("model_type", "llama").set("hidden_size", size.hidden);
  config.set("intermediate_size", size.intermediate).set("num_attention_heads", size.heads);
  config.set("num_key_value_heads", size.groups).set("num_hidden_layers", 1);
  config.set("rms_norm_eps", 1e-5).set("vocab_size", size.vocab);
  config.set("max_position_embeddings", 64);
  if (gptq_group != 0) {
    Json packed = Json::object();
    packed.set("quant_method", "gptq").set("bits", 4).set("group_size", gptq_group);
    packed.set("sym", true).set("desc_act", false);
    config.set("quantization_config", packed);
  }
  write_file_atomically((folder / "config.json").string(), dump_json(config));
  return tensors;
}

// Bytes of each record of a conversion.
inline std::map<std::string, std::string> read_records(const std::string& folder) {
  std::map<std::string, std::string> records;
  TensorCache cache = read_tensor_cache(folder + "/tensor-cache.json");
  for (const Shard& shard : cache.shards) {
    std::string bytes = read_file(folder + "/" + shard.data_path, std::size_t{1} << 28);
    for (const Record& r : shard.records)
      records[r.name] = bytes.substr(r.byte_offset, r.nbytes);
  }
  return records;
}

}  // namespace mlc::test
