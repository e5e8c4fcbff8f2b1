// tokenizer_config.json, as far as it says which tokens there are and how a SentencePiece model is
// to be used; with special_tokens_map.json and added_tokens.json, which older checkpoints have
// beside it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mlc {

// A token that is taken out of the text before the model splits it.
struct AddedToken {
  std::string content;
  bool single_word = false;
  bool lstrip = false;
  bool rstrip = false;
  bool normalized = false;
  bool special = true;
};

struct TokenizerConfig {
  struct Numbered {
    std::uint64_t id = 0;
    AddedToken token;
  };
  struct Special {
    std::string role;                 // bos_token, eos_token, ..., additional_special_tokens
    std::optional<AddedToken> token;  // nothing: null in the file
  };

  std::string tokenizer_class;  // without "Fast"; empty when the file does not say
  bool has_own_code = false;    // the class is Python code of the checkpoint
  std::optional<bool> legacy;
  std::optional<bool> add_prefix_space;
  std::optional<bool> add_bos_token;
  std::optional<bool> add_eos_token;
  std::vector<Numbered> added;  // by id
  bool has_added_tokens_decoder = false;
  std::vector<Special> special;  // in transformers' order of roles

  const Special* find(std::string_view role) const;
};

// `text`: nothing when the checkpoint has no such file. `path` names it in errors.
TokenizerConfig read_tokenizer_config(const std::optional<std::string>& text,
                                      const std::string& path);

// What transformers takes from the older files when tokenizer_config.json has no
// added_tokens_decoder: the special tokens of special_tokens_map.json go before its own, and
// added_tokens.json names the added tokens.
void add_special_tokens_map(TokenizerConfig& config, const std::string& text,
                            const std::string& path);
void add_added_tokens(TokenizerConfig& config, const std::string& text, const std::string& path);

}  // namespace mlc
