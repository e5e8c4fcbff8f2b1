// Tokenizer files: any bytes are refused, or give files that the strict readers take. The first
// byte says what the rest is.
#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/json.h"
#include "genconfig/rwkv_vocab.h"
#include "genconfig/sentencepiece.h"
#include "genconfig/sentencepiece_json.h"
#include "genconfig/tiktoken.h"
#include "genconfig/tokenizer_config.h"
#include "genconfig/tokenizer_json.h"

namespace {

using namespace mlc;

void check_strict(const std::string& text) {
  JsonLimits limits;
  limits.nul_in_keys = true;
  try {
    parse_json(text, "strict", limits);
  } catch (const Error&) {
    __builtin_trap();
  }
}

// What is made must be a tokenizer.json with tokens.
void check_made(const std::string& text) {
  check_strict(text);
  if (!read_tokenizer_json(text, "made", {}).tokens) __builtin_trap();
}

void run(std::uint8_t kind, const std::string& bytes) {
  switch (kind) {
    case 'j':
      read_tokenizer_json(bytes, "fuzz", {});
      check_strict(bytes);
      break;
    case 's': {
      SentencePieceModel model = read_sentencepiece_model(bytes, "fuzz");
      for (SentencePieceFamily family : {SentencePieceFamily::kLlama, SentencePieceFamily::kGemma,
                                         SentencePieceFamily::kGeneric}) {
        std::string made;
        try {
          made = sentencepiece_to_json(model, family, {}, "fuzz", "config").json;
        } catch (const Error& e) {
          if (e.code() != ExitCode::kBadInput) __builtin_trap();
          continue;
        }
        check_made(made);
      }
      break;
    }
    case 't': {
      TiktokenFiles files = convert_tiktoken(bytes, "fuzz", {{"<|x|>", 1u << 23}}, "T", 1);
      check_made(files.tokenizer_json);
      check_strict(files.vocab_json);
      break;
    }
    case 'r':
      rwkv_tokenizer_model(bytes, RwkvFormat::kText, "fuzz");
      break;
    case 'R':
      rwkv_tokenizer_model(bytes, RwkvFormat::kJson, "fuzz");
      break;
    case 'c': {
      TokenizerConfig config = read_tokenizer_config(bytes, "fuzz");
      add_special_tokens_map(config, bytes, "fuzz");
      break;
    }
    case 'a': {
      TokenizerConfig config;
      add_added_tokens(config, bytes, "fuzz");
      break;
    }
    default:
      break;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    run(data[0], bytes);
  } catch (const Error& e) {
    if (e.code() != ExitCode::kBadInput) __builtin_trap();
  }
  return 0;
}
