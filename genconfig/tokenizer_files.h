// Which tokenizer files a model folder gets, and what mlc-chat-config.json says about them.
//
// The rules and their order are mlc_llm's (docs/formats.md, "Tokenizer files"):
//
//   copied, in this order, when the checkpoint has them: tokenizer.model, tokenizer.json,
//     vocab.json, merges.txt, added_tokens.json, tokenizer_config.json
//   rwkv_vocab_vYYYYMMDD.{txt,json}          -> tokenizer_model (not in `names`)
//   tokenizer.model without tokenizer.json   -> tokenizer.json, from the SentencePiece model, for
//   the
//                                               Llama and Gemma families
//   *.tiktoken without tokenizer.json        -> tokenizer.json, vocab.json, merges.txt,
//                                               special_tokens_map.json, tokenizer_config.json
//
// Nothing is written: the caller commits all files at once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/reporter.h"

namespace mlc {

// The post-processing of tokens that the runtime applies (`tokenizer_info`).
struct TokenizerInfo {
  std::string token_postproc_method = "byte_fallback";  // or "byte_level"
  bool prepend_space_in_encode = false;
  bool strip_space_in_decode = false;

  bool operator==(const TokenizerInfo&) const = default;
};

struct TokenizerFile {
  std::string name;    // in the output folder
  std::string source;  // the file of the checkpoint it was copied from; empty: made by us
  std::string bytes;   // all of it, always
};

struct TokenizerFiles {
  std::vector<TokenizerFile> files;  // every file to write, each name once
  std::vector<std::string> names;    // `tokenizer_files` of mlc-chat-config.json, in its order
  TokenizerInfo info;
  // The number of tokens of the checkpoint's own tokenizer.json; without one `active_vocab_size` is
  // the model's vocab_size.
  std::optional<std::uint64_t> active_vocab_size;
  // Of tokenizer.json, texts and ids: what control tokens mean in this checkpoint.
  std::vector<std::pair<std::string, std::int64_t>> added_tokens;
};

struct TokenizerSource {
  std::string folder;                    // the checkpoint's; empty (a preset): no files
  std::string model_type;                // the one in use; picks the rules where no class is named
  std::int64_t context_window_size = 0;  // model_max_length of a tokenizer_config.json that is made
  // The output folder. A tokenizer.json that lies there already and is not replaced is what a
  // runtime will load, so `info` is taken from it, with a warning. May be the checkpoint's folder.
  std::string out;
};

// Error(kBadInput): a file is damaged or says something impossible: two added tokens of the same
// content, token ids beyond 32 bits, invalid UTF-8, a model that cannot be converted exactly. What
// mlc_llm leaves out with a warning (tokenizer classes that are Python code of the checkpoint) is
// left out here with a warning.
TokenizerFiles find_tokenizer_files(const TokenizerSource& source, Reporter& reporter);

}  // namespace mlc
