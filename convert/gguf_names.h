// What GGUF calls the tensors of each architecture, and what its converter did to them.
//
// Source: convert_hf_to_gguf.py and gguf-py/gguf/tensor_mapping.py of llama.cpp. A model of Hugging
// Face is stored under the names of llama.cpp, and some tensors are changed on the way; here each
// goes back.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace mlc {

// What undoes the converter.
enum class GgufUndo : std::uint8_t {
  kNothing,
  // Llama's query and key rows were put from rotate-half order (all first halves of the pairs, then
  // all second ones) into pairs, head by head: LlamaModel.permute.
  kQueryRows,
  kKeyRows,
  kNeoxRows,  // [heads, 3, head_dim] became [3, heads, head_dim]
  kMinusOne,  // norms of weight w are stored as 1 + w in float32; matters for weights only
  kTurned,    // Conv1D weights of [in, out] became [out, in]; matters for weights only
  kExperts,   // [experts, rows, cols] were one tensor each; '#' in the name counts them
  kOneRow,    // [1, n] became [n]
  kDerived,   // written from config.json by the converter: not a tensor of the checkpoint
};

struct GgufNameRow {
  std::string_view gguf;  // without ".weight" or ".bias"; '*' is the layer
  std::string_view hf;
  GgufUndo undo = GgufUndo::kNothing;
};

struct GgufArchitecture {
  std::string_view name;                     // general.architecture
  std::span<const GgufNameRow> rows;         // the first match counts
  std::span<const GgufNameRow> common = {};  // after `rows`
};

struct GgufName {
  std::string hf;  // may have '#'
  GgufUndo undo = GgufUndo::kNothing;
};

std::span<const GgufArchitecture> gguf_architectures();
const GgufArchitecture* find_gguf_architecture(std::string_view name);  // nullptr if unknown

// The checkpoint's name of a tensor; nullopt if the architecture has no row for it.
std::optional<GgufName> huggingface_name(const GgufArchitecture& architecture,
                                         std::string_view gguf_name);

}  // namespace mlc
