#include "convert/gguf_blocks.h"

#include <algorithm>
#include <array>

#include "convert/gguf_decoders.h"

namespace mlc {
namespace {

constexpr std::array kTypes = {
    GgufType{0, "F32", 1, 4, DType::kF32},
    GgufType{1, "F16", 1, 2, DType::kF16},
    GgufType{2, "Q4_0", 32, 18, {}, decode_q4_0, lattice_q4_0},
    GgufType{3, "Q4_1", 32, 20, {}, decode_q4_1},
    GgufType{6, "Q5_0", 32, 22, {}, decode_q5_0},
    GgufType{7, "Q5_1", 32, 24, {}, decode_q5_1},
    GgufType{8, "Q8_0", 32, 34, {}, decode_q8_0},
    GgufType{9, "Q8_1", 32, 36},
    GgufType{10, "Q2_K", 256, 84, {}, decode_q2_k},
    GgufType{11, "Q3_K", 256, 110, {}, decode_q3_k},
    GgufType{12, "Q4_K", 256, 144, {}, decode_q4_k},
    GgufType{13, "Q5_K", 256, 176, {}, decode_q5_k},
    GgufType{14, "Q6_K", 256, 210, {}, decode_q6_k},
    GgufType{15, "Q8_K", 256, 292},
    GgufType{16, "IQ2_XXS", 256, 66},
    GgufType{17, "IQ2_XS", 256, 74},
    GgufType{18, "IQ3_XXS", 256, 98},
    GgufType{19, "IQ1_S", 256, 50},
    GgufType{20, "IQ4_NL", 32, 18, {}, decode_iq4_nl},
    GgufType{21, "IQ3_S", 256, 110},
    GgufType{22, "IQ2_S", 256, 82},
    GgufType{23, "IQ4_XS", 256, 136, {}, decode_iq4_xs},
    GgufType{24, "I8", 1, 1, DType::kI8},
    GgufType{25, "I16", 1, 2, DType::kI16},
    GgufType{26, "I32", 1, 4, DType::kI32},
    GgufType{27, "I64", 1, 8, DType::kI64},
    GgufType{28, "F64", 1, 8, DType::kF64},
    GgufType{29, "IQ1_M", 256, 56},
    GgufType{30, "BF16", 1, 2, DType::kBF16},
    GgufType{34, "TQ1_0", 256, 54, {}, decode_tq1_0, lattice_tq1_0},
    GgufType{35, "TQ2_0", 256, 66, {}, decode_tq2_0, lattice_tq2_0},
    GgufType{39, "MXFP4", 32, 17, {}, decode_mxfp4},
    GgufType{40, "NVFP4", 64, 36},
    GgufType{41, "Q1_0", 128, 18},
    GgufType{42, "Q2_0", 64, 18},
};
static_assert(std::is_sorted(kTypes.begin(), kTypes.end(),
                             [](const GgufType& a, const GgufType& b) { return a.id < b.id; }));
static_assert(std::all_of(kTypes.begin(), kTypes.end(), [](const GgufType& t) {
  return t.elements > 0 && t.bytes > 0 && (!t.plain || t.elements == 1) &&
         (!t.lattice || (t.decode && t.elements % 32 == 0));
}));

}  // namespace

std::span<const GgufType> gguf_types() { return kTypes; }

const GgufType* find_gguf_type(std::uint32_t id) {
  auto row =
      std::find_if(kTypes.begin(), kTypes.end(), [&](const GgufType& t) { return t.id == id; });
  return row == kTypes.end() ? nullptr : &*row;
}

}  // namespace mlc
