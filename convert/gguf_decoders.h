// One decoder per block type of GGUF that is not plain numbers; the table is in gguf_blocks.cc.
#pragma once

#include <cstddef>

namespace mlc {

// Blocks of 32 (gguf_decoders_32.cc).
void decode_q4_0(const std::byte* in, std::size_t blocks, float* out);
void decode_q4_1(const std::byte* in, std::size_t blocks, float* out);
void decode_q5_0(const std::byte* in, std::size_t blocks, float* out);
void decode_q5_1(const std::byte* in, std::size_t blocks, float* out);
void decode_q8_0(const std::byte* in, std::size_t blocks, float* out);
void decode_iq4_nl(const std::byte* in, std::size_t blocks, float* out);
void decode_mxfp4(const std::byte* in, std::size_t blocks, float* out);

// Blocks of 256 (gguf_decoders_256.cc).
void decode_q2_k(const std::byte* in, std::size_t blocks, float* out);
void decode_q3_k(const std::byte* in, std::size_t blocks, float* out);
void decode_q4_k(const std::byte* in, std::size_t blocks, float* out);
void decode_q5_k(const std::byte* in, std::size_t blocks, float* out);
void decode_q6_k(const std::byte* in, std::size_t blocks, float* out);
void decode_iq4_xs(const std::byte* in, std::size_t blocks, float* out);
void decode_tq1_0(const std::byte* in, std::size_t blocks, float* out);
void decode_tq2_0(const std::byte* in, std::size_t blocks, float* out);

// Q4_0 has levels -8..7 of d, which are the levels -7..8 of -d. The ternary types have -1..1 of d.
float lattice_q4_0(const std::byte* block);
float lattice_tq1_0(const std::byte* block);
float lattice_tq2_0(const std::byte* block);

}  // namespace mlc
