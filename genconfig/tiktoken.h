// *.tiktoken files (one line a token: its bytes in base64 and its rank) as the files of a GPT-2
// tokenizer. The merges follow from the ranks; the split into words is GPT-2's, whatever the
// model's own pattern is, as mlc_llm has it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mlc {

struct TiktokenFiles {
  std::string tokenizer_json;
  std::string vocab_json;
  std::string merges_txt;
  std::string special_tokens_map_json;
  std::string tokenizer_config_json;
};

using SpecialTokens = std::vector<std::pair<std::string, std::uint64_t>>;

// The special tokens that the Python class of this name has in its code; nothing for a class that
// is not known.
std::optional<SpecialTokens> tiktoken_special_tokens(std::string_view tokenizer_class);

// Error(kBadInput), naming `where` and the line: no base64, a rank that is no integer, twice a
// token or rank, a rank that is missing, a token that is not the merge of two of lower ranks.
TiktokenFiles convert_tiktoken(std::string_view text, const std::string& where,
                               const SpecialTokens& special, const std::string& tokenizer_class,
                               std::int64_t context_window_size);

}  // namespace mlc
