// What the model level reads: token sequences that any model of a vocabulary can read, and texts
// where there is a tokenizer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime-min/tokenizer/tokenizer.h"

namespace mlc {

struct TokenSequence {
  std::string name;                   // "prompt 2", "held_out.txt, tokens 255 to 509"
  std::vector<std::uint32_t> inputs;  // what the model reads
  // What follows each of them; -1: not known, or not to be scored.
  std::vector<std::int64_t> follows = {};
  // Tokens in one call of the engine: 1 decodes, more prefill, each with kernels of its own.
  std::uint32_t rows = 1;
  bool is_language = false;  // what the model was made for: quantization error is measured on it
  bool is_text = false;      // of the text that was asked for
};

// The most rows of a sequence.
inline constexpr std::uint32_t kMostRows = 32;
// Inputs of a window of text, at most: the protocol of docs/formats.md, "Perplexity".
inline constexpr std::uint32_t kWindowTokens = 255;

struct TokenOptions {
  std::uint32_t vocab = 0;    // ids below it
  std::uint32_t context = 0;  // inputs of a sequence, at most
  const Tokenizer* tokenizer = nullptr;
  std::uint32_t first_token = 0;  // begins every text: BOS, or 0
  std::string text_name;          // empty: no text
  std::string text;
  std::uint64_t max_tokens = 0;  // of the text; 0: all
};

// The fixed prompts, then the windows of the text, the short ones first. With a text, only its
// windows are language, so that perplexities are those of this text. Error(kUsage): there is
// nothing in the text; Error(kBadInput): it is no UTF-8; Error(kVerify): the tokenizer gives a
// token outside the vocabulary.
std::vector<TokenSequence> token_sequences(const TokenOptions& options);

// "7 prompts and 2,048 tokens of held_out.txt"
std::string describe(const std::vector<TokenSequence>& sequences, const std::string& text_name);

}  // namespace mlc
