// RWKV vocabularies (rwkv_vocab_vYYYYMMDD.txt or .json) as the `tokenizer_model` of MLC runtimes: a
// msgpack map from token id to the token's bytes, in the order of the file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mlc {

enum class RwkvFormat : std::uint8_t { kText, kJson };

// Nothing: not the name of such a file. How the name begins decides, as in mlc_llm.
std::optional<RwkvFormat> rwkv_vocab_format(std::string_view file_name);

// A line of text is an id, a Python string or bytes literal, and the number of bytes; JSON maps
// tokens to ids. Error(kBadInput), naming `where` and the line: anything else, a number of bytes
// that is not the token's, an id that occurs twice.
std::string rwkv_tokenizer_model(std::string_view text, RwkvFormat format,
                                 const std::string& where);

}  // namespace mlc
